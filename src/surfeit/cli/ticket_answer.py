"""What a search for tickets found, in plain sentences and as a table for people."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from surfeit.tables import Mean
    from surfeit.tables.tickets import Advantage

_PHRASES = {
    "reinit": "re-initialised controls",
    "random": "randomly drawn controls",
    "shuffle": "shuffled controls",
    "scratch-e": "controls trained from scratch (scratch-e)",
    "scratch-b": "controls trained from scratch for longer (scratch-b)",
    "sign": "controls with their signs alone",
    "constant": "controls with constant weights",
    "invert": "inverted controls",
}
_NONE = "–"


def sentences(table: "pa.Table") -> list[str]:
    """The answer: tickets against each control, then against the dense network."""
    from surfeit.tables.tickets import arms

    if _learnt_nothing(table):
        return [
            "the dense network learnt nothing: its validation loss is least before the first step, "
            "so its tickets say nothing. Lower the learning rate, or train for longer"
        ]
    found = [_against(table, control) for control in arms(table)[1:]]
    return [sentence for sentence in (*found, _against_dense(table)) if sentence]


def rows(table: "pa.Table") -> tuple[list[str], list[list[str]]]:
    """Columns and rows to print: each level's density, accuracy by arm and early-stopping step."""
    from surfeit.tables.tickets import TICKET, arms, levels, percent

    names = arms(table)
    accuracy = _by_place(levels(table, "test_accuracy"))
    step = _by_place(levels(table, "early_stop_step"))
    printed = []
    for level in sorted(set(table["level"].to_pylist())):
        density = next((row["density"] for (at, _), row in accuracy.items() if at == level), None)
        cells = [_accuracy(accuracy.get((level, name))) for name in names]
        if level == 0:
            cells[1:] = [""] * (len(names) - 1)
        kept = _NONE if density is None else f"{percent(density)} %"
        printed.append([str(level), kept, *cells, _step(step.get((level, TICKET)))])
    return ["level", "density", *names, "ticket's early stop"], printed


def _learnt_nothing(table: "pa.Table") -> bool:
    """Whether no replicate's dense network ever had a lower validation loss than untrained."""
    from surfeit.tables.tables import where

    steps = [
        step for step in where(table, level=0)["early_stop_step"].to_pylist() if step is not None
    ]
    return bool(steps) and max(steps) == 0


def _against(table: "pa.Table", control: str) -> str | None:
    from surfeit.tables.tickets import advantage, percent

    found = advantage(table, control, "test_accuracy")
    if found is None:
        return None
    where = f"tickets at {percent(found.densest)} % density"
    if found.levels > 1:
        where = (
            f"tickets between {percent(found.densest)} % and {percent(found.sparsest)} % density"
        )
    theirs = f"their {_PHRASES.get(control, f'{control} controls')}"
    stop = advantage(table, control, "early_stop_step")
    sooner = f"; {_sooner(stop)}" if stop else ""
    return f"{where} {_compared(found.over, theirs)}{sooner}"


def _compared(over: "Mean", theirs: str) -> str:
    points = f"{abs(100 * over.mean):.2f} points of test accuracy"
    if over.lower is None or over.upper is None:
        side = "above" if over.mean >= 0 else "below"
        return f"are {points} {side} {theirs} ({over.doubt})"
    if over.lower > 0:
        return f"beat {theirs} by {points} {_range(over, 100, 2)}"
    if over.upper < 0:
        return f"fall behind {theirs} by {points} {_range(over, -100, 2)}"
    change = f"{_signed(over)} points of test accuracy"
    return f"and {theirs} cannot be told apart: {change} {_range(over, 100, 2)}"


def _signed(over: "Mean") -> str:
    from surfeit.tables import figure_in_words

    return figure_in_words(100 * over.mean, 2, signed=True)


def _sooner(stop: "Advantage") -> str:
    """When the validation loss is least, from the steps ticket − control."""
    over = stop.over
    if any(stop.censored):
        return _censored(stop)
    side = "sooner" if over.mean <= 0 else "later"
    count = round(abs(over.mean))
    by = f"{count:,} step{'' if count == 1 else 's'} {side}" if count else "at the same step"
    words = f"the tickets' validation loss is least {by}"
    if over.lower is None or over.upper is None:
        return words + (f" ({over.doubt})" if over.n > 1 else "")
    clear = over.lower > 0 or over.upper < 0
    doubt = "" if clear or not count else ", which may be chance"
    return f"{words} {_range(over, -1 if over.mean <= 0 else 1, 0)}{doubt}"


