"""A layer's units on a map of who is next to whom, by t-SNE or UMAP, over a whole run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Split, StoreError, one_thread
from surfeit.similarity import output_directions
from surfeit.store import evenly
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.embedding import embedded, faithfulness
from surfeit.viewer.frames.moments import beside, units_over
from surfeit.viewer.frames.outputs import sampled_outputs
from surfeit.viewer.timelines.timeline import Timeline
from surfeit.viewer.wire import encode

SECONDS = 30.0
"""What the maps of a run may take by `seconds_of`: of so many moments are there maps."""

MOST_SECONDS = 60.0
"""Where two moments take longer, there is no map."""

_WIDTH = 60  # places in a row of units without a direction, over the width of the map
_BENEATH = 0.12  # of its width: from the map to the first row


@dataclass(frozen=True, kw_only=True, eq=False)
class MapFrame:
    """Where units lie at some moments; the names are those of the page.

    Args:
        method: "tsne" or "umap".
        source: what is next to what: "weights", "updates" or "outputs".
        units: how many there are; those of a merged run come after the first run's.
        own: units of the first run.
        at: the moments, ascending.
        places: float32 [moments, units, 2]; those of a moment have a mean square of 1 on the map,
            since their width has no meaning. Units without a direction stand in rows under it.
        neighbours: at each moment, how many of each unit's neighbours the next two look at.
        trust: the trustworthiness of each moment's map, in [0, 1]; None of fewer than 3 units.
        true: the share of a unit's nearest on the map that are truly among its nearest, likewise.
        nowhere: at each moment, how many units have no direction.
    """

    method: str
    source: str
    units: int
    own: int
    at: list[int]
    places: np.ndarray
    neighbours: list[int]
    trust: list[float | None]
    true: list[float | None]
    nowhere: list[int]

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        names = ("method", "source", "units", "own", "at")
        judged = ("neighbours", "trust", "true", "nowhere")
        header = {name: getattr(self, name) for name in (*names, *judged)}
        return encode(header, {"places": self.places})


@one_thread()
def map_frame(
    timeline: Timeline,
    layer: str,
    at: Sequence[int],
    source: str,
    method: str,
    *,
    active: Sequence[ActiveUnits],
    examples: Split | None = None,
    merged: Timeline | None = None,
) -> MapFrame:
    """Maps of a layer's units at moments, each begun at the next one's places, the last one first.

    There are maps of as many moments as `SECONDS` allow, evenly spaced, the first and the last
    among them.

    Args:
        timeline: a run or tickets.
        layer: dotted name.
        at: moments, ascending, at least one; those that cannot be read are left out.
        source: "weights", "updates" or "outputs".
        method: "tsne" or "umap".
        active: for each timeline, which units are active; of account for updates alone.
        examples: for outputs.
        merged: another timeline whose units of the same layer are added.

    Raises:
        ValueError: if there are too many units to wait for, UMAP is not installed, or two layers
            cannot be merged.
        StoreError, ValueError: if no moment can be read.

    Cost: t-SNE of 300 units at 101 moments takes 18 s of one core, of 1,024 at 23 moments up to
    30 s, of 4,096 at 2 moments 50 s.
    """
    timelines = [timeline] if merged is None else [timeline, merged]
    moments = chosen_for(sum(one.layer(layer).units for one in timelines), at)
    problems: list[str] = []
    last_first = list(reversed(moments))
    if source == "outputs":
        assert examples is not None, "outputs need examples"
        read = _outputs_over(timelines, layer, last_first, examples, problems)
    else:
        units = units_over(timelines, layer, source, last_first, active, problems)
        read = ((one.at, one.own, one.rows) for one in units)
    found = list(_mapped(read, method))[::-1]
    if not found:
        raise StoreError(problems[0])
    return MapFrame(
        method=method,
        source=source,
        units=len(found[0].places),
        own=found[0].own,
        at=[one.at for one in found],
        places=_with_rows(np.stack([one.places.numpy() for one in found])).astype(np.float32),
        neighbours=[one.neighbours for one in found],
        trust=[one.trust for one in found],
        true=[one.true for one in found],
        nowhere=[int(one.places.isnan().any(dim=1).sum()) for one in found],
    )


def seconds_of(units: int) -> tuple[float, float]:
    """What the first map and each other one take, in seconds of one core: an estimate.

    Fitted to 300, 1,024 and 4,096 units by t-SNE, and to how faithful the map is; UMAP is not
    slower, once it has compiled itself.
    """
    judging = 1.2e-7 * units**2
    return 1.5e-4 * units**1.5 + judging, 3e-5 * units**1.5 + judging


def chosen_for(units: int, at: Sequence[int]) -> list[int]:
    """Moments of which there is a map: evenly spaced, the first and the last always.

    Raises:
        ValueError: if there are too many units.
    """
    first, other = seconds_of(units)
    if first + other > MOST_SECONDS:
        raise ValueError(
            f"a map of {units:,} units would take about {first + other:,.0f} seconds, and more "
            f"than {MOST_SECONDS:.0f} are too long to wait for: principal components take one"
        )
    return evenly(at, most=max(2, 1 + int((SECONDS - first) / other)))


Rows = tuple[int, int, Tensor]
"""A moment, how many units are the first timeline's, and the directions of all."""


