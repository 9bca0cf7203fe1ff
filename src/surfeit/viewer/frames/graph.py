"""The graph of a layer at one moment, as the page draws it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from surfeit.similarity import nearest_neighbours, strongest_links
from surfeit.viewer.frames.quantised import STEPS, apart_of, inner_product_of, limit_of
from surfeit.viewer.frames.units import Units
from surfeit.viewer.wire import encode

LAYOUT_NEIGHBOURS = 10
"""Of each unit, that a page lists and may lay out by."""

_FEW, _MANY = (512, 20_000), (4_096, 100_000)
_MOST_UNITS = 2**16


_ARRAYS = (
    *("norm", "moved", "angle", "kept", "source", "target", "apart"),
    *("near_units", "near_apart"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphFrame:
    """Units and their strongest links; the names are those of the page.

    Args:
        units: how many there are; those of a merged run come after the first run's.
        own: units of the first run.
        level: the inner product from which units are linked by default; None where it is unknown.
        mean: of the inner products of all pairs of units that have a direction; None without pairs.
        norm, moved, angle, kept: float32 [units], as in `Units`.
        source, target: uint16 [links], the nearest pair first.
        apart: uint16 [links], quantised distance of each pair, ascending. Those up to
            `limit_of(level)` are the pairs from the level on, to the link.
        floor: links are complete from this inner product on; −1 if all pairs are there.
        near: how many nearest neighbours there are of each unit.
        near_units: uint16 [units, near], nearest first; a unit's own number stands where there is
            none: it has no direction, or too few others have.
        near_apart: uint16 [units, near].
        note: what is to be known of the picture, a sentence, or None.
    """

    units: int
    own: int
    level: float | None
    mean: float | None
    norm: np.ndarray
    moved: np.ndarray
    angle: np.ndarray
    kept: np.ndarray
    source: np.ndarray
    target: np.ndarray
    apart: np.ndarray
    floor: float
    near: int
    near_units: np.ndarray
    near_apart: np.ndarray
    note: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        header = {
            "units": self.units,
            "own": self.own,
            "floor": self.floor,
            "near": self.near,
            "level": self.level,
            "mean": self.mean,
            "level_apart": None if self.level is None else limit_of(self.level),
            "note": self.note,
        }
        return encode(header, {name: getattr(self, name) for name in _ARRAYS})


def graph_frame(
    units: Units, *, own: int | None = None, links: int | None = None, note: str | None = None
) -> GraphFrame:
    """The graph of some units: their strongest links and everyone's nearest neighbours.

    Args:
        units: of one layer, or of two merged.
        own: how many are of the first run; all if not given.
        links: the most links to carry; `default_links` if not given.
        note: what is to be known of it.

    Raises:
        ValueError: if there are more than 65,536 units, or `links` is negative.

    Cost: O(units² · columns); 1.3 s for 4,096 units x 784 inputs on one core.
    """
    count = len(units)
    if count > _MOST_UNITS:
        raise ValueError(f"the graph shows up to {_MOST_UNITS} units, this layer has {count}")
    live = units.rows.norm(dim=1).nonzero()[:, 0]
    rows = units.rows[live]
    most = default_links(count) if links is None else links
    if len(rows):
        pairs, products = strongest_links(rows, most, level=units.level)
    else:
        pairs, products = _nothing(units.rows)
    pairs, apart = live[pairs].numpy(), apart_of(products.numpy(), level=units.level)
    complete = len(apart) == len(live) * (len(live) - 1) // 2
    near_units, near_apart = _neighbours(rows, live, count)
    return GraphFrame(
        units=count,
        own=count if own is None else own,
        level=units.level,
        mean=mean_product(rows),
        norm=_float(units.norm),
        moved=_float(units.moved),
        angle=_float(units.angle),
        kept=_float(units.kept),
        source=pairs[0].astype(np.uint16),
        target=pairs[1].astype(np.uint16),
        apart=apart,
        floor=-1.0 if complete else _floor(apart),
        near=near_units.shape[1],
        near_units=near_units,
        near_apart=near_apart,
        note=note,
    )


def mean_product(rows: Tensor) -> float | None:
    """The mean inner product of all pairs of rows of length 1, `(‖Σ r‖² − n) / (n (n − 1))`."""
    count = len(rows)
    if count < 2:
        return None
    total = rows.double().sum(dim=0).square().sum() - rows.double().square().sum()
    return float(total / (count * (count - 1)))


def default_links(units: int) -> int:
    """Links that a picture of so many units carries: 20,000 up to 512, 100,000 from 4,096 on."""
    (few, least), (many, most) = _FEW, _MANY
    share = min(max((units - few) / (many - few), 0), 1)
    return round(least + share * (most - least))


def _floor(apart: np.ndarray) -> float:
    """The least inner product of which nothing was left out: one step above the last link's."""
    last = int(apart[-1]) if len(apart) else 0
    return float(inner_product_of(last - 1))


def _neighbours(rows: Tensor, live: Tensor, units: int) -> tuple[np.ndarray, np.ndarray]:
    count, found = (min(LAYOUT_NEIGHBOURS, there - 1) for there in (units, len(rows)))
    nearest = np.repeat(np.arange(units, dtype=np.uint16)[:, None], count, axis=1)
    apart = np.full((units, count), STEPS, np.uint16)
    if found > 0:
        places, products = nearest_neighbours(rows, found)
        nearest[live.numpy(), :found] = live[places].numpy()
        apart[live.numpy(), :found] = apart_of(products.numpy())
    return nearest, apart


def _nothing(like: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty(2, 0, dtype=torch.int64), like.new_empty(0)


def _float(values: Tensor) -> np.ndarray:
    return values.float().numpy()
