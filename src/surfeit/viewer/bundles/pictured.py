"""Pictures of the units' weights that a page without a server carries: few, so it stays small."""

from collections.abc import Iterator, Sequence

import numpy as np

from surfeit.core import Split, StoreError
from surfeit.viewer.frames.places import Place
from surfeit.viewer.frames.weight_pictures import WeightPictures, no_pictures

MOST_NUMBERS = 500_000
"""Of one moment, weights and updates together: those of 300 units of 784 inputs are 470,400."""

TOGETHER = 100_000
"""Of all moments, where more than the last one is carried."""

MOST_MOMENTS = 10


def pictured(places: Sequence[Place], examples: Split) -> Iterator[tuple[Place, WeightPictures]]:
    """Pictures of a layer's units at the last place, and before them evenly spaced as room allows.

    Where there are too many numbers, pictures are means over squares of pixels.

    Args:
        places: of one layer, by moment, at least one.
        examples: what the network takes.

    Cost: a pass over one example and reading the layer, at each of up to 10 places.
    """
    last = _pictures(places[-1], examples)
    room = TOGETHER // max(last.weight.size + last.update.size, 1) if last.shape else 1
    count = max(1, min(len(places), MOST_MOMENTS, room))
    chosen = np.unique(np.linspace(len(places) - 1, 0, count).round().astype(int))
    for number in chosen[:-1]:
        yield places[number], _pictures(places[number], examples)
    yield places[-1], last


def _pictures(place: Place, examples: Split) -> WeightPictures:
    try:
        return place.weight_pictures(examples, most=MOST_NUMBERS)
    except (StoreError, ValueError) as error:
        return no_pictures(str(error))