@dataclass(frozen=True, kw_only=True)
class _Mapped:
    """A map of one moment; places are NaN where a unit has no direction."""

    at: int
    own: int
    places: Tensor
    neighbours: int
    trust: float | None
    true: float | None


def _mapped(read: Iterable[Rows], method: str) -> Iterator[_Mapped]:
    """The map of each moment, begun where units lay at the one read before."""
    before: Tensor | None = None
    for at, own, rows in read:
        there = rows.norm(dim=1) > 0
        laid = embedded(rows[there], method, None if before is None else before[there])
        everyone = torch.full((len(rows), 2), torch.nan, dtype=torch.float64)
        everyone[there] = laid
        # A moment without directions tells the next one nothing.
        before = everyone if bool(there.any()) else before
        neighbours, trust, true = faithfulness(rows[there], laid)
        spread = float(laid.square().sum(dim=1).mean().sqrt()) if len(laid) else 0.0
        yield _Mapped(
            at=at,
            own=own,
            places=everyone / spread if spread > 0 else everyone,
            neighbours=neighbours,
            trust=trust,
            true=true,
        )


def _with_rows(places: Float[np.ndarray, "moments units 2"]) -> np.ndarray:
    """The same with units that have no place in rows under the maps, by number."""
    known = places[~np.isnan(places).any(axis=2)]
    low = known.min(axis=0) if len(known) else np.array([-1.0, 0.0])
    high = known.max(axis=0) if len(known) else np.array([1.0, 0.0])
    width = max(float((high - low).max()), 1.0)
    left, top = (low[0] + high[0] - width) / 2, low[1] - (_BENEATH * width if len(known) else 0)
    filled = places.copy()
    for moment in filled:
        missing = np.flatnonzero(np.isnan(moment).any(axis=1))
        row, column = np.divmod(np.arange(len(missing)), _WIDTH)
        moment[missing, 0] = left + (column + 0.5) * width / _WIDTH
        moment[missing, 1] = top - row * width / _WIDTH
    return filled


def _outputs_over(
    timelines: Sequence[Timeline],
    layer: str,
    at: Sequence[int],
    examples: Split,
    problems: list[str],
) -> Iterator[Rows]:
    """The units by their outputs at each moment that can be read."""
    for moment in at:
        try:
            found = []
            for timeline in timelines:
                (there,) = beside(timeline, timelines[0], [moment])
                network = timeline.network(there, examples)
                outputs, _ = sampled_outputs(network, layer, examples)
                found.append(output_directions(outputs))
        except (StoreError, ValueError) as error:
            problems.append(str(error))
            continue
        yield moment, len(found[0]), torch.cat(found)
