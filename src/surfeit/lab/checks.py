"""What a study's functions must give: checked before anything is written."""

import inspect
import math
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from surfeit.core import SurfeitError, lacks_memory, unknown
from surfeit.core.own_code import told
from surfeit.execute import Derived
from surfeit.lab.study import Study
from surfeit.lab.verdict import Verdict
from surfeit.train import Job, Recipe

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from surfeit.lab.lab import Lab

_CELLS = (str, bool, int, float)


@contextmanager
def told_of(study: Study, function: str, config: Any = None) -> Iterator[None]:
    """Says which function of a study raised, what, in which line, and of which field of Config.

    Raises:
        SurfeitError: in place of what a study's code may raise; the library's own errors stay.
    """
    try:
        yield
    except SurfeitError:
        raise
    except Exception as error:  # whatever a study's code may raise
        if lacks_memory(error):
            raise
        trace = traceback.extract_tb(error.__traceback__)
        within = [frame for frame in trace if frame.filename.endswith(f"/{study.name}.py")]
        line = f", line {within[-1].lineno}" if within else ""
        in_recipe = bool(trace) and trace[-1].filename == inspect.getsourcefile(Recipe)
        made_of = _made_of(config, str(error)) if in_recipe and is_dataclass(config) else ""
        raise SurfeitError(
            f"{function}() of the study {study.name}{line} raised {told(error)}{made_of}; what is "
            "trained is kept: mend the file and give the same command again"
        ) from error


def _made_of(config: Any, words: str) -> str:
    """The fields of a configuration whose recipes a change may not have fitted."""
    named = {field.name: getattr(config, field.name) for field in fields(config)}
    recipes = {name: one for name, one in named.items() if isinstance(one, Recipe)}
    likely = [name for name, one in recipes.items() if words.startswith(one.optimizer)]
    return f" (look at Config's {', '.join(likely or recipes)})" if recipes else ""


def jobs_of(study: Study, config: Any, lab: "Lab") -> dict[str, Job | Derived]:
    """The trainings that a study lists; none where it does not.

    Raises:
        SurfeitError: if its function raises, or gives no jobs by name.
    """
    if study.jobs is None:
        return {}
    with told_of(study, "jobs", config):
        jobs = study.jobs(config, lab)
    given = jobs.items() if isinstance(jobs, Mapping) else [(None, jobs)]
    for name, job in given:
        if not isinstance(name, str) or not isinstance(job, Job | Derived):
            raise SurfeitError(
                f"jobs() of the study {study.name} must return a dict of trainings by name, such "
                f'as {{"seed 0": lab.job(...)}}, got {job if name is None else {name: job}!r:.80}'
            )
    return dict(jobs)


def table_of(study: Study, rows: Iterable[Mapping[str, Any]]) -> "pa.Table":
    """The rows as a tidy table.

    Raises:
        SurfeitError: if there is no row, rows differ in their columns, a cell is no single value or
            NaN, or a column mixes texts and numbers.
    """
    import pyarrow as pa

    checked = []
    for number, row in enumerate(rows):
        _check_row(study, number, row, checked[0] if checked else row)
        checked.append(dict(row))
    if not checked:
        raise SurfeitError(f"rows() of the study {study.name} gave no row: yield one a training")
    try:
        return pa.Table.from_pylist(checked)
    except (pa.ArrowException, OverflowError) as error:
        raise SurfeitError(
            f"rows() of the study {study.name} mixes kinds of values in a column: {error}"
        ) from error


def _check_row(study: Study, number: int, row: Any, first: Mapping[str, Any]) -> None:
    where = f"row {number} of the study {study.name}"
    if not isinstance(row, Mapping):
        raise SurfeitError(f"{where} must be a dict, got {row!r:.80}")
    if row.keys() != first.keys():
        lacks = [name for name in first if name not in row]
        more = [name for name in row if name not in first]
        differs = f"lacks {lacks}" if lacks else f"has {more} more"
        raise SurfeitError(
            f"{where} {differs}: every row has the columns of the first, {list(first)}, with None "
            "where nothing was measured"
        )
    for name, value in row.items():
        if value is not None and not isinstance(value, _CELLS):
            raise SurfeitError(
                f"{where} holds a {type(value).__name__} in {name!r}: a cell is one text, number, "
                "truth value or None"
            )
        if isinstance(value, float) and math.isnan(value):
            raise SurfeitError(
                f"{where} holds NaN in {name!r}: None says that nothing was measured"
            )


def checked_figure(study: Study, figure: object) -> "Figure":
    """The figure, if it is one of matplotlib with something in it.

    Raises:
        SurfeitError: if it is not.
    """
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure) or not figure.axes:
        given = "one without axes" if isinstance(figure, Figure) else f"{figure!r:.80}"
        raise SurfeitError(
            f"figure() of the study {study.name} must return a matplotlib Figure, got {given}"
        )
    return figure


def checked_verdicts(study: Study, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts, one for each claim, in the order of the claims.

    Raises:
        SurfeitError: if one is missing, of no claim of the study, or there twice.
    """
    given = [verdicts] if isinstance(verdicts, Verdict) else list(verdicts)
    where, ids = f"verdicts() of the study {study.name}", [claim.id for claim in study.claims]
    by_claim: dict[str, Verdict] = {}
    for verdict in given:
        if not isinstance(verdict, Verdict):
            raise SurfeitError(f"{where} must give Verdict values, got {verdict!r:.80}")
        if verdict.claim not in ids:
            raise SurfeitError(
                f"{where} judges what it does not claim: {unknown('claim', verdict.claim, ids)}"
            )
        if verdict.claim in by_claim:
            raise SurfeitError(f"{where} judges {verdict.claim} twice: a claim has one verdict")
        by_claim[verdict.claim] = verdict
    missing = [name for name in ids if name not in by_claim]
    if missing:
        raise SurfeitError(
            f"{where} says nothing of {', '.join(missing)}: each claim has a verdict"
        )
    return tuple(by_claim[name] for name in ids)
