"""The networks of runs, built again and followed, and what judges their outputs."""

import threading
from dataclasses import dataclass

from torch import Tensor, nn

from surfeit.core import Objective, Split, copied, lift_, skeleton, suiting
from surfeit.models import Structure, builder_advice, is_rebuildable, why_not_rebuildable
from surfeit.store import Run


@dataclass(frozen=True, eq=False)
class Network:
    """A run's network at one step, in evaluation mode.

    Args:
        model: in float32 or float64.
        structure: what the network is.
    """

    model: nn.Module
    structure: Structure

    def takes(self, examples: Tensor) -> Tensor:
        """Inputs in the precision that the network computes in."""
        return _matched(examples, self.model)


class Networks:
    """Builds networks, and finds once a run what they are. May be called from several threads.

    Args:
        model: a network that runs' weights fit, for those that no description can build; it is
            only read.
    """

    def __init__(self, model: nn.Module | None = None) -> None:
        self._own = model
        self._lock = threading.Lock()
        self._structures: dict[tuple[object, ...], Structure] = {}

    def model(self, run: Run, step: int) -> nn.Module:
        """The network at a step.

        Raises:
            ValueError: if there is no such snapshot, or the network cannot be built.
            StoreError: if the snapshot is damaged.
        """
        if self._own is None:
            if not is_rebuildable(run.architecture):
                about = run.architecture
                raise ValueError(f"{why_not_rebuildable(about)}. {builder_advice(about)}")
            return run.model(step)
        try:
            return run.model(step, into=copied(self._own))
        except ValueError as error:
            try:
                return run.model(step)  # of several runs the given network may be one's own
            except ValueError:
                raise error from None

    def network(self, run: Run, step: int, examples: Split) -> Network:
        """The network at a step, in a precision that CPUs compute in, with its structure.

        Raises:
            ValueError: as `model`, or if the network cannot be followed on the examples.
            StoreError: as `model`.
        """
        model = lift_(self.model(run, step))
        example = _matched(examples.inputs[:1], model)
        key = run.key, tuple(example.shape), example.dtype
        with self._lock:
            known = self._structures.get(key)
            if known is None:
                known = Structure.of(model, example)
                _ = known.outputs  # follows it now
                # A structure holds its network, of which a run needs no weights to be kept.
                self._structures[key] = known.of_copy(skeleton(model))
                return Network(model, known)
        return Network(model, known.of_copy(model))


def objective_of(run: Run, examples: Split) -> Objective:
    """What a run's outputs are judged by: its own objective, or what suits the targets.

    Where a loop of the user's own does not say: the squared error of real targets, the
    cross-entropy of classes.

    Raises:
        ValueError: if it is a function of the user's own, or unknown: see `Run.objective`.
    """
    return run.objective or suiting(examples.task)


def _matched(inputs: Tensor, model: nn.Module) -> Tensor:
    """Floating point inputs in the network's own precision; integers as they are."""
    if not inputs.is_floating_point():
        return inputs
    floats = (value.dtype for value in model.parameters() if value.is_floating_point())
    return inputs.to(next(floats, inputs.dtype))
