"""Which snapshots a training keeps, and how much it writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from numbers import Integral

from torch import Tensor, nn

from surfeit.core import Streams, buffers, parameters
from surfeit.data import Dataset
from surfeit.models import Builder
from surfeit.train.building import built
from surfeit.train.recipe import Recipe

MOST = 10_000_000
"""Snapshots of a run."""

_LISTED = 10**5  # steps
_HEADER = 160  # bytes of a tensor in a file, besides its name
_ROW = 700  # bytes of metrics, with all that may be measured
_RECORD = 20_000  # bytes: run.json and DONE.json, besides what they say of each layer and file


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """The steps at which all weights are kept; the first and the last always are.

    Args:
        every_epochs: keep the end of every n-th epoch; 0 for none.
        per_decade: as many log-spaced steps between 1 and 10, 10 and 100, ...; 0 for none.
        at: these steps as well; those beyond the training are left out.

    Raises:
        ValueError: if a count or a step is negative or no integer.
    """

    every_epochs: int = 1
    per_decade: int = 0
    at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (_is_whole(self.every_epochs) and _is_whole(self.per_decade)):
            raise ValueError(
                "every_epochs and per_decade are integers and must be >= 0, "
                f"got {self.every_epochs!r} and {self.per_decade!r}"
            )
        if not isinstance(self.at, Iterable) or not all(map(_is_whole, self.at)):
            raise ValueError(f"at must hold steps >= 0, got {self.at!r}")
        object.__setattr__(self, "at", tuple(map(int, self.at)))

    def steps(self, total: int, per_epoch: int, first: int = 0) -> list[int]:
        """The steps, ascending, of a training from step `first` to `total`.

        Raises:
            ValueError: if there are so many that a list of them fills the memory.
        """
        if self.every_epochs and (count := total // (per_epoch * self.every_epochs)) > MOST:
            wider = self.every_epochs * -(-count // MOST)
            raise ValueError(
                f"{count:,} snapshots are more than the {MOST:,} that a run may have: keep one "
                f"every {wider:,} epochs or more, every_epochs={wider} (--snapshot-epochs {wider})"
            )
        steps = {first, total, *(step for step in self.at if step <= total)}
        if self.every_epochs:
            steps.update(range(0, total, per_epoch * self.every_epochs))
        power = 0
        while self.per_decade and (step := round(10 ** (power / self.per_decade))) < total:
            steps.add(step)
            power += 1
        return sorted(step for step in steps if step >= first)


def bytes_at_most(
    model: nn.Module | Builder,
    dataset: Dataset,
    recipe: Recipe,
    snapshots: Snapshots | None = None,
    *,
    density: float = 1.0,
) -> int:
    """The most that `train` leaves on the disk: snapshots, a mask, metrics and the run's record.

    `snapshots × (kept weights + all else) + mask`, in the tensors' own precision. An early stop
    leaves less. The checkpoint of a training that is under way, about four times the network, comes
    on top and goes at its end.

    Args:
        model, dataset, recipe, snapshots: as of `train`.
        density: kept of every parameter with more than one axis, in (0, 1]: of a masked network
            what is removed is not stored; below 1 the mask is counted, a bit an entry.

    Raises:
        ValueError: if the density is out of range, the model can build no network, or there are
            more snapshots than a run may have.

    Cost: that of building the network.
    """
    if not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density}")
    network = built(model, dataset, Streams(0).get("init"))
    tensors = parameters(network) | buffers(network)
    images = len(dataset.train)
    total, per_epoch = recipe.total_steps(images), recipe.steps_per_epoch(images)
    kept = snapshots_at_most(snapshots or Snapshots(), total, per_epoch)
    snapshot = sum(_stored(name, value, density) for name, value in tensors.items())
    mask = sum(_packed(name, value) for name, value in tensors.items()) if density < 1 else 0
    rows = 2 + total // per_epoch + total // (recipe.evaluate_every or total)
    record = _RECORD + 2 * len(tensors) * _ROW + kept * _HEADER
    return kept * snapshot + mask + rows * _ROW + record


def snapshots_at_most(snapshots: Snapshots, total: int, per_epoch: int) -> int:
    """How many steps `snapshots.steps` gives; of very many a few more, which are not listed."""
    count = 2 + len(snapshots.at) + snapshots.per_decade * len(str(total))
    if snapshots.every_epochs:
        count += total // (per_epoch * snapshots.every_epochs)
    few_or_refused = total <= _LISTED or count > MOST
    return len(snapshots.steps(total, per_epoch)) if few_or_refused else min(count, total + 1)


def _stored(name: str, value: Tensor, density: float) -> int:
    entries = ceil(density * value.numel()) if value.ndim > 1 else value.numel()
    return entries * value.element_size() + _HEADER + len(name)


def _packed(name: str, value: Tensor) -> int:
    return ceil(value.numel() / 8) + 2 * (_HEADER + len(name))


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0
