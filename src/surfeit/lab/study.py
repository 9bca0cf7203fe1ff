"""What a study is: a module that has these names, and nothing but them to know about it.

- its docstring: the question, in one sentence; a paragraph `Source: ...`; a paragraph
  `Cost: quick 20 s, laptop 9 min (two cores).`;
- `CLAIMS`: a tuple of `Claim`, what the literature says;
- `Config`: a frozen dataclass with `seeds`, one or more margins, and all that the result depends
  on; `PAPER`, `LAPTOP` and `QUICK`, values of it, the latter made by `replace(PAPER, ...)`;
- `SIZES`: the names of the fields in which the budgets may differ: how large, not how;
- `SUBSTITUTES`: why a smaller budget trains by another method than is published (optional; needed
  where one does, see `surfeit.lab.substitutes`);
- `jobs(config, lab)`: the trainings by name (optional; a study that trains step by step through the
  lab has none and cannot be listed before it runs);
- `rows(config, lab)`: yields the rows of the tidy table; every row of the same columns;
- `figure(table)`: a matplotlib figure from the table alone;
- `verdicts(table, config)`: a `Verdict` for each claim, from the table alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
    """A study as its file has it; see the module's docstring.

    Args:
        name: the file's.
        target: what a user types to name it: the same, or a path, or a module.
        digest: sha256 of the file.
        question, source, cost: as the docstring says them.
        claims: what it judges.
        budgets: the configuration of each.
        rows, figure, verdicts, jobs: its functions.
        substitutes: where a budget trains by another method than is published, and why, by field of
            Config.
    """

    name: str
    target: str
    digest: str
    question: str
    source: str
    cost: str
    claims: tuple[Claim, ...]
    budgets: Mapping[str, Any]
    rows: Callable[[Any, "Lab"], Iterable[Row]]
    figure: Callable[["pa.Table"], "Figure"]
    verdicts: Callable[["pa.Table", Any], Iterable["Verdict"]]
    jobs: Callable[[Any, "Lab"], Mapping[str, Job | Derived]] | None = None
    substitutes: Mapping[str, str] = field(default_factory=dict)
