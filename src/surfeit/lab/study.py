"""What a study is: a module that has these names, and nothing but them to know about it.

- its docstring: the question, in one sentence; a paragraph `Source: ...`; a paragraph
  `Cost: quick 20 s, laptop 9 min (two cores).`;
- `CLAIMS`: a tuple of `Claim`, what the literature says;
- `Config`: a frozen dataclass with `seeds`, one or more margins, and all that the result depends
  on; `PAPER`, `LAPTOP` and `QUICK`, values of it, the latter made by `replace(PAPER, ...)`;
- `SIZES`: the names of the fields in which the budgets may differ: how large, not how;
- `jobs(config, lab)`: the trainings by name (optional; a study that trains step by step through the
  lab has none and cannot be listed before it runs);
- `rows(config, lab)`: yields the rows of the tidy table; every row of the same columns;
- `figure(table)`: a matplotlib figure from the table alone;
- `verdicts(table, config)`: a `Verdict` for each claim, from the table alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from surfeit.execute import Derived, Row
from surfeit.train.job import Job

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from surfeit.lab.lab import Lab
    from surfeit.lab.verdict import Verdict

Budget = Literal["quick", "laptop", "paper"]
BUDGETS: tuple[Budget, ...] = ("quick", "laptop", "paper")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the literature says.

    Args:
        id: as in the catalogue of claims: `B1`.
        says: the claim in one sentence, so that it can be true or false.
        published: the published figures in words, with the setting they are from; empty if none.
        source: author, year, figure or table.
        figure: the one published number that ours is compared with, in the verdict's unit, or None.
    """

    id: str
    says: str
    published: str = ""
    source: str = ""
    figure: float | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as its file has it; see the module's docstring."""

    name: str
    question: str
    source: str
    cost: str
    claims: tuple[Claim, ...]
    budgets: Mapping[str, Any]
    rows: Callable[[Any, "Lab"], Iterable[Row]]
    figure: Callable[["pa.Table"], "Figure"]
    verdicts: Callable[["pa.Table", Any], Iterable["Verdict"]]
    jobs: Callable[[Any, "Lab"], Mapping[str, Job | Derived]] | None = None


def study_of(module: ModuleType) -> Study:
    """The study that a module is.

    Raises:
        ValueError: if it lacks a name of the protocol, or its budgets differ in more than size.
    """
    name = module.__name__.rpartition(".")[2]
    question, source, cost = _paragraphs(module)
    budgets = {"quick": module.QUICK, "laptop": module.LAPTOP, "paper": module.PAPER}
    _check_sizes(name, budgets, module.SIZES)
    return Study(
        name=name,
        question=question,
        source=source,
        cost=cost,
        claims=tuple(module.CLAIMS),
        budgets=budgets,
        rows=module.rows,
        figure=module.figure,
        verdicts=module.verdicts,
        jobs=getattr(module, "jobs", None),
    )


def _paragraphs(module: ModuleType) -> tuple[str, str, str]:
    text = " ".join((module.__doc__ or "").split())
    question, _, rest = text.partition("Source:")
    source, _, cost = rest.partition("Cost:")
    return question.strip(), source.strip(), cost.strip()


def _check_sizes(name: str, budgets: Mapping[str, Any], sizes: Iterable[str]) -> None:
    paper = budgets["paper"]
    for budget, config in budgets.items():
        for field in fields(paper):
            same = getattr(config, field.name) == getattr(paper, field.name)
            if not same and field.name not in sizes:
                raise ValueError(
                    f"the study {name} differs in {field.name} under the budget {budget}: a budget "
                    "may differ in size only, in the fields that SIZES names"
                )
