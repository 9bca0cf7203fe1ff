"""The graph of a layer at one moment, as the page draws it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from surfeit.similarity import nearest_neighbours, strongest_links
from surfeit.viewer.frames.quantised import STEPS, apart_of, inner_product_of
from surfeit.viewer.frames.units import Units
from surfeit.viewer.wire import encode

NEIGHBOURS = 5
_FEW, _MANY = (512, 20_000), (4_096, 100_000)
_MOST_UNITS = 2**16


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphFrame:
    """Units and their strongest links; the names are those of the page.

    Args:
        units: how many there are; those of a merged run come after the first run's.
        own: units of the first run.
        norm, angle, kept: float32 [units], as in `Units`.
        source, target: uint16 [links], the nearest pair first.
        apart: uint16 [links], quantised distance of each pair, ascending.
        floor: links are complete from this inner product on; −1 if all pairs are there.
        neighbours: how many there are of each unit.
        nearest: uint16 [units, neighbours], nearest first; a unit's own number stands where there
            is none: it has no direction, or too few others have.
        nearest_apart: uint16 [units, neighbours].
        note: what is to be known of the picture, a sentence, or None.
    """

    units: int
    own: int
    norm: np.ndarray
    angle: np.ndarray
    kept: np.ndarray
    source: np.ndarray
    target: np.ndarray
    apart: np.ndarray
    floor: float
    neighbours: int
    nearest: np.ndarray
    nearest_apart: np.ndarray
    note: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        header = {
            "units": self.units,
            "own": self.own,
            "floor": self.floor,
            "neighbours": self.neighbours,
            "note": self.note,
        }
        names = ("norm", "angle", "kept", "source", "target", "apart", "nearest", "nearest_apart")
        return encode(header, {name: getattr(self, name) for name in names})


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
    pairs, products = strongest_links(rows, most) if len(rows) else _nothing(units.rows)
    pairs, apart = live[pairs].numpy(), apart_of(products.numpy())
    complete = len(apart) == len(live) * (len(live) - 1) // 2
    nearest, nearest_apart = _neighbours(rows, live, count)
    return GraphFrame(
        units=count,
        own=count if own is None else own,
        norm=_float(units.norm),
        angle=_float(units.angle),
        kept=_float(units.kept),
        source=pairs[0].astype(np.uint16),
        target=pairs[1].astype(np.uint16),
        apart=apart,
        floor=-1.0 if complete else _floor(apart),
        neighbours=nearest.shape[1],
        nearest=nearest,
        nearest_apart=nearest_apart,
        note=note,
    )


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
    count, found = min(NEIGHBOURS, units - 1), min(NEIGHBOURS, len(rows) - 1)
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
