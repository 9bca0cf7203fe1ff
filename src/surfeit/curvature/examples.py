"""Which examples a loss is the mean of, where not all are taken."""

from surfeit.core import Split, Streams


def loss_examples(split: Split, most: int, *, seed: int) -> Split:
    """At most so many examples: one draw for whoever measures a loss around a network's weights.

    Fewer examples of a seed are among the more: a curvature of 200 is that of a part of the 1,000
    that a landscape shows.

    Args:
        split: to draw from.
        most: at least 1; with no more examples than that, the split itself is returned.
        seed: whose stream ("landscape", "examples") draws.
    """
    return split.some(most, Streams(seed).get("landscape", "examples"))
