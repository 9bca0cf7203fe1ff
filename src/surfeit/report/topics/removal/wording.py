"""What a report says of removing units, in sentences."""

from surfeit.prune import CRITERIA
from surfeit.report import words
from surfeit.report.quantities import SPACE
from surfeit.report.topics.topic import Entry, Numbers
from surfeit.report.words import Finding

_REASONS = 3  # that stand on top


def headline(summary: Numbers) -> str:
    """The answer in one or two sentences: how much of each layer can go, and what that costs."""
    worth, noun = words.quantity(summary), words.examples(summary)
    price = worth.price(summary["settings"]["loss"])
    found = {name: layer["removal"] for name, layer in summary["layers"].items()}
    slack = {name: removal for name, removal in found.items() if removal and removal["removable"]}
    aside = _left_out(summary)
    if not any(found.values()):
        return aside or "No units were removed from any layer; the parts below say why."
    aside = f" {aside}" if aside else ""
    if not slack:
        tried = words.listed([words.layer_name(name) for name, removal in found.items() if removal])
        answer = f"Of {tried} no unit could go" if aside else "No layer has a unit that could go"
        return f"{answer} for at most {price}.{aside}"
    parts = [
        f"{removal['removable']} of {removal['units']} units of {_whose(name, removal)}"
        for name, removal in slack.items()
    ]
    costs = [
        f"{words.points(-worth.change(removal['test']), signed=False)} ({words.layer_name(name)})"
        for name, removal in slack.items()
    ]
    return (
        f"{'One layer at a time, ' if len(found) > 1 else ''}{words.listed(parts)} can go for "
        f"at most {price} on the validation {noun}. On the test {noun} the cost is, in "
        f"{worth.unit}, {words.listed(costs)}.{aside}"
    )


def _left_out(summary: Numbers) -> str:
    """From which layers no units were removed, and why; layers that go with another's do count.

    Empty where units of all were removed.
    """
    layers: dict[str, list[str]] = {}
    for name, layer in summary["layers"].items():
        reason = layer["not_removed"]
        if layer["removal"] is None and reason is not None and not _elsewhere(name, summary):
            layers.setdefault(reason, []).append(words.layer_name(name))
    if not layers:
        return ""
    shown = list(layers.items())[:_REASONS]
    parts = [f"from {words.listed(names)}: {reason}" for reason, names in shown]
    if len(layers) == 1 and not any(layer["removal"] for layer in summary["layers"].values()):
        parts = [f"from any layer: {shown[0][0]}"]
    more = len(layers) - len(shown)
    rest = (
        f"; nor from {words.counted(more, 'other layer')}, as the parts below say" if more else ""
    )
    return f"No units were removed {'; '.join(parts)}{rest}."


def _whose(name: str, removal: Numbers) -> str:
    """Whose units were removed: a layer's, or those that it shares with others."""
    others = len(removal["group"] or [name]) - 1
    if not others:
        return words.layer_name(name)
    return f"{words.layer_name(name)} (shared with {words.counted(others, 'other layer')})"


def finding(name: str, summary: Numbers) -> Finding:
    """How many units can go, and what that costs."""
    removal = summary["layers"][name]["removal"]
    worth, loss = words.quantity(summary), summary["settings"]["loss"]
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
            f"{words.examples(summary)}.",
        )
    criterion = removal["criterion"]
    how = CRITERIA[criterion].first if criterion in CRITERIA else criterion.replace("_", " ")
    return Finding(
        f"{removal['removable']} of {units} units ({words.percent(removal['share'], 0)}) can go,",
        f"{how}; {_against_random(removal)} {words.cost_on_test(removal['test'], summary)} As many "
        f"units removed at random leave {_random_left(removal['random_test'], summary)}.",
    )


def _elsewhere(name: str, summary: Numbers) -> str:
    """With which layer units were removed that can only go together with that one's."""
    layers, group = summary["layers"], summary["layers"][name]["group"] or []
    first = next((other for other in layers if other in group and layers[other]["removal"]), None)
    if first is None:
        return ""
    return (
        f"They can only go together with those of {words.layer_name(first)}, "
        "where they were removed."
    )


def _against_random(removal: Numbers) -> str:
    random = removal["random"]
    text = f"in random order it is {words.plus_minus(random)}."
    if removal["removable"] <= random["mean"] + random["sd"]:
        text += " So no criterion is clearly better than chance here."
    return text


def _random_left(spread: Numbers, summary: Numbers) -> str:
    worth, noun = words.quantity(summary), words.examples(summary)
    mean, sd = spread["mean"], spread["sd"]
    if worth.name != "accuracy":
        article = "an R²" if worth.name == "r2" else "a loss"
        return f"{article} of {worth.amount(mean)} ± {worth.amount(sd)} on the test {noun}"
    whole = f"test {noun}" if summary["answers"] == 1 else f"answers for the test {noun}"
    return f"{100 * mean:.1f} ± {100 * sd:.1f}{SPACE}% of the {whole} right"


def glossary(summary: Numbers) -> list[Entry]:
    """The words of removals and, behind that of what can go, the criteria on the page."""
    shown = {
        name: None
        for layer in summary["layers"].values()
        if layer["removal"] is not None
        for name in layer["removal"]["by_criterion"]
    }
    removal = "The unit's output becomes exactly zero, its bias included; nothing is trained again."
    can_go = (
        "The largest number of units, taken in a criterion's order, such that {definition}. The "
        "criterion that lets most units go is chosen, on the validation {examples} too."
    )
    criteria = [
        Entry(
            word=_literal(CRITERIA[name].title),
            meaning=_literal(CRITERIA[name].says),
            as_a="criterion",
        )
        for name in shown
        if name in CRITERIA
    ]
    return [
        Entry(word="Removal", meaning=removal),
        Entry(word="Can go", meaning=can_go),
        *criteria,
    ]


def _literal(text: str) -> str:
    """A text whose braces stand for themselves once entries are filled in."""
    return text.replace("{", "{{").replace("}", "}}")
