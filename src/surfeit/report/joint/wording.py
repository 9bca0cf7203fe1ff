"""What a report says of the network as a whole."""

from collections.abc import Mapping
from typing import Any

from surfeit.prune import Bounds
from surfeit.prune.can_go_words import confidence_words, too_few
from surfeit.report import words
from surfeit.report.quantities import SPACE
from surfeit.report.topics import Entry

Numbers = Mapping[str, Any]
_TAKEN = {"parameters": "parameters", "multiply_adds": "multiply-adds", "bytes": "bytes"}


def joint_sentences(summary: Numbers) -> str:
    """How many units of all layers together can go, and what is left then; empty if not known."""
    joint = summary["joint"]
    if joint["together"] is None:
        return _left_alone(summary)
    said = [_answer(joint["together"], summary), _left(joint, summary)]
    return " ".join(filter(None, [*said, _beside_random(joint["together"], summary)]))


def _answer(together: Numbers, summary: Numbers) -> str:
    worth, noun = words.quantity(summary), words.examples(summary)
    price, units = worth.price(summary["settings"]["loss"]), together["units"]
    if together["bounds"] is None:
        return (
            f"Of all these layers together about {together['estimate']} of {units} units can go "
            f"for at most {price}, an estimate from the validation {noun}: "
            f"{together['why_no_bounds']}."
        )
    bounds, refuted = bounds_of(together), together["bounds"]["refuted"]
    test = f"({confidence_words(bounds)}, {bounds.examples:,} test {noun})"
    cannot = "" if refuted is None else f"; {refuted} in the same proportions cannot"
    if bounds.lower:
        return (
            f"Of all these layers together at least {bounds.lower} of {units} units can go for at "
            f"most {price}{cannot} {test}."
        )
    few = too_few(bounds, noun)
    return (
        f"It was not shown that units of all these layers together can go for at most {price}"
        f"{cannot} {test}{f': {few}' if few else ''}; about {together['estimate']} of {units} by "
        f"an estimate from the validation {noun}."
    )


def bounds_of(together: Numbers) -> Bounds:
    """The bounds in units; the upper one is one less than the fewest that are known to cost more.

    It is known of counts along the path alone, so it is said as such a count.
    """
    found = together["bounds"]
    upper = together["units"] if found["refuted"] is None else found["refuted"] - 1
    known = {name: found[name] for name in ("loss", "confidence", "examples")}
    return Bounds(lower=found["lower"], upper=upper, **known)


def _left(joint: Numbers, summary: Numbers) -> str:
    together, bounds = joint["together"], joint["together"]["bounds"]
    if bounds is not None and bounds["lower"]:
        return left_words(joint, "lower", bounds["lower"], summary)
    return left_words(joint, "estimate", together["estimate"], summary)


def _left_alone(summary: Numbers) -> str:
    """What is left where units of one layer alone were removed."""
    alone = removed_alone(summary)
    if alone is None:
        return ""
    bounds, estimate = alone["bounds"], alone["estimate"]
    if bounds is not None and bounds["lower"]:
        return left_words(summary["joint"], "lower", bounds["lower"], summary)
    return left_words(summary["joint"], "estimate", estimate, summary)


def removed_alone(summary: Numbers) -> Numbers | None:
    """The removal of the one layer of which units were removed; None if it is not one."""
    layers = summary["layers"].values()
    removals = [removal for layer in layers if (removal := layer.get("removal")) is not None]
    return removals[0] if len(removals) == 1 else None


def left_words(joint: Numbers, of: str, removed: int, summary: Numbers) -> str:
    """What is left of the network without so many units, a sentence; empty for none."""
    whole, left = joint["costs"]["whole"], joint["costs"][of]
    if not removed:
        return ""
    if left is None:
        return (
            f"What is left of the weights then is not known: {joint['unknown']}."
            if joint["unknown"]
            else ""
        )
    noun = words.examples(summary).removesuffix("s")
    parts = [
        f"{left['parameters']:,} of {whole['parameters']:,} parameters "
        f"({words.percent(left['parameters'] / whole['parameters'], 0)})",
        f"{words.percent(left['multiply_adds'] / max(whole['multiply_adds'], 1), 0)} of "
        f"{whole['multiply_adds']:,} multiply-adds for one {noun}",
        f"{size(left['bytes'])} of {size(whole['bytes'])}",
    ]
    return f"Without those {removed}, {words.listed(parts)} are left."


def _beside_random(together: Numbers, summary: Numbers) -> str:
    worth, many = words.quantity(summary), together["as_many"]
    if not many["removed"]:
        return ""
    random = words.amount_and_spread(many["random"], worth)
    return (
        f"{worth.words[0].upper()}{worth.words[1:]} on the test {words.examples(summary)} is "
        f"{worth.amount(many['after'])} with {many['removed']} removed together, {random} with as "
        "many of each layer at random."
    )


def size(count: int) -> str:
    """A number of bytes in words, e.g. "1.07 MB"."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.3g}{SPACE}{unit}"
    return f"{count}{SPACE}bytes"


def joint_entries(summary: Numbers) -> list[Entry]:
    """The words of the network as a whole."""
    recorded = (
        "A multiplication with a weight and its addition, in one pass of one example. Functions "
        "that multiply by a parameter, and attention’s products of activations, are not counted."
    )
    entries = [Entry(word="Multiply-adds", meaning=recorded)]
    if summary["joint"]["together"] is not None:
        entries.append(Entry(word="Together", meaning=_PATH))
    return entries


_PATH = (
    "Units of all layers go at once along one path: of each layer in the order of its chosen "
    "criterion, and in proportion to what its validation curve lets go alone. The validation "
    "{examples} fix the path, the test {examples} bound how far along it the network still costs "
    "no more than {loss}. Other proportions may do better; they were not tried."
)
