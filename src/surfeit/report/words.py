"""The numbers of a report in plain sentences. Accuracies become percent here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surfeit.report.quantities import QUANTITIES, SPACE, Quantity
from surfeit.report.quantities import percent as percent
from surfeit.report.quantities import points as points

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One answer, and what it rests on."""

    answer: str
    evidence: str


def quantity(summary: Numbers) -> Quantity:
    """What the network is judged by."""
    return QUANTITIES[summary["quantity"]]


def dense(summary: Numbers) -> Numbers:
    """The whole network's numbers by split: in the quantity that it is judged by."""
    return summary[summary["quantity"]]


def examples(summary: Numbers) -> str:
    """What the examples are called: "images" or "examples"."""
    return summary["run"]["examples"]


def layer_name(name: str) -> str:
    """A layer's name as pages show it; of a network that is one layer there is none."""
    return name or "the only layer"


def listed(parts: Sequence[str]) -> str:
    """As "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def plus_minus(spread: Numbers) -> str:
    """A mean and its standard deviation, e.g. "61 ± 14"."""
    few = "less than 1" if spread["sd"] < 0.5 else f"{spread['sd']:.0f}"
    return f"{spread['mean']:.0f}" + (equal(spread) or f" ± {few}")


def amount_and_spread(spread: Numbers, worth: Quantity) -> str:
    """A mean and its standard deviation in what the network is judged by, e.g. "91.2 ± 2.1 %"."""
    mean, sd = spread["mean"], spread["sd"]
    if equal(spread):
        return f"{worth.amount(mean)}{equal(spread)}"
    if worth.name == "accuracy":
        # What is rounded away is not nothing.
        few = "less than 0.1" if sd < 0.0005 else f"{100 * sd:.1f}"
        return f"{100 * mean:.1f} ± {few}{SPACE}%"
    return f"{worth.amount(mean)} ± {worth.amount(sd)}"


def equal(spread: Numbers) -> str:
    """That all values are equal, which is no certainty, as "± 0" would have it; else empty."""
    return f" ({spread['repeats']} equal)" if spread["sd"] == 0 else ""


def whole_network(summary: Numbers) -> str:
    """What the whole network is worth on the test split, with its interval."""
    worth, test = quantity(summary), dense(summary)["test"]
    text = f"test {worth.words} {worth.amount(test['estimate'])}"
    count = f"{test['images']:,} {examples(summary)}"
    if summary["answers"] > 1:
        count += f" with {summary['answers']} answers each"
    if "loss" in test:
        count += f"; loss {test['loss']:.4g}"
    if test["lower"] is None:
        return f"{text} ({count})"
    lower, upper = worth.amount(test["lower"]), worth.amount(test["upper"])
    return f"{text} (95{SPACE}% interval {lower} to {upper}, {count})"


def unfinished(summary: Numbers) -> str | None:
    """That the run has not finished, and which weights these are; None if it has."""
    run = summary["run"]
    if run["status"] == "done":
        return None
    planned = run["planned_steps"]
    of = "" if planned is None else f" of {planned:,}"
    how = "it is being trained" if run["status"] == "running" else "its training was interrupted"
    return (
        f"This run is not finished ({how}): these are its weights at step {run['steps']:,}{of}, "
        "and “after training” on this page means at that step."
    )


def cost_on_test(test: Numbers, summary: Numbers) -> str:
    """Before, after and the paired interval, and what they say about what may be lost."""
    worth = quantity(summary)
    return (
        f"Test {worth.words} goes from {worth.amount(test['before'])} to "
        f"{worth.amount(test['after'])} ({worth.change_words(test)}; {test['images']:,} "
        f"{examples(summary)}): {_verdict(test, summary)}"
    )


def _verdict(test: Numbers, summary: Numbers) -> str:
    worth, noun, loss = quantity(summary), examples(summary), summary["settings"]["loss"]
    allowed, cost = worth.allowance(loss), "loss" if worth.name == "accuracy" else "cost"
    if test["lower"] is not None and worth.change(test, "lower") >= -loss:
        return f"on new {noun} too the {cost} is under {allowed}."
    if test["lower"] is not None and worth.change(test, "upper") < -loss:
        return f"on new {noun} the {cost} is larger than {allowed}."
    return f"too few {noun} to say whether on new ones the {cost} is under {allowed}."


def counted(number: int, noun: str) -> str:
    """E.g. "1 unit" or "3 units"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def caution(summary: Numbers) -> str:
    """How far what may be lost can be told on so many validation examples."""
    worth, noun = quantity(summary), examples(summary)
    own, loss = dense(summary)["validation"], summary["settings"]["loss"]
    count = own["images"]
    share = count * loss
    of_which = ""
    if worth.name == "accuracy":
        of_which = f", of which {worth.allowance(loss)} is {share:.3g}"
    text = (
        f"What may go was chosen on {count:,} validation {noun}{of_which}; the test {noun} chose "
        "nothing. "
    )
    if own["lower"] is None or _uncertain(own, worth, loss):
        known = "is not known to any precision"
        if own["lower"] is not None:
            known = (
                f"is known only to lie between {worth.amount(own['lower'])} and "
                f"{worth.amount(own['upper'])} (95{SPACE}% interval)"
            )
        text += (
            f"So few {noun} make the choice uncertain: the network's own validation {worth.words} "
            f"of {worth.amount(own['estimate'])} {known}. Read ranks and what is called an "
            f"estimate so, and the test {worth.words} as the check."
        )
    return text.strip()


def _uncertain(own: Numbers, worth: Quantity, loss: float) -> bool:
    if worth.name == "accuracy":
        return own["images"] * loss < 20
    allowed = loss if worth.name == "r2" else loss * abs(own["estimate"])
    return (own["upper"] - own["lower"]) / 2 > allowed
