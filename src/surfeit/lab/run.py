"""Runs a study: from its configuration to a result that is kept."""

import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import surfeit
from surfeit.core import DataError, StoreError
from surfeit.lab.catalog import study_named
from surfeit.lab.checks import checked_figure, checked_verdicts, table_of, told_of
from surfeit.lab.lab import Lab
from surfeit.lab.protocol import config_of, study_of
from surfeit.lab.results import RECORD, Result, read_result, results_root
from surfeit.lab.study import Study
from surfeit.lab.substitutes import substitutes_of
from surfeit.lab.writing import command_of, write_result
from surfeit.store import canonical, key_of
from surfeit.store.provenance import environment
from surfeit.store.record import is_key
from surfeit.store.writable import check_writable
from surfeit.train import Numerics


def run_study(
    study: Study | ModuleType | str | Path,
    budget: str = "quick",
    *,
    lab: Lab | None = None,
    seeds: Iterable[int] | None = None,
    out: Path | str | None = None,
) -> Result:
    """What a study finds; computed once, and read from the disk ever after.

    What was interrupted goes on: trainings and measurements are in the store, whole or to their
    last checkpoint.

    >>> result = run_study("distance_from_start", lab=Lab(Store("runs")))
    >>> [verdict.ruling for verdict in result.verdicts]

    Args:
        study: a study, its module, or its name as of `study_named`.
        budget: `quick`, `laptop` or `paper`.
        lab: trains and measures; `Lab()` by default.
        seeds: in place of the budget's own.
        out: the folder of results; `results` in the lab's store by default.

    Raises:
        ValueError: as `study_named` and `config_of`.
        SurfeitError: if a training fails, or the study's functions give what they should not.
        DiskError: if the results cannot be written; found before anything is trained.
    """
    study = _study(study)
    config = config_of(study, budget, seeds)
    lab = lab or Lab()
    folder = (results_root(lab.store) if out is None else Path(out)) / study.name
    asked = _identity(study, budget, config)
    done = find_result(folder, asked, lab)
    if done is not None:
        return done
    check_writable(folder)
    return _measured(study, budget, config, asked, lab, folder)


def result_of(
    study: Study, budget: str, config: Any, *, lab: Lab, out: Path | str | None = None
) -> Result | None:
    """The result of a study under a configuration, if it is there already."""
    folder = (results_root(lab.store) if out is None else Path(out)) / study.name
    return find_result(folder, _identity(study, budget, config), lab)


def find_result(folder: Path, asked: dict[str, Any], lab: Lab) -> Result | None:
    """The result in a study's folder that answers what is asked, on the data that are here.

    Data sets are known once a study has asked for them, so that a key cannot be known before: the
    results that are there are looked through. Damaged ones are no answer.
    """
    for path in sorted(folder.glob(f"*/{RECORD}")):
        try:
            result = read_result(path.parent)
            kept = result.config
        except StoreError:
            continue
        data = kept.pop("data")
        if kept == asked and result.key == key_of(kept | {"data": data}) and _same(data, lab):
            return result
    return None


def _study(given: Study | ModuleType | str | Path) -> Study:
    if isinstance(given, Study):
        return given
    return study_of(given) if isinstance(given, ModuleType) else study_named(given)


def _identity(study: Study, budget: str, config: Any) -> dict[str, Any]:
    """What a result depends on, but for the data."""
    try:
        return canonical(
            {
                "study": study.name,
                "digest": study.digest,
                "budget": budget,
                "config": config,
                "numerics": Numerics().in_key(),
                "surfeit": surfeit.__version__,
            }
        )
    except ValueError as error:
        raise ValueError(
            f"the Config of the study {study.name} holds what no key can stand for: {error}; name "
            "functions by text, and look them up where they are used"
        ) from error


def _same(data: dict[str, Any], lab: Lab) -> bool:
    """Whether the data sets are those of a result; one that is not here cannot be another."""
    for name, fingerprint in data.items():
        try:
            if lab.data(name).fingerprint != fingerprint:
                return False
        except (DataError, ValueError):
            continue
    return True


def _measured(
    study: Study, budget: str, config: Any, asked: dict[str, Any], lab: Lab, folder: Path
) -> Result:
    lab, began = lab.noting(), time.monotonic()
    with told_of(study, "rows", config):
        table = table_of(study, study.rows(config, lab))
    with told_of(study, "verdicts", config):
        verdicts = checked_verdicts(study, study.verdicts(table, config))
    with told_of(study, "figure", config):
        figure = checked_figure(study, study.figure(table))
    identity = asked | {"data": dict(sorted(lab.used.data.items()))}
    about = environment()
    about |= {"seconds": round(time.monotonic() - began, 3), "runs": _runs(lab, table)}
    key = key_of(identity)
    record = {
        "study": study.name,
        "question": study.question,
        "source": study.source,
        "digest": study.digest,
        "budget": budget,
        "command": command_of(study, budget, config),
        "key": key,
        "substitutes": substitutes_of(study.budgets, study.substitutes, budget),
        "claims": [asdict(claim) for claim in study.claims],
        **{name: about[name] for name in ("runs", "created", "seconds")},
    }
    return write_result(
        folder / key,
        record,
        table=table,
        figure=figure,
        verdicts=verdicts,
        identity=identity,
        environment=about,
    )


def _runs(lab: Lab, table: Any) -> list[str]:
    """The keys of all runs: those that the lab gave, and those that the table names."""
    keys = dict(lab.used.runs)
    for column in table.columns:
        for value in column.unique().to_pylist():
            if isinstance(value, str) and is_key(value):
                keys[value] = None
    return list(keys)