def _censored(stop: "Advantage") -> str:
    """A bound, where some had their least loss at the last step and would have it later still."""
    tickets, controls = stop.censored
    late = " and ".join(
        f"{count} {whose}{'' if count == 1 else 's'}"
        for count, whose in ((tickets, "ticket"), (controls, "control"))
        if count
    )
    still = f"{late} had it at the last step and might still get better"
    if not tickets and stop.over.mean < 0:
        least = f"{round(-stop.over.mean):,} steps sooner or more"
        return f"the tickets' validation loss is least {least}: {still}"
    return f"whose validation loss is least sooner is open: {still}"


def _range(over: "Mean", scale: float, digits: int) -> str:
    from surfeit.tables import range_in_words

    assert over.lower is not None
    assert over.upper is not None
    return f"({range_in_words(scale * over.lower, scale * over.upper, digits)}, n = {over.n})"


def _against_dense(table: "pa.Table") -> str | None:
    """The smallest ticket that validation images find no worse; test images only measure it."""
    from surfeit.tables.tickets import TICKET, against_dense, levels, percent

    found = _by_place(levels(table, "validation_accuracy"))
    tickets = {level: row for (level, arm), row in found.items() if arm == TICKET}
    if 0 not in tickets or len(tickets) == 1:
        return None
    dense = tickets[0]["mean"]
    equal = [level for level, row in tickets.items() if level and row["mean"] >= dense]
    if not equal:
        return "no ticket is as accurate on validation images as the dense network"
    level = max(equal)
    over = against_dense(table, "test_accuracy", level)
    change = f"{_signed(over)} points of test accuracy"
    interval = f" {_range(over, 100, 2)}" if over.lower is not None else ""
    return (
        "the smallest ticket no worse on validation images than the dense network has "
        f"{percent(tickets[level]['density'])} % density: {change} against it{interval}"
    )


def _by_place(summary: "pa.Table") -> dict[tuple[int, str], dict]:
    return {(row["level"], row["arm"]): row for row in summary.to_pylist()}


def _accuracy(row: dict | None) -> str:
    if row is None:
        return _NONE
    if row["upper"] is None:
        return f"{100 * row['mean']:.2f} %{_equal(row)}"
    return f"{_interval(row, 100, 2, most=100)} %"


def _step(row: dict | None) -> str:
    if row is None:
        return _NONE
    if row["upper"] is None:
        return f"{row['mean']:,.0f}{_equal(row)}"
    return _interval(row, 1, 0, most=math.inf)


def _interval(row: dict, times: int, digits: int, *, most: float) -> str:
    """ "97.10 ± 0.25", and "99.0 (97.3 to 100)" where that goes beyond what is possible."""
    mean, upper = times * row["mean"], times * row["upper"]
    lower = 2 * mean - upper
    if lower >= 0 and upper <= most:
        return f"{mean:,.{digits}f} ± {upper - mean:,.{digits}f}"
    low, high = (
        f"{bound:,.0f}" if bound in (0, most) else f"{bound:,.{digits}f}"
        for bound in (max(lower, 0), min(upper, most))
    )
    return f"{mean:,.{digits}f} ({low} to {high})"


def _equal(row: dict) -> str:
    """Replicates that are equal do not tell how much they vary: no interval, and not "± 0"."""
    return f" ({row['n']} equal)" if row["n"] > 1 else ""


def complaint(table: "pa.Table", most: int = 10) -> str | None:
    """Which trainings failed and why, a line each for the first few; None if none did."""
    from surfeit.procedures.tickets import failures

    # What failed itself before what was not run for its sake.
    found = sorted(failures(table).values(), key=lambda one: "not run, because" in one)
    if not found:
        return None
    more = [f"and {len(found) - most} more"] if len(found) > most else []
    count = f"{len(found)} of {table.num_rows} trainings failed"
    return "\n  ".join([f"{count}; the others are written:", *found[:most], *more])
