"""Where a budget trains by another method than is published: refused, unless the study says why.

The budgets of a study differ in size. A training that is longer is larger; one by another optimiser
is another training, and what it finds may be due to that. A study that cannot do without says so:

    SUBSTITUTES = {"recipe": "Adam in place of SGD: the published rates are made for VGG-19"}

The field of `Config` stands before the colon, what takes the place of what, and why, behind it.
`surfeit study` and `surfeit claims` show it beside the verdicts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeGuard

from surfeit.core import unknown
from surfeit.train import Recipe

METHOD = (
    *("optimizer", "momentum", "nesterov", "schedule", "weight_decay", "l1", "augmentation"),
    *("critical_share", "targeted_dropout"),
    *("input_noise", "weight_noise", "label_noise", "drop_connect", "max_norm"),
)
"""What of a recipe is method; rates, batches and lengths go with the size of a network."""


def checked_substitutes(
    said: str, budgets: Mapping[str, Any], declared: object
) -> Mapping[str, str]:
    """What a study's SUBSTITUTES say, by field of Config.

    A recipe of the laptop budget that differs from the published one in its method is declared; one
    of the quick budget need not be where networks or data differ as well: it is no evidence.

    Raises:
        ValueError: if a field is unknown, has no reason, or differs under no budget, or if one
            that differs is not declared.
    """
    paper = budgets["paper"]
    given = _checked(said, declared, [field.name for field in fields(paper)])
    differing = {budget: method_changes(paper, config) for budget, config in budgets.items()}
    for budget, changes in differing.items():
        exempt = _is_exempt(budget, budgets)
        for name, change in changes.items():
            if name not in given and not exempt:
                raise ValueError(
                    f"the study {said} differs in the method of {name} under the budget {budget} "
                    f"({change}): keep the published one, or say what takes its place and why, "
                    f'such as SUBSTITUTES = {{"{name}": "Adam in place of SGD: ..."}}'
                )
    for name in given:
        if not any(name in changes for changes in differing.values()):
            raise ValueError(
                f"{said} is no study: SUBSTITUTES explains {name}, whose method is the published "
                "one under every budget"
            )
    return given


def substitutes_of(
    budgets: Mapping[str, Any], declared: Mapping[str, str], budget: str
) -> dict[str, str]:
    """Those of the declared substitutes that a budget makes use of, and has to answer for."""
    if _is_exempt(budget, budgets):
        return {}
    changes = method_changes(budgets["paper"], budgets[budget])
    return {name: why for name, why in declared.items() if name in changes}


def method_changes(paper: Any, other: Any) -> dict[str, str]:
    """The fields of two configurations that differ in how they train, with how: 'sgd' to 'adam'."""
    found = {}
    for field in fields(paper):
        changes = dict.fromkeys(_changes(getattr(paper, field.name), getattr(other, field.name)))
        if changes:
            found[field.name] = ", ".join(changes)
    return found


def _is_exempt(budget: str, budgets: Mapping[str, Any]) -> bool:
    """Whether it is a quick budget on other networks or data, which is no evidence."""
    return budget == "quick" and _texts(budgets["paper"]) != _texts(budgets[budget])


def _changes(paper: Any, other: Any) -> Iterator[str]:
    """Also within configurations of procedures, tuples and mappings."""
    if isinstance(paper, Recipe) and isinstance(other, Recipe):
        for name in METHOD:
            before, after = getattr(paper, name), getattr(other, name)
            if before != after:
                yield f"{name} {before!r} to {after!r}"
    elif isinstance(paper, Recipe) or isinstance(other, Recipe):
        yield "a recipe or none"
    elif is_dataclass(paper) and type(paper) is type(other):
        for field in fields(paper):
            yield from _changes(getattr(paper, field.name), getattr(other, field.name))
    elif isinstance(paper, Mapping) and isinstance(other, Mapping):
        for name in paper.keys() & other.keys():
            yield from _changes(paper[name], other[name])
    elif _is_sequence(paper) and _is_sequence(other):
        # Of unequal lengths, the shorter one has fewer arms of the same kind.
        for one, two in zip(paper, other, strict=False):
            yield from _changes(one, two)


def _texts(value: Any) -> list[str]:
    """The texts of a configuration outside its recipes: networks, data and layers have names."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Recipe):
        return []
    if is_dataclass(value):
        return [text for one in fields(value) for text in _texts(getattr(value, one.name))]
    return [text for one in value for text in _texts(one)] if _is_sequence(value) else []


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _checked(said: str, declared: object, names: list[str]) -> dict[str, str]:
    if not isinstance(declared, Mapping):
        raise ValueError(
            f"{said} is no study: SUBSTITUTES must be a dict of reasons by field of Config, got "
            f"{declared!r:.80}"
        )
    for name, why in declared.items():
        if name not in names:
            raise ValueError(
                f"{said} is no study: SUBSTITUTES: {unknown('field of Config', str(name), names)}"
            )
        if not isinstance(why, str) or not why.strip():
            raise ValueError(
                f"{said} is no study: SUBSTITUTES must say what takes the place of {name}, and "
                f"why, got {why!r:.80}"
            )
    return {name: " ".join(why.split()) for name, why in declared.items()}
