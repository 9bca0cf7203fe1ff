"""What a worker is sent: network, data, recipe and arithmetic as JSON and files."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from surfeit.core import (
    OBJECTIVES,
    Objective,
    Params,
    Streams,
    buffers,
    converted_,
    copied,
    cross_entropy,
    digest,
    load_,
    parameters,
)
from surfeit.data import Dataset, read_dataset, write_dataset
from surfeit.execute import Context
from surfeit.execute.interrupts import ends_interrupt
from surfeit.models import (
    Builder,
    Shape,
    Structure,
    describe,
    foreign_part,
    initialise_,
    is_rebuildable,
    rebuild,
)
from surfeit.prune.prunable import prunable
from surfeit.train import Moment, Numerics, Recipe
from surfeit.train.job import Job

# What only its own code can build, while work is done in this very process.
_LENT: ContextVar[nn.Module | None] = ContextVar("lent", default=None)
_LENT_OBJECTIVE: ContextVar[Objective | None] = ContextVar("lent objective", default=None)

_PREFIX, _OWNER = "surfeit-parcels-", "owner"


@dataclass(frozen=True)
class Parcel:
    """A parcel, opened: what a training needs besides its own settings.

    Args:
        model: the network with the initial weights of the dense one.
        name: what to call it.
        drawn: whether initial weights are of `initialise_`'s law.
        dataset, recipe, numerics, seed, objective: as for `train`.
    """

    model: nn.Module
    name: str
    drawn: bool
    dataset: Dataset
    recipe: Recipe
    numerics: Numerics
    seed: int
    objective: Objective = cross_entropy

    @property
    def structure(self) -> Structure:
        """What the network is, found on the first training example."""
        return Structure.of(self.model, self.dataset.train.inputs[:1])


def pack(job: Job, data: Path, folder: Path, *, drawn: bool = False) -> dict[str, Any]:
    """A parcel as JSON values; weights that cannot be drawn again are written to the folder.

    Args:
        job: network, recipe, seed and arithmetic.
        data: the data set's file.
        folder: for the weights; it must stay until the work is done.
        drawn: whether the initial weights are of `initialise_`'s law, though not all of them of
            the seed's stream `init`.

    Cost: one copy of the weights where they are a module's own.
    """
    architecture, own = describe(job.network), tensors_of(job.network)
    weights = None
    if not _is_drawn(architecture, own, job.seed):
        path = folder / f"{digest(own)}.safetensors"
        if not path.exists():
            save_file({name: value.cpu().contiguous() for name, value in own.items()}, path)
        weights = str(path)
    return {
        "architecture": architecture,
        "weights": weights,
        "drawn": drawn or weights is None,
        "name": job.names()["model"],
        "data": str(data),
        "recipe": asdict(job.recipe),
        "numerics": asdict(job.numerics),
        "seed": job.seed,
        "frozen": job.frozen,
        "objective": job.objective.name,
    }


def unpack(parcel: Mapping[str, Any]) -> Parcel:
    """The parcel that `pack` made, in any process of this machine.

    Raises:
        ValueError: if network or objective can be built by their own code alone and none is lent.
    """
    model = _module(parcel["architecture"])
    if parcel["weights"] is None:
        initialise_(model, Streams(parcel["seed"]).get("init"))
    else:
        into(model, load_file(parcel["weights"]))
    for name in parcel["frozen"]:
        model.get_parameter(name).requires_grad_(False)
    return Parcel(
        model=model,
        name=parcel["name"],
        drawn=parcel["drawn"],
        dataset=read_dataset(parcel["data"]),
        recipe=Recipe(**parcel["recipe"]),
        numerics=Numerics(**parcel["numerics"]),
        seed=parcel["seed"],
        objective=_objective(parcel["objective"]),
    )


@contextmanager
def parcel_folder() -> Iterator[Path]:
    """A temporary folder for parcels, which goes with whatever ends the work.

    Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt while it is there. What a process that was
    killed has left is removed by the next one's call: the folder's file `owner` is locked as long
    as the process that made it lives.
    """
    _remove_left_folders()
    with (
        ends_interrupt(),
        TemporaryDirectory(prefix=_PREFIX) as name,
        open(Path(name, f".{_OWNER}"), "w") as owner,
    ):
        fcntl.flock(owner, fcntl.LOCK_EX)
        os.rename(owner.name, Path(name, _OWNER))  # nobody meets it before it is locked
        yield Path(name)


@contextmanager
def sending(
    dataset: Dataset, model: nn.Module, folder: Path, objective: Objective = cross_entropy
) -> Iterator[Path]:
    """Writes the data set for the workers, and lends the rest to work in this process."""
    network, judge = _LENT.set(model), _LENT_OBJECTIVE.set(objective)
    try:
        yield write_dataset(dataset, folder / "data.safetensors")
    finally:
        _LENT.reset(network)
        _LENT_OBJECTIVE.reset(judge)


def announcing(context: Context) -> Callable[[Moment], None]:
    """A training's progress that tells the context, once, which run began and its steps."""
    told = False

    def tell(moment: Moment) -> None:
        nonlocal told
        if not told:
            context.began(moment.key, moment.steps)
            told = True

    return tell


