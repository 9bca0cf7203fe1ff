"""How many units can go, in words that claim no more than was shown."""

from surfeit.prune.can_go import CanGo
from surfeit.prune.certainty import Bounds, possible_loss

_SPACE = "\N{NO-BREAK SPACE}"


def can_go_sentence(answer: CanGo, *, whose: str, price: str, noun: str = "images") -> str:
    """The answer for one layer, without a capital at the beginning and a stop at the end.

    "at least 118 of 300 units of fc1 can go for at most a point of accuracy; more than 147 cannot
    (95 % confidence, 5,000 test images)". Never an estimate that looks like a fact.

    Args:
        answer: of the layer.
        whose: the layer in words.
        price: what may be lost, such as "a point of accuracy".
        noun: what the examples are: "images" or "examples".
    """
    bounds = answer.bounds
    if bounds is None:
        return (
            f"about {answer.estimate} of {answer.units} units of {whose} can go for at most "
            f"{price}, an estimate from the validation {noun}: {answer.why_no_bounds}"
        )
    test = f"({confidence_words(bounds)}, {bounds.examples:,} test {noun})"
    if bounds.lower == bounds.upper == 0:
        return f"none of {answer.units} units of {whose} can go for at most {price} {test}"
    if bounds.lower:
        what = "all" if bounds.lower == answer.units else f"at least {bounds.lower} of"
        more = f"; more than {bounds.upper} cannot" if bounds.upper < answer.units else ""
        return f"{what} {answer.units} units of {whose} can go for at most {price}{more} {test}"
    shown = "was not shown that any unit" if answer.units > 1 else "was not shown that the unit"
    first = f"it {shown} of {whose} can go for at most {price}"
    if bounds.upper < answer.units:
        first += f"; more than {bounds.upper} of {answer.units} cannot"
    return f"{first} {test}{too_few(bounds, price, noun)}"


def can_go_briefly(answer: CanGo) -> str:
    """The answer among those of other layers: "at least 118 of 300 units, at most 147"."""
    bounds = answer.bounds
    if bounds is None:
        return f"about {answer.estimate} of {answer.units} units, an estimate"
    if bounds.lower == bounds.upper:
        count = "none" if bounds.lower == 0 else str(bounds.lower)
        return f"{count} of {answer.units} units"
    parts = [f"at least {bounds.lower}"] * (bounds.lower > 0)
    parts += [f"at most {bounds.upper}"] * (bounds.upper < answer.units)
    if not parts:
        return f"nothing was shown of {answer.units} units"
    return f"{' and '.join(parts)} of {answer.units} units"


def too_few(bounds: Bounds, price: str, noun: str) -> str:
    """That nothing could have been shown on so few examples, where that is so; else empty."""
    possible = possible_loss(bounds.examples, confidence=bounds.confidence)
    if possible <= bounds.loss:
        return ""
    return (
        f": {bounds.examples:,} are too few to show it, since with none of them lost "
        f"{100 * possible:.3g} points remain possible"
    )


def confidence_words(bounds: Bounds) -> str:
    """ "95 % confidence"; the space does not break a line."""
    return f"{100 * bounds.confidence:g}{_SPACE}% confidence"
