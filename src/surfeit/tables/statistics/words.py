"""Numbers as a page shows them, with no more digits than their interval bears."""

import math

_LONG = 1e12  # digits behind the fifteenth or so are made up


def figure_in_words(value: float, digits: int, *, signed: bool = False) -> str:
    """A number with thousands separated, never "-0": `1,250`, `+0.42`; from 1e12 on `2.5e+12`."""
    if abs(value) >= _LONG:
        return f"{value:{'+' if signed else ''}.3g}"
    rounded = round(value, digits) + 0.0  # turns the minus of what rounds to zero into nothing
    return f"{rounded:{'+' if signed else ''},.{digits}f}"


def range_in_words(lower: float, upper: float, digits: int) -> str:
    """An interval's ends, the smaller first: `0.20 to 0.64`."""
    ends = sorted((lower, upper))
    return " to ".join(figure_in_words(end, digits) for end in ends)


def digits_for(scale: float) -> int:
    """Decimals that leave two digits of `scale`, such as an interval's half-width; 0 to 6.

    A scale of 0 or one that is not finite says nothing: 2.
    """
    if not math.isfinite(scale) or scale == 0:
        return 2
    return min(6, max(0, 1 - math.floor(math.log10(abs(scale)))))
