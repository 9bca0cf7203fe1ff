"""Networks that functions of the user's own build, by the functions' names."""

from dataclasses import dataclass

import torch
from torch import nn

from surfeit.core.importing import call_named, named_object
from surfeit.models.networks import Shape


@dataclass(frozen=True)
class OwnBuilder:
    """A builder that calls a function of the user's own.

    What the function, or its file, draws from PyTorch's global generator is drawn from the seed's
    own, so that a network is the same each time, in any process; where the function takes a
    `generator`, it gets that.

    Args:
        function: its name, as for `own_network`. It is called when a network is built.
    """

    function: str

    @property
    def __name__(self) -> str:  # what runs are called after
        return self.function.rpartition(":")[2].replace(".", "-")

    def __call__(
        self,
        *,
        input_shape: Shape = (1, 1, 1),
        classes: int = 1,
        generator: torch.Generator | None = None,
    ) -> nn.Module:
        """The network; raises as `own_network`."""
        with torch.random.fork_rng([]):
            seeds = generator or torch.Generator().manual_seed(0)
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=seeds)))
            return own_network(
                self.function, input_shape=input_shape, classes=classes, generator=generator
            )


def own_network(text: str, **options: object) -> nn.Module:
    """The network that a function of the user's own builds.

    Args:
        text: `package.module:function`, found here or among what is installed, or
            `path/to/file.py:function`. A class counts as a function that builds its objects.
        options: what the function gets if it takes an argument of that name: `input_shape`,
            `classes`, `generator`.

    Raises:
        ValueError: if there is no such module or function, it needs other arguments, fails, or
            builds no network.
    """
    built = named_object(text, anew=True)
    if isinstance(built, nn.Module):
        return built
    network = call_named(text, built, **options)
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"{text} must return the network, a torch.nn.Module, and returned an object of type "
            f"{type(network).__name__}"
        )
    return network
