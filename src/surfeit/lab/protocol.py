"""Whether a module is a study, and what is missing if it is not."""

import dataclasses
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from surfeit.core import unknown
from surfeit.lab.study import BUDGETS, Claim, Study
from surfeit.lab.substitutes import checked_substitutes

EXAMPLES = {
    "CLAIMS": 'CLAIMS = (Claim(id="D6a", says="The distance falls with width.", source="..."),)',
    "Config": "@dataclass(frozen=True, kw_only=True) class Config: seeds: tuple[int, ...] = (0, 1)",
    "SIZES": 'SIZES = ("seeds", "recipe")',
    "PAPER": "PAPER = Config()",
    "LAPTOP": "LAPTOP = replace(PAPER, seeds=(0, 1, 2))",
    "QUICK": "QUICK = replace(PAPER, data=POOL_DATA, recipe=POOL_RECIPE)",
    "rows": "def rows(config, lab): yield {...}",
    "figure": "def figure(table): return drawn",
    "verdicts": 'def verdicts(table, config): return (exceeds("D6a", values, unit="points"),)',
}
"""What a study must have by name, and how it is written."""

_DOCSTRING = '"""Does it hold?  Source: author year, figure.  Cost: quick 10 s, laptop 5 min."""'


def study_of(module: ModuleType, *, target: str | None = None) -> Study:
    """The study that a module is.

    Args:
        module: see `surfeit.lab.study`.
        target: what a user types to name it; the module's last name if not given.

    Raises:
        ValueError: if it is none: what is missing or wrong, and how it is written.
    """
    name = module.__name__.rpartition(".")[2]
    said = target or name
    _check_names(said, module)
    question, source, cost = _paragraphs(said, module)
    budgets = {
        "quick": module.QUICK,
        "laptop": module.LAPTOP,
        "paper": module.PAPER,
    }
    _check_config(said, module.Config, budgets)
    _check_sizes(said, budgets, module.SIZES)
    return Study(
        name=name,
        target=said,
        digest=_digest(module),
        question=question,
        source=source,
        cost=cost,
        claims=_claims(said, module.CLAIMS),
        budgets=budgets,
        substitutes=checked_substitutes(said, budgets, getattr(module, "SUBSTITUTES", {})),
        rows=module.rows,
        figure=module.figure,
        verdicts=module.verdicts,
        jobs=getattr(module, "jobs", None),
    )


def config_of(study: Study, budget: str, seeds: Iterable[int] | None = None) -> Any:
    """The configuration of a study under a budget, with other seeds if they are given.

    Raises:
        ValueError: if there is no such budget, a seed is none, or there twice.
    """
    if budget not in study.budgets:
        raise unknown("budget", budget, BUDGETS)
    config = study.budgets[budget]
    if seeds is None:
        return config
    return dataclasses.replace(config, seeds=_checked_seeds(seeds))


def _checked_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    given = tuple(seeds)
    whole = all(isinstance(seed, int) and not isinstance(seed, bool) for seed in given)
    if not given or not whole or min(given) < 0:
        raise ValueError(f"seeds must be whole numbers >= 0, at least one, got {given}")
    twice = sorted({seed for seed in given if given.count(seed) > 1})
    if twice:
        raise ValueError(f"seeds holds {twice[0]} twice: a seed is one replicate, give each once")
    return given


def _check_names(said: str, module: ModuleType) -> None:
    missing = [name for name in EXAMPLES if not hasattr(module, name)]
    if missing:
        example = EXAMPLES[missing[0]]
        raise ValueError(f"{said} is no study: it lacks {', '.join(missing)}; write `{example}`")
    for name in ("rows", "figure", "verdicts", "jobs"):
        if not callable(getattr(module, name, _check_names)):
            raise ValueError(
                f"{said} is no study: {name} must be a function, got {getattr(module, name)!r:.80}"
            )


def _paragraphs(said: str, module: ModuleType) -> tuple[str, str, str]:
    """The question, the source and the cost that the docstring states."""
    text = " ".join((module.__doc__ or "").split())
    question, _, rest = text.partition("Source:")
    source, _, cost = rest.partition("Cost:")
    parts = {"a question": question, "Source:": source, "Cost:": cost}
    lacking = [name for name in parts if name.endswith(":") and name not in text]
    lacking = lacking or [name for name, part in parts.items() if not part.strip()]
    if lacking or "?" not in question:
        wanted = ", ".join(lacking) or "a question that ends with '?'"
        raise ValueError(
            f"{said} is no study: its docstring lacks {wanted}; begin the file with `{_DOCSTRING}`"
        )
    return question.strip(), source.strip(), cost.strip()


