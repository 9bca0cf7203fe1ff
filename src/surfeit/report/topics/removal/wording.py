"""What a report says of removing units, in sentences."""

from collections.abc import Mapping

from surfeit.prune import CRITERIA, Bounds, CanGo, can_go_briefly, can_go_sentence
from surfeit.prune.can_go_words import confidence_words, too_few
from surfeit.report import words
from surfeit.report.topics.topic import Entry, Numbers
from surfeit.report.words import Finding

_REASONS = _SHOWN = 3  # that stand on top


def headline(summary: Numbers) -> str:
    """The answer in a few sentences: how much of each layer can go, beside as many at random."""
    removals = {name: layer["removal"] for name, layer in summary["layers"].items()}
    removals = {name: removal for name, removal in removals.items() if removal is not None}
    aside = _left_out(summary)
    if not removals:
        return aside or "No units were removed from any layer; the parts below say why."
    said = _alone(*removals.popitem(), summary) if len(removals) == 1 else _each(removals, summary)
    return " ".join(filter(None, [said, aside]))


def answer_of(removal: Numbers) -> CanGo:
    """A layer's answer, from its numbers."""
    bounds = removal["bounds"]
    return CanGo(
        units=removal["units"],
        criterion=removal["criterion"],
        estimate=removal["estimate"],
        bounds=None if bounds is None else Bounds(**bounds),
        why_no_bounds=removal["why_no_bounds"],
    )


def _alone(name: str, removal: Numbers, summary: Numbers) -> str:
    """What is said where units of one layer were removed."""
    said = [_sentence(name, removal, summary), _beside_random({name: removal}, summary)]
    return " ".join(filter(None, said))


def _each(removals: Numbers, summary: Numbers) -> str:
    """What is said of several layers, each alone."""
    worth, noun = words.quantity(summary), words.examples(summary)
    price = worth.price(summary["settings"]["loss"])
    answers = {name: answer_of(removal) for name, removal in removals.items()}
    bounds = [answer.bounds for answer in answers.values() if answer.bounds is not None]
    counts = sorted({found.examples for found in bounds})
    tested = ""
    if bounds:
        many = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
        tested = f" ({confidence_words(bounds[0])} for each, {many} test {noun})"
    shown = _most(answers)
    parts = [can_go_briefly(answers[name], whose=_whose(name, removals[name])) for name in shown]
    others = {name: answers[name] for name in answers if name not in shown}
    parts += _others(others, among=bool(shown))
    text = f"What can go one layer at a time, for at most {price}: {'; '.join(parts)}{tested}."
    fewest = min(bounds, key=lambda found: found.examples, default=None)
    few = "" if fewest is None else too_few(fewest, noun)
    if few and any(found.lower == 0 for found in bounds):
        text += f" Where nothing was shown, {few}."
    return " ".join(filter(None, [text, _beside_random(removals, summary)]))


def _most(answers: Mapping[str, CanGo]) -> list[str]:
    """The layers that are named: all of a few, and of many those of which most was shown."""
    if len(answers) <= _SHOWN:
        return list(answers)
    some = [name for name, answer in answers.items() if _least(answer)]
    most = sorted(some, key=lambda name: _least(answers[name]) / answers[name].units)[-_SHOWN:]
    return [name for name in answers if name in most]


def _least(answer: CanGo) -> int:
    """How many units were shown to go; where nothing can be shown, the estimate."""
    return answer.estimate if answer.bounds is None else answer.bounds.lower


def _others(answers: Mapping[str, CanGo], *, among: bool) -> list[str]:
    """What is said of the layers that are not named, be it among those that are."""
    some = sum(_least(answer) > 0 for answer in answers.values())
    none = sum(answer.bounds is not None and not answer.bounds.upper for answer in answers.values())
    kinds = {
        "smaller shares of": some,
        "no unit of": none,
        "nothing was shown of": len(answers) - some - none,
    }
    layer = "other layer" if among else "layer"
    return [f"{what} {words.counted(many, layer)}" for what, many in kinds.items() if many]


