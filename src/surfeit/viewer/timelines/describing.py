"""A timeline and its metrics in the words of the page."""

from typing import Any

import numpy as np

from surfeit.similarity import chance_inner_product
from surfeit.viewer.timelines.records import LayerShape
from surfeit.viewer.timelines.replicates import Band
from surfeit.viewer.timelines.timeline import Learning, Timeline
from surfeit.viewer.wire import encode


def described(timeline: Timeline, without_data: str | None) -> dict[str, Any]:
    """A timeline as JSON values, with its moments and layers.

    Args:
        timeline: a run or tickets.
        without_data: why there are no examples to run the network on, or None.
    """
    return {
        "id": timeline.id,
        "name": timeline.name,
        "axis": timeline.axis,
        "status": timeline.status,
        "moments": [
            {"at": moment.at, "epoch": moment.epoch, "run": moment.run}
            for moment in timeline.moments()
        ],
        "layers": [described_layer(layer) for layer in timeline.layers],
        "withoutData": without_data,
        "withoutUpdates": timeline.without_updates(),
        "objective": timeline.objective,
        "note": timeline.note,
    }


def packed_learning(learning: Learning, spread: Band | None = None) -> bytes:
    """Metrics in the bytes that `surfeit.viewer.wire` describes.

    Args:
        learning: of a timeline.
        spread: between what those of its replicates lie.
    """
    names = list(learning.columns)
    arrays = {"at": np.asarray(learning.at, np.float64)}
    arrays |= {
        f"column_{place}": np.asarray(learning.columns[name], np.float64)
        for place, name in enumerate(names)
    }
    header: dict[str, Any] = {"columns": names}
    if spread is not None:
        header["replicates"] = spread.count
        for place, name in enumerate(names):
            arrays[f"least_{place}"] = np.asarray(spread.least[name], np.float64)
            arrays[f"most_{place}"] = np.asarray(spread.most[name], np.float64)
    return encode(header, arrays)


def chance_of(layer: LayerShape) -> float:
    """The inner product that chance does not reach in a layer; 1 for a single unit: no pairs."""
    if layer.units < 2 or layer.inputs < 1:
        return 1.0
    return chance_inner_product(layer.units, layer.inputs, groups=layer.groups)


def described_layer(layer: LayerShape) -> dict[str, Any]:
    """A layer as JSON values."""
    return {
        "name": layer.name,
        "kind": layer.kind,
        "units": layer.units,
        "inputs": layer.inputs,
        "chance": chance_of(layer),
    }