def _claims(said: str, claims: object) -> tuple[Claim, ...]:
    if not isinstance(claims, tuple | list) or not all(isinstance(c, Claim) for c in claims):
        raise ValueError(
            f"{said} is no study: CLAIMS must be a tuple of Claim, got {claims!r:.80}; write "
            f"`{EXAMPLES['CLAIMS']}`"
        )
    ids = [claim.id for claim in claims]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if not ids or twice:
        fault = f"holds {twice[0]!r} twice: each id is one claim" if twice else "is empty"
        raise ValueError(
            f"{said} is no study: CLAIMS {fault}" + ("" if twice else f"; {EXAMPLES['CLAIMS']}")
        )
    return tuple(claims)


def _check_config(said: str, kind: Any, budgets: Mapping[str, Any]) -> None:
    if not _is_frozen(kind) or "seeds" not in {one.name for one in dataclasses.fields(kind)}:
        raise ValueError(
            f"{said} is no study: Config must be a frozen dataclass with seeds; write "
            f"`{EXAMPLES['Config']}`"
        )
    _check_typed(said, kind)
    for budget in reversed(BUDGETS):  # the smaller ones are made from the paper's
        config = budgets[budget]
        if not isinstance(config, kind):
            raise ValueError(
                f"{said} is no study: {budget.upper()} must be a Config, got {config!r:.80}; write "
                f"`{EXAMPLES[budget.upper()]}`"
            )
        for one in dataclasses.fields(config):
            _check_constant(f"{said} is no study: {budget.upper()}", one.name, config)
        try:
            _checked_seeds(config.seeds)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{said} is no study: {budget.upper()}: {error}") from error


def _check_typed(said: str, kind: Any) -> None:
    """What has no type is no field of a dataclass: no budget could change it."""
    for name, value in vars(kind).items():
        if name.startswith("_") or name in inspect.get_annotations(kind):
            continue
        if not callable(value) and not isinstance(value, _METHODS):
            written = f"{name}: {type(value).__name__} = {value!r:.40}"
            raise ValueError(
                f"{said} is no study: {name} of Config has no type, so it is no field: write "
                f"`{written}`"
            )


_METHODS = (property, classmethod, staticmethod, functools.cached_property)


def _check_constant(said: str, name: str, config: Any) -> None:
    """A configuration stands for one result for ever, so nothing in it may change."""
    value = _changeable(getattr(config, name))
    if value is None:
        return
    instead = f"write a tuple, {name}=(...)"
    if dataclasses.is_dataclass(value):
        instead = "make it a frozen dataclass"
    elif isinstance(value, Mapping):
        instead = f'write a tuple of pairs, {name}=(("name", 1), ...)'
    raise ValueError(
        f"{said} holds a {type(value).__name__} in {name}, which can change: {instead}"
    )


def _changeable(value: Any) -> Any:
    """The innermost part of a value that can change, or None."""
    try:
        hash(value)
        return None
    except TypeError:
        parts: Iterable[Any] = value if isinstance(value, tuple) else ()
        if dataclasses.is_dataclass(value) and _is_frozen(type(value)):
            parts = [getattr(value, one.name) for one in dataclasses.fields(value)]
        return next((one for part in parts if (one := _changeable(part)) is not None), value)


def _is_frozen(kind: Any) -> bool:
    """Whether a class is a frozen dataclass; `dataclasses` has no public question for it."""
    parameters = getattr(kind, "__dataclass_params__", None)
    return isinstance(kind, type) and bool(getattr(parameters, "frozen", False))


def _check_sizes(said: str, budgets: Mapping[str, Any], sizes: object) -> None:
    """Budgets may differ in the fields that SIZES names alone, and a margin is no size."""
    paper = budgets["paper"]
    names = [field.name for field in dataclasses.fields(paper)]
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise ValueError(
            f"{said} is no study: SIZES must be a tuple of fields of Config, got {sizes!r:.80}; "
            f"write `{EXAMPLES['SIZES']}`"
        )
    for size in sizes:
        if size not in names:
            raise ValueError(
                f"{said} is no study: SIZES: {unknown('field of Config', size, names)}"
            )
        if "margin" in size:
            raise ValueError(
                f"{said} is no study: SIZES names {size}, but a margin is no size: it is the same "
                "under every budget"
            )
    for budget, config in budgets.items():
        for name in names:
            if getattr(config, name) != getattr(paper, name) and name not in sizes:
                raise ValueError(
                    f"the study {said} differs in {name} under the budget {budget}: a budget "
                    "may differ in size only, in the fields that SIZES names"
                )


def _digest(module: ModuleType) -> str:
    """sha256 of the file: another text may be another study."""
    source: Callable[[], bytes] | bytes | None = getattr(module, "__source__", None)
    if not isinstance(source, bytes):
        source = Path(str(module.__file__)).read_bytes()
    return hashlib.sha256(source).hexdigest()
