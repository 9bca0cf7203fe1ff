"""Tickets and their controls over replicates: means, paired differences, and one figure for all.

The table is that of `surfeit.procedures.tickets`: one row a training with `replicate`, `level`,
`arm` ("ticket" or a control's name), `density` and the measured quantities; null where a training
failed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from surfeit.tables.statistics import Mean, over_replicates

TICKET = "ticket"
EARLY_STOP = "early_stop_step"
DENSITIES = (0.05, 0.5)
"""Where tickets and controls are compared unless told otherwise: a choice of ours."""

_KEYS = ("replicate", "level", "arm", "density")
_SCHEMA = pa.schema(
    [
        ("level", pa.int64()),
        ("arm", pa.string()),
        ("density", pa.float64()),
        ("n", pa.int64()),
        ("mean", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
    ]
)
_GAPS = pa.schema(
    [
        ("replicate", pa.int64()),
        ("level", pa.int64()),
        ("density", pa.float64()),
        ("arm", pa.string()),
        ("gap", pa.float64()),
    ]
)
_Values = dict[int, dict[str, dict[int, float]]]


@dataclass(frozen=True, kw_only=True)
class Advantage:
    """How far tickets are above one control, over a range of densities: ticket − control.

    Args:
        control: the control's name.
        densest, sparsest: the largest and the smallest density compared, fractions.
        levels: how many levels were compared.
        over: mean and interval over the replicates that have all of them, of their means over
            levels, in the quantity's own unit. Without interval where a training is censored.
        censored: of early stopping steps, how many of the compared tickets and of the compared
            controls had their least loss at their last step. Trained for longer they would have
            stopped later, so that the difference is only a bound, and one of neither kind if both
            are.
    """

    control: str
    densest: float
    sparsest: float
    levels: int
    over: Mean
    censored: tuple[int, int] = (0, 0)


def arms(table: pa.Table) -> list[str]:
    """The arms of a table in the order in which they first appear, the ticket first."""
    names = dict.fromkeys([TICKET, *table["arm"].to_pylist()])
    return list(names)


def levels(table: pa.Table, quantity: str, *, confidence: float = 0.95) -> pa.Table:
    """Every level's and arm's mean of a quantity over replicates, with Student's interval.

    Args:
        table: one row a training; rows whose quantity is null are left out.
        quantity: a column of numbers, such as `test_accuracy` or `early_stop_step`.
        confidence: in (0, 1).

    Returns:
        rows by level and arm: `level`, `arm`, `density` (fraction, mean over replicates), `n`
        (replicates), `mean`, `lower`, `upper` (both null for a single replicate or equal ones).

    Raises:
        ValueError: if a column is missing, a training is there twice, or the confidence is out of
            range.
    """
    values, density = _values(table, quantity), _densities(table)
    rows = [
        {"level": level, "arm": arm, "density": density[level, arm]}
        | over_replicates(list(values[level][arm].values()), confidence=confidence)._asdict()
        for level in sorted(values)
        for arm in arms(table)
        if values[level].get(arm)
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def differences(table: pa.Table, quantity: str, *, confidence: float = 0.95) -> pa.Table:
    """Every level's difference ticket − control, paired by replicate, with Student's interval.

    Arguments, columns and errors are those of `levels`; `arm` names the control, `density` is the
    ticket's, and only replicates that have both are counted.
    """
    values, density = _values(table, quantity), _densities(table)
    rows = []
    for level in sorted(values):
        ticket = values[level].get(TICKET, {})
        for arm in arms(table)[1:]:
            control = values[level].get(arm, {})
            paired = [ticket[one] - control[one] for one in ticket if one in control]
            if paired:
                row = {"level": level, "arm": arm, "density": density[level, TICKET]}
                rows.append(row | over_replicates(paired, confidence=confidence)._asdict())
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


DENSE = "dense"
"""The network that was not pruned, where tickets are compared with it as with an arm."""


def gaps(table: pa.Table, quantity: str) -> pa.Table:
    """Every ticket's difference from each control of its level and from the dense network.

    Args:
        table, quantity: as in `levels`.

    Returns:
        rows `replicate, level, density` (the ticket's)`, arm` (a control's name or `DENSE`)`, gap`:
        ticket − arm, of one replicate.

    Raises:
        ValueError: as `levels`.
    """
    values, density = _values(table, quantity), _densities(table)
    dense = values.get(0, {}).get(TICKET, {})
    rows = []
    for level in sorted(values.keys() - {0}):
        tickets = values[level].get(TICKET, {})
        others = {DENSE: dense, **{a: v for a, v in values[level].items() if a != TICKET}}
        place = {"level": level, "density": density.get((level, TICKET))}
        rows += [
            {"replicate": who, **place, "arm": arm, "gap": tickets[who] - found[who]}
            for arm, found in others.items()
            for who in tickets
            if who in found
        ]
    return pa.Table.from_pylist(rows, schema=_GAPS)


def advantage(
    table: pa.Table,
    control: str,
    quantity: str,
    *,
    densities: tuple[float, float] = DENSITIES,
    confidence: float = 0.95,
) -> Advantage | None:
    """The difference ticket − control over a range of densities, as one figure with its interval.

    For each replicate the mean over levels of its paired differences; then mean and Student's
    interval over replicates. Levels of one replicate depend on each other, replicates do not. A
    replicate that lacks one of the levels is left out.

    Args:
        table: as in `levels`.
        control: a control's name.
        quantity: a column of numbers.
        densities: the smallest and the largest density compared; where no level lies between
            them, every pruned level is.
        confidence: in (0, 1).

    Returns:
        None where no replicate has both.

    Raises:
        ValueError: as `levels`.
    """
    values, density = _values(table, quantity), _densities(table)
    chosen = _chosen(values, density, control, densities)
    per_replicate = _complete(values, chosen, control)
    if not per_replicate:
        return None
    kept = [density[level, TICKET] for level in chosen]
    over = over_replicates(per_replicate, confidence=confidence)
    censored = (0, 0)
    if quantity == EARLY_STOP:
        censored = _censored(table, chosen, TICKET), _censored(table, chosen, control)
        over = over._replace(lower=None, upper=None) if any(censored) else over
    return Advantage(
        control=control,
        densest=max(kept),
        sparsest=min(kept),
        levels=len(chosen),
        over=over,
        censored=censored,
    )


def _censored(table: pa.Table, chosen: Sequence[int], arm: str) -> int:
    """How many trainings had their least loss at their end; tables of old do not tell the end."""
    if "steps" not in table.column_names:
        return 0
    rows = table.select(["level", "arm", "steps", EARLY_STOP]).to_pylist()
    stops = [row for row in rows if row["level"] in chosen and row["arm"] == arm]
    return sum(row[EARLY_STOP] is not None and row[EARLY_STOP] == row["steps"] for row in stops)


def against_dense(table: pa.Table, quantity: str, level: int, *, confidence: float = 0.95) -> Mean:
    """A level's ticket − the dense network, paired by replicate.

    Raises:
        ValueError: as `levels`, or if no replicate has both.
    """
    values = _values(table, quantity)
    dense, ticket = values.get(0, {}).get(TICKET, {}), values.get(level, {}).get(TICKET, {})
    paired = [ticket[one] - dense[one] for one in ticket if one in dense]
    if not paired:
        raise ValueError(f"no replicate has {quantity} of both the dense network and level {level}")
    return over_replicates(paired, confidence=confidence)


def _chosen(
    values: _Values,
    density: Mapping[tuple[int, str], float],
    control: str,
    densities: tuple[float, float],
) -> list[int]:
    both = [level for level, arm in values.items() if arm.get(TICKET) and arm.get(control)]
    least, most = densities
    return [one for one in both if least <= density[one, TICKET] <= most] or both


def _complete(values: _Values, chosen: Sequence[int], control: str) -> list[float]:
    """The mean difference of each replicate that has every chosen level in both arms."""
    everyone = [set(values[level][arm]) for level in chosen for arm in (TICKET, control)]
    common = sorted(set.intersection(*everyone)) if everyone else []
    return [
        float(np.mean([values[at][TICKET][who] - values[at][control][who] for at in chosen]))
        for who in common
    ]


def _values(table: pa.Table, quantity: str) -> _Values:
    """level -> arm -> replicate -> value; what has no value or density is left out."""
    missing = [name for name in (*_KEYS, quantity) if name not in table.column_names]
    if missing:
        raise ValueError(f"a table of tickets needs {missing}: it has {table.column_names}")
    found: _Values = {}
    seen: set[tuple[int, str, int]] = set()
    for row in table.select([*_KEYS, quantity]).to_pylist():
        training = (row["level"], row["arm"], row["replicate"])
        if training in seen:
            raise ValueError(f"level {training[0]}, {training[1]} of replicate {training[2]} twice")
        seen.add(training)
        if row[quantity] is not None and row["density"] is not None:
            level = found.setdefault(row["level"], {})
            level.setdefault(row["arm"], {})[row["replicate"]] = float(row[quantity])
    return found


def _densities(table: pa.Table) -> dict[tuple[int, str], float]:
    """The mean density of each level and arm: replicates differ by a weight, units by a few."""
    found: dict[tuple[int, str], list[float]] = {}
    for row in table.select(["level", "arm", "density"]).to_pylist():
        if row["density"] is not None:
            found.setdefault((row["level"], row["arm"]), []).append(row["density"])
    return {place: float(np.mean(values)) for place, values in found.items()}


def percent(density: float) -> str:
    """A density as a page shows it: 51.2, 21, 8.6, 0.74 per cent, never with an exponent."""
    percentage = 100 * density
    digits = 2 if percentage < 10 else 3
    return np.format_float_positional(float(f"{percentage:.{digits}g}"), trim="-")
