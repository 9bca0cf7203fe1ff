"""How many units can go, in words that claim no more than was shown."""

from surfeit.prune.can_go import CanGo
from surfeit.prune.certainty import Bounds, possible_loss

_SPACE = "\N{NO-BREAK SPACE}"


def can_go_sentence(answer: CanGo, *, whose: str, price: str, noun: str = "images") -> str:
    """The answer for one layer, without a capital at the beginning and a stop at the end.

    "at least 118 of 300 units of fc1 can go for at most a point of accuracy; more than 147 cannot,
    removed by magnitude (95 % confidence, 5,000 test images)". Never an estimate that looks like a
    fact.

    Args:
        answer: of the layer.
        whose: the layer in words.
        price: what may be lost, such as "a point of accuracy".
        noun: what the examples are: "images" or "examples".
    """
    bounds = answer.bounds
    if bounds is None:
        count, how = f"about {answer.estimate}", "an estimate"
        if answer.estimate == 0:
            count, how = "none", "by an estimate"
        return (
            f"{count} of {answer.units} units of {whose} can go for at most {price}, {how} from "
            f"the validation {noun}: {answer.why_no_bounds}"
        )
    cannot = f"cannot, removed by {answer.criterion.replace('_', ' ')}"
    test = f"({confidence_words(bounds)}, {bounds.examples:,} test {noun})"
    if bounds.lower == bounds.upper == 0:
        return f"none of {answer.units} units of {whose} can go for at most {price} {test}"
    if bounds.lower:
        what = "all" if bounds.lower == answer.units else f"at least {bounds.lower} of"
        more = f"; more than {bounds.upper} {cannot}" if bounds.upper < answer.units else ""
        return f"{what} {answer.units} units of {whose} can go for at most {price}{more} {test}"
    shown = "was not shown that any unit" if answer.units > 1 else "was not shown that the unit"
    first = f"it {shown} of {whose} can go for at most {price}"
    if bounds.upper < answer.units:
        first += f"; more than {bounds.upper} of {answer.units} {cannot}"
    few = too_few(bounds, noun)
    return f"{first} {test}{f': {few}' if few else ''}"


def can_go_briefly(answer: CanGo, *, whose: str = "") -> str:
    """The answer among those of other layers: "at least 118 and at most 147 of 300 units".

    Args:
        answer: of the layer.
        whose: the layer in words; left out where it is empty.
    """
    bounds, units = answer.bounds, f"{answer.units} units{f' of {whose}' if whose else ''}"
    if bounds is None:
        return f"about {answer.estimate} of {units}, an estimate"
    if bounds.lower == bounds.upper:
        return f"{bounds.lower or 'none'} of {units}"
    if bounds.lower == 0:
        at_most = f"none for sure, at most {bounds.upper} of"
        return f"{at_most if bounds.upper < answer.units else 'nothing was shown of'} {units}"
    at_most = f" and at most {bounds.upper}" * (bounds.upper < answer.units)
    return f"at least {bounds.lower}{at_most} of {units}"


def too_few(bounds: Bounds, noun: str) -> str:
    """That so few examples could not have shown that any unit can go, where so; else empty."""
    possible = possible_loss(bounds.examples, confidence=bounds.confidence)
    if possible <= bounds.loss:
        return ""
    return (
        f"so few {noun} cannot show it: even with none of {bounds.examples:,} lost, a loss of "
        f"{100 * possible:.3g} points would remain possible"
    )


def confidence_words(bounds: Bounds) -> str:
    """ "95 % confidence"; the space does not break a line."""
    return f"{100 * bounds.confidence:g}{_SPACE}% confidence"
