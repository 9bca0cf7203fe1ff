"""The numbers of a report in plain sentences. Accuracies become percent here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surfeit.prune import CRITERIA
from surfeit.report.quantities import QUANTITIES, SPACE, Quantity
from surfeit.report.quantities import percent as percent
from surfeit.report.quantities import points as points

Numbers = Mapping[str, Any]

_REASONS = 3  # that stand on top


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
    return f"{spread['mean']:.0f} ± {spread['sd']:.0f}"


def headline(summary: Numbers) -> str:
    """The answer in one or two sentences: how much of each layer can go, and what that costs."""
    worth, noun = quantity(summary), examples(summary)
    price = worth.price(summary["settings"]["loss"])
    found = {name: layer["removal"] for name, layer in summary["layers"].items()}
    slack = {name: removal for name, removal in found.items() if removal and removal["removable"]}
    aside = _left_out(summary)
    if not any(found.values()):
        return aside or "No units were removed from any layer; the parts below say why."
    aside = f" {aside}" if aside else ""
    if not slack:
        tried = listed([layer_name(name) for name, removal in found.items() if removal])
        answer = f"Of {tried} no unit could go" if aside else "No layer has a unit that could go"
        return f"{answer} for at most {price}.{aside}"
    parts = [
        f"{removal['removable']} of {removal['units']} units of {whose(name, removal)}"
        for name, removal in slack.items()
    ]
    costs = [
        f"{points(-worth.change(removal['test']), signed=False)} ({layer_name(name)})"
        for name, removal in slack.items()
    ]
    return (
        f"{'One layer at a time, ' if len(found) > 1 else ''}{listed(parts)} can go for at most "
        f"{price} on the validation {noun}. On the test {noun} the cost is, in {worth.unit}, "
        f"{listed(costs)}.{aside}"
    )


def _left_out(summary: Numbers) -> str:
    """From which layers no units were removed, and why; layers that go with another's do count.

    Empty where units of all were removed.
    """
    layers: dict[str, list[str]] = {}
    for name, layer in summary["layers"].items():
        reason = layer["not_removed"]
        if layer["removal"] is None and reason is not None and not _elsewhere(name, summary):
            layers.setdefault(reason, []).append(layer_name(name))
    if not layers:
        return ""
    shown = list(layers.items())[:_REASONS]
    parts = [f"from {listed(names)}: {reason}" for reason, names in shown]
    if len(layers) == 1 and not any(layer["removal"] for layer in summary["layers"].values()):
        parts = [f"from any layer: {shown[0][0]}"]
    more = len(layers) - len(shown)
    rest = f"; nor from {_count(more, 'other layer')}, as the parts below say" if more else ""
    return f"No units were removed {'; '.join(parts)}{rest}."


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


def whose(name: str, removal: Numbers) -> str:
    """Whose units were removed: a layer's, or those that it shares with others."""
    others = len(removal["group"] or [name]) - 1
    if not others:
        return layer_name(name)
    return f"{layer_name(name)} (shared with {_count(others, 'other layer')})"


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


def layer_words(name: str, summary: Numbers) -> list[Finding]:
    """What was found in a layer, the answer to each question first."""
    layer = summary["layers"][name]
    found = [_removal(name, summary), _movement(layer), _clusters(layer), _rank(layer, summary)]
    found += [_spikes(layer), _images(layer, summary)]
    return [finding for finding in found if finding is not None]


def _removal(name: str, summary: Numbers) -> Finding:
    removal = summary["layers"][name]["removal"]
    worth, loss = quantity(summary), summary["settings"]["loss"]
    if removal is None:
        reason = summary["layers"][name]["not_removed"]
        why = f"{reason[0].upper()}{reason[1:]}." if reason else ""
        return Finding("No units were removed.", _elsewhere(name, summary) or why)
    units = removal["units"]
    if removal["removable"] == 0:
        return Finding(
            f"None of {units} units can go.",
            "In this sense the layer is not redundant: by every criterion, removing the first unit "
            f"already costs more than {worth.allowance(loss)} on the validation "
            f"{examples(summary)}.",
        )
    criterion = removal["criterion"]
    how = CRITERIA[criterion].first if criterion in CRITERIA else criterion.replace("_", " ")
    return Finding(
        f"{removal['removable']} of {units} units ({percent(removal['share'], 0)}) can go,",
        f"{how}; {_against_random(removal)} {_test(removal['test'], summary)} As many units "
        f"removed at random leave {_random_left(removal['random_test'], summary)}.",
    )