def _sentence(name: str, removal: Numbers, summary: Numbers) -> str:
    worth, noun = words.quantity(summary), words.examples(summary)
    price = worth.price(summary["settings"]["loss"])
    whose = _whose(name, removal)
    text = can_go_sentence(answer_of(removal), whose=whose, price=price, noun=noun)
    return f"{text[0].upper()}{text[1:]}."


def _beside_random(removals: Numbers, summary: Numbers) -> str:
    """What is left with so many units removed, by the criterion and at random."""
    worth, noun, parts = words.quantity(summary), words.examples(summary), []
    for name, removal in removals.items():
        many, bounds = removal["as_many"], removal["bounds"]
        if not many["removed"] or (len(removals) > 1 and bounds and not bounds["lower"]):
            continue
        of = f" of {words.layer_name(name)}" * (len(removals) > 1)
        random = words.amount_and_spread(many["random"], worth)
        parts.append(
            f"{worth.amount(many['after'])} with {many['removed']} units{of} removed, {random} "
            "with as many at random"
        )
    if not parts:
        return ""
    said = f"{worth.words[0].upper()}{worth.words[1:]} on the test {noun} is"
    return f"{said} {'; '.join(parts[:_SHOWN])}."


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
    """How many units can go, by which order, and what the estimate was worth."""
    removal = summary["layers"][name]["removal"]
    if removal is None:
        reason = summary["layers"][name]["not_removed"]
        why = f"{reason[0].upper()}{reason[1:]}." if reason else ""
        return Finding("No units were removed.", _elsewhere(name, summary) or why)
    criterion = removal["criterion"]
    how = CRITERIA[criterion].first if criterion in CRITERIA else criterion.replace("_", " ")
    parts = [f"{how[0].upper()}{how[1:]}.", _beside_random({name: removal}, summary)]
    return Finding(
        _sentence(name, removal, summary),
        " ".join(filter(None, [*parts, _of_estimate(removal, summary)])),
    )


def _of_estimate(removal: Numbers, summary: Numbers) -> str:
    """What the validation curve lets go, and what that costs on the test split."""
    noun, estimate, random = words.examples(summary), removal["estimate"], removal["random"]
    text = (
        f"The curve of the validation {noun}, which chose the criterion, lets {estimate} go, an "
        f"estimate; in random order {words.plus_minus(random)}."
    )
    if estimate <= random["mean"] + random["sd"]:
        return f"{text} So no criterion is clearly better than chance here."
    cost = words.cost_on_test(removal["test"], summary)
    return f"{text} With {estimate} removed {cost[0].lower()}{cost[1:]}"


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
        "So many units, taken in a criterion's order, that none of the removals on the way costs "
        "more than {loss} on all {examples} that these were drawn from. “At least” and “at most” "
        "are bounds by the test {examples}, which hold together with the confidence that is said; "
        "between them nobody can tell on so many. They are about this network and this order."
    )
    estimate = (
        "The largest number of units, taken in a criterion's order, such that {definition}. The "
        "criterion with the largest is chosen. Such a number is above the true one about every "
        "second time."
    )
    accepted = (
        "What may be lost at most, here {loss}. The page’s control shows the answers for other "
        "losses: the confidence that is said is that of each alone, for a loss that was set before "
        "its answer was seen."
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
    removals = [layer["removal"] for layer in summary["layers"].values()]
    bounded = any(removal is not None and removal["bounds"] for removal in removals)
    return [
        Entry(word="Removal", meaning=removal),
        *([Entry(word="Can go", meaning=can_go)] if bounded else []),
        Entry(word="Estimate", meaning=estimate),
        Entry(word="Accepted loss", meaning=accepted),
        *criteria,
    ]


def _literal(text: str) -> str:
    """A text whose braces stand for themselves once entries are filled in."""
    return text.replace("{", "{{").replace("}", "}}")