def into(model: nn.Module, tensors: Params) -> nn.Module:
    """The weights and statistics loaded into the model, which takes their precision."""
    floats = [value.dtype for value in tensors.values() if value.is_floating_point()]
    return load_(converted_(model, floats[0]), tensors)


def model_with(parcel: Parcel, tensors: Params) -> nn.Module:
    """A copy of the parcel's network with these parameters and buffers, in their precision."""
    return into(copied(parcel.model), tensors)


def drawn_like(parcel: Parcel, initial: Params, generator: torch.Generator) -> Params:
    """A new network's parameters and buffers, of the law of the initial weights.

    Where those were drawn by `initialise_`, so are these. Of any other network the law is not
    known: each layer's own initial weights are dealt out anew over its places (the same law, if
    they were drawn independently), and all other tensors are the initial ones.

    Args:
        parcel: the network.
        initial: the dense network's parameters and buffers at step 0.
        generator: what is drawn from.
    """
    if parcel.drawn:
        drawn = tensors_of(initialise_(copied(parcel.model), generator))
        return {name: value.to(initial[name].dtype) for name, value in drawn.items()}
    dealt = dict(initial)
    for name in prunable(parcel.model):
        order = torch.randperm(initial[name].numel(), generator=generator)
        dealt[name] = initial[name].flatten()[order].view(initial[name].shape)
    return dealt


def named(model: nn.Module, name: str) -> Builder:
    """A builder that gives this very network: runs are called after their builder."""

    def build(
        *,
        input_shape: Shape = (1, 1, 1),
        classes: int = 1,
        generator: torch.Generator | None = None,
    ) -> nn.Module:
        del input_shape, classes, generator  # it is built already
        return model

    build.__name__ = name
    return build


def tensors_of(model: nn.Module) -> Params:
    """Copies of all parameters and buffers by name."""
    return parameters(model) | buffers(model)


def _remove_left_folders() -> None:
    for path in Path(gettempdir()).glob(f"{_PREFIX}*/{_OWNER}"):
        # Another's folder, or one whose owner lives or takes it away itself.
        with suppress(OSError), open(path) as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)


def _is_drawn(architecture: dict[str, Any], own: Params, seed: int) -> bool:
    if not is_rebuildable(architecture):
        return False
    drawn = initialise_(rebuild(architecture), Streams(seed).get("init"))
    return digest(tensors_of(drawn)) == digest(own)


def _module(architecture: dict[str, Any]) -> nn.Module:
    if is_rebuildable(architecture):
        return rebuild(architecture)
    lent = _LENT.get()
    if lent is None or describe(lent) != architecture:
        raise ValueError(
            f"a {foreign_part(architecture)} cannot be built in another process, from its "
            "description alone: use the engine InProcess()"
        )
    return converted_(copied(lent), "cpu")


def _objective(name: str) -> Objective:
    lent = _LENT_OBJECTIVE.get()
    if lent is not None and lent.name == name:
        return lent
    if name not in OBJECTIVES:
        raise ValueError(
            f"the objective {name} is a function of your own, which another process does not have: "
            "use the engine InProcess()"
        )
    return OBJECTIVES[name]