def _elsewhere(name: str, summary: Numbers) -> str:
    """With which layer units were removed that can only go together with that one's."""
    layers, group = summary["layers"], summary["layers"][name]["group"] or []
    first = next((other for other in layers if other in group and layers[other]["removal"]), None)
    if first is None:
        return ""
    return f"They can only go together with those of {layer_name(first)}, where they were removed."


def _against_random(removal: Numbers) -> str:
    random = removal["random"]
    text = f"in random order it is {plus_minus(random)}."
    if removal["removable"] <= random["mean"] + random["sd"]:
        text += " So no criterion is clearly better than chance here."
    return text


def _random_left(spread: Numbers, summary: Numbers) -> str:
    worth, noun = quantity(summary), examples(summary)
    mean, sd = spread["mean"], spread["sd"]
    if worth.name != "accuracy":
        article = "an R²" if worth.name == "r2" else "a loss"
        return f"{article} of {worth.amount(mean)} ± {worth.amount(sd)} on the test {noun}"
    whole = f"test {noun}" if summary["answers"] == 1 else f"answers for the test {noun}"
    return f"{100 * mean:.1f} ± {100 * sd:.1f}{SPACE}% of the {whole} right"


def _test(test: Numbers, summary: Numbers) -> str:
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


def _movement(layer: Numbers) -> Finding | None:
    moved = layer["movement"]
    if moved is None:
        return None
    count, share = moved["hardly_moved"], percent(moved["share"], 0)
    return Finding(f"{_count(count, 'unit')} ({share}) hardly moved", "during training.")


def _clusters(layer: Numbers) -> Finding | None:
    graph = layer["graph"]
    final = graph["final"]
    if final is None:
        return None
    linked, same = layer["units"] - final["isolated"], f"inner product from {graph['cluster']:.2g}"
    answer, members = "No cluster of nearly equal units", ""
    if final["clusters"]:
        answer = f"{_count(final['clusters'], 'cluster')} of nearly equal units"
        members = f" with {_count(final['in_clusters'], 'unit')} in all"
    return Finding(
        answer,
        f"({same}){members}; {_count(linked, 'unit')} share a direction with another more than "
        f"chance would bring about (from {graph['link']:.2f}), {final['isolated']} stand alone.",
    )


def _rank(layer: Numbers, summary: Numbers) -> Finding | None:
    weights, update = layer["rank"]["weights"], layer["rank"]["update"]
    if weights is None:
        return None
    worth = quantity(summary)
    allowed = worth.allowance(summary["settings"]["loss"])
    text = f"but for {allowed}. {_test(weights['test'], summary)}"
    if update is not None:
        text += (
            f" Of what training added (W − Z) a rank of {update['rank']} is enough: the initial "
            "weights Z stay as they were, only the change is projected."
        )
    the = worth.words if worth.name == "r2" else f"the {worth.words}"
    return Finding(f"A rank of {weights['rank']} of {weights['full']} keeps {the}", text)


def _spikes(layer: Numbers) -> Finding | None:
    before, after = layer["spectrum"]["initial"], layer["spectrum"]["final"]
    if after is None:
        return None
    text = "" if before is None else f"Before training {before['spikes']} did."
    if not after["fits"]:
        text += (
            " The others no longer look like noise of one variance either, so the edge between "
            "them is a description, not a test."
        )
    elif after["pruned"]:
        text += " Its weights are pruned, so that this is a description, not a test."
    return Finding(
        f"{after['spikes']} of {after['eigenvalues']} eigenvalues stand above the noise.",
        text.strip(),
    )


def _images(layer: Numbers, summary: Numbers) -> Finding | None:
    used, every, noun = layer["images"], dense(summary), examples(summary)
    if used["test"] == every["test"]["images"]:
        return None
    return Finding(
        f"Measured on {used['validation']:,} validation and {used['test']:,} test {noun},",
        f"drawn at random from {every['validation']['images']:,} and {every['test']['images']:,}, "
        "because each removal and projection takes a pass through the rest of the network.",
    )


def _count(number: int, noun: str) -> str:
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
            f"of {worth.amount(own['estimate'])} {known}. Read the numbers of units and the ranks "
            f"as estimates, and the test {worth.words} as the check."
        )
    return text.strip()


def _uncertain(own: Numbers, worth: Quantity, loss: float) -> bool:
    if worth.name == "accuracy":
        return own["images"] * loss < 20
    allowed = loss if worth.name == "r2" else loss * abs(own["estimate"])
    return (own["upper"] - own["lower"]) / 2 > allowed
