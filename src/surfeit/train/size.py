"""How much a training writes, before it starts."""

from math import ceil

from torch import Tensor, nn

from surfeit.core import Streams, buffers, parameters
from surfeit.data import Dataset
from surfeit.models import Builder
from surfeit.train.building import built
from surfeit.train.recipe import Recipe
from surfeit.train.recording import MOST, Snapshots

_LISTED = 10**5  # steps
_HEADER = 160  # bytes of a tensor in a file, besides its name
_ROW = 700  # bytes of metrics, with all that may be measured
_RECORD = 20_000  # bytes: run.json and DONE.json, besides what they say of each layer and file


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
