"""`surfeit study` and `surfeit studies`: a claim of the literature, tried here."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from surfeit.cli.builders import engine_on
from surfeit.cli.flags import EngineName, Out, Quiet, flag, open_text
from surfeit.cli.options import Places
from surfeit.cli.paragraphs import paragraph
from surfeit.cli.progress import Teller, telling
from surfeit.cli.table import print_table
from surfeit.cli.values import WholeNumbers
from surfeit.lab import study_names

if TYPE_CHECKING:
    from surfeit.execute import Engine
    from surfeit.lab import Lab, Result, Study, Verdict
    from surfeit.lab.cost import Planned

_PLACES = Places()
# What a pipe gets: docs/studies.md says what each is. Others of `surfeit claims` have its names.
_COLUMNS = ("claim", "verdict", "effect", "n", "found", "doubt", "says", "instead")
_NAMES = study_names()

if TYPE_CHECKING:
    StudyName = str
else:
    StudyName = flag(
        open_text(_NAMES),
        help=f"{', '.join(_NAMES)} (see 'surfeit studies'), your own file, ./mine.py, or a module, "
        "package.module.",
    )


def study(
    name: StudyName,
    *,
    budget: Literal["quick", "laptop", "paper"] = "quick",
    seeds: WholeNumbers | None = None,
    on: EngineName = "local",
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    stacks: bool = True,
    out: Out | None = None,
    quiet: Quiet = False,
    places: Places = _PLACES,
) -> None:
    """Try a claim of the literature: train, measure, judge; print each verdict.

    A verdict is supported, contradicted or inconclusive, with the effect, its interval over seeds
    and how many there are. Writes table, figure, verdicts, configuration and environment to
    OUT/NAME/KEY. What is there is not computed twice, and what was interrupted goes on. 'surfeit
    studies' lists the library's studies; docs/studies.md says how to write one.

    Parameters
    ----------
    budget
        quick: a minute, to see that it works; laptop: half an hour at most on two cores; paper: as
        published. They differ in size alone, or say in what else.
    seeds
        In place of the budget's own: one replicate each.
    dry_run
        List the trainings with their steps and what they will take, and do nothing.
    stacks
        Train sixteen and more of one small network together, twice as fast; they are other runs
        than those of trainings alone, equal up to rounding.
    out
        The folder of results; by default 'results' in the store.
    quiet
        Say nothing but the verdicts and errors.
    """
    from surfeit.lab import study_named

    chosen = study_named(name)
    from surfeit.lab import Lab, config_of, result_of, run_study

    config = config_of(chosen, budget, seeds)
    with telling(quiet) as teller:
        engine = engine_on(on)
        lab = Lab(
            places.store,
            engine=engine,
            data_root=places.data_dir,
            progress=teller.trainings,
            stage=teller.stage,
            stacks=stacks,
        )
        result = result_of(chosen, budget, config, lab=lab, out=out)
        if dry_run:
            _list(chosen, _plan(chosen, config, lab), engine)
            return
        if result is None:
            if not quiet:
                words = _estimate(chosen, _plan(chosen, config, lab), engine)
                teller.say(f"{chosen.name}, {budget} budget: {words}")
            result = run_study(chosen, budget, lab=lab, seeds=seeds, out=out)
    _answer(result)
    if budget == "quick" and not quiet:
        teller.say(
            "quick tries the study out: so small a run is no evidence for or against a claim"
        )
    _say_where(result, teller)


def studies(
    *,
    sources: Annotated[bool, Parameter(negative=())] = False,
    out: Out | None = None,
    places: Places = _PLACES,
) -> None:
    """List the studies: their claims, questions and costs, and what was found so far.

    Parameters
    ----------
    sources
        Whose claims they are, too; a pipe has them in any case.
    out
        The folder of results; by default 'results' in the store.
    """
    from surfeit.lab import all_results, library_studies, results_root

    results, problems = all_results(out or results_root(places.store))
    rows = []
    for one in library_studies():
        found = [result for result in results if result.study == one.name]
        claims = ", ".join(claim.id for claim in one.claims)
        rows.append((one.name, one.question, one.source, one.cost, _found(found), claims))
    if not sys.stdout.isatty():
        print_table(("study", "question", "source", "cost", "results", "claims"), rows)
    else:
        for name, question, source, cost, found, claims in rows:
            about = {"source": source if sources else "", "cost": cost, "results": found}
            print(paragraph(f"{name}  ({claims})", question, about), end="\n\n")
    for problem in problems:
        print(problem, file=sys.stderr)


def _plan(study: "Study", config: object, lab: "Lab") -> "list[Planned] | None":
    """The trainings and where they stand; None of a study that does not list them."""
    from surfeit.execute import in_stacks
    from surfeit.lab.checks import jobs_of
    from surfeit.lab.cost import planned

    if study.jobs is None:
        return None
    jobs = jobs_of(study, config, lab)
    return planned(in_stacks(jobs) if lab.stacks else jobs, lab.store)


def _estimate(study: "Study", plan: "list[Planned] | None", engine: "Engine") -> str:
    from surfeit.lab.cost import estimate

    cost = f"'{study.cost.rstrip('.')}'"
    if plan is None:
        words = "it trains step by step, so that what is left is not known"
        return f"{words}; of itself it says {cost}"
    words = estimate(plan, engine)
    known = any(one.seconds is not None for one in plan)
    return words if known else f"{words}; of itself the study says {cost}"


def _list(study: "Study", plan: "list[Planned] | None", engine: "Engine") -> None:
    """The trainings on stdout, what they take on stderr."""
    from surfeit.lab.cost import in_words

    if plan is not None:
        rows = [
            (
                one.name,
                one.key[:12] or "–",
                one.state,
                "–" if one.steps is None else f"{one.steps:,}",
                "–" if one.seconds is None else in_words(one.seconds) if one.steps else "0 s",
            )
            for one in plan
        ]
        print_table(("training", "key", "state", "steps left", "on one core"), rows)
    print(_estimate(study, plan, engine), file=sys.stderr)


def _answer(result: "Result") -> None:
    claims = {claim.id: claim.says for claim in result.claims}
    if not sys.stdout.isatty():
        instead = "; ".join(f"{name}: {why}" for name, why in result.substitutes.items())
        rows = [(*_row(one), claims.get(one.claim, ""), instead) for one in result.verdicts]
        print_table(_COLUMNS, rows)
        return
    for verdict in result.verdicts:
        heading = f"{verdict.claim} {verdict.words()}."
        print(paragraph(heading, claims.get(verdict.claim, ""), {"found": verdict.sentence()}))


def _row(verdict: "Verdict") -> tuple[str, ...]:
    return (
        verdict.claim,
        verdict.ruling,
        verdict.effect_in_words(),
        str(verdict.n),
        verdict.sentence(),
        verdict.doubt,
    )


def _say_where(result: "Result", teller: Teller) -> None:
    for name, why in result.substitutes.items():
        teller.say(f"not as published, {name}: {why}")
    teller.say(f"{result.folder}: table.csv, table.parquet, figure.svg, .png, .pdf, verdicts.json")


def _found(results: "list[Result]") -> str:
    """For each budget that was run, its verdicts."""
    latest = {result.budget: result for result in results}
    return "; ".join(
        f"{budget}: " + ", ".join(f"{one.claim} {one.ruling}" for one in result.verdicts)
        for budget, result in latest.items()
    )
