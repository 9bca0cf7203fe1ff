"""What a study's trainings will take, from the runs of the same shape that the store has."""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any, Literal

from surfeit.core import StoreError
from surfeit.execute import Derivations, Derived, Engine, cores
from surfeit.models.structure import layer_records
from surfeit.store import Run, Store, canonical_json
from surfeit.store.summary import last_row
from surfeit.train.job import Job

State = Literal["done", "partial", "to do", "follows"]

_ENOUGH = 5  # runs of a shape: their median is not one slow hour's
_MOST_RUNS = 2_000
_FARTHEST = 10.0  # times as many weights: beyond that a scaled time says nothing


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A training of a study, before it is done.

    Args:
        name: as the study calls it.
        key: of its run; "" of one that follows from others that are not done.
        state: `done`, `partial` (it goes on from a checkpoint), `to do`, or `follows`.
        steps: updates that are left; None where that is not known. An early stop does fewer.
        seconds: that these take on one core; None where no run tells.
    """

    name: str
    key: str
    state: State
    steps: int | None
    seconds: float | None


@dataclass(frozen=True)
class _Shape:
    """What a step's time depends on: equal shapes take as long."""

    text: str
    kinds: frozenset[str]
    work: float | None  # weights times examples a step; None where they do not tell the time


def planned(jobs: Mapping[str, Job | Derived], store: Store) -> list[Planned]:
    """What is done, and what is still to do, in the order of the jobs.

    Args:
        jobs: as `Lab.train` takes them.
        store: where the runs are.

    Cost: that of the jobs' keys, which draw each network once; that of deriving, once their parents
    are done, the trainings that a user's own function derives; and about 1 ms for each run that is
    read, of which there are at most 2,000.
    """
    known = _known(jobs, store)
    left = {name: _left(one, store) for name, one in known.items()}
    roots = {name: _root(job, jobs) for name, job in jobs.items()}
    roots |= {name: one for name, one in known.items() if isinstance(one, Job)}
    shapes = {
        name: _shape(root.identity, root.dataset.name, layer_records(root.network))
        for name, root in roots.items()
        if root is not None and (name not in left or left[name][1])
    }
    paces = _paces(store, set(shapes.values()))
    plan = []
    for name, root in roots.items():
        state: State = "follows"
        steps = None if root is None else _steps(root)
        if name in left:
            state, steps = left[name]
        pace = paces.get(shapes[name]) if name in shapes else None
        seconds = 0.0 if steps == 0 else None
        if steps and pace is not None:
            seconds = pace * steps
        key = _key(known.get(name))
        plan.append(Planned(name=name, key=key, state=state, steps=steps, seconds=seconds))
    return plan


def _known(jobs: Mapping[str, Job | Derived], store: Store) -> dict[str, Job | Run]:
    """The jobs, the runs that derived ones are remembered to have come to, and derived jobs."""
    known: dict[str, Job | Run] = {name: job for name, job in jobs.items() if isinstance(job, Job)}
    derivations = Derivations(store.root)
    waiting = {name: job for name, job in jobs.items() if isinstance(job, Derived)}
    while ready := {
        name: job
        for name, job in waiting.items()
        if all(_is_done(known.get(parent), store) for parent in job.parents)
    }:
        for name, job in ready.items():
            del waiting[name]
            parents = [_key(known[parent]) for parent in job.parents]
            found = derivations.find(job, parents)
            if found is not None:
                known[name] = Run(store.path_of(found))
            elif not derivations.remembers(job, parents):
                known |= _derived(name, job, [Run(store.path_of(key)) for key in parents])
    return known


def _derived(name: str, job: Derived, parents: list[Run]) -> dict[str, Job]:
    try:
        found = job.derive(*parents)
    except Exception:  # whatever a user's function raises: the training will say so
        return {}
    return {name: found} if isinstance(found, Job) else {}


def _is_done(one: Job | Run | None, store: Store) -> bool:
    return one is not None and _left(one, store)[0] == "done"


def _key(one: Job | Run | None) -> str:
    return "" if one is None else one.key


def _root(job: Job | Derived, jobs: Mapping[str, Job | Derived]) -> Job | None:
    """The training that one follows from first of all, which it is taken to be as long as."""
    for _ in jobs:
        if isinstance(job, Job):
            return job
        if not job.parents or job.parents[0] not in jobs:
            return None
        job = jobs[job.parents[0]]
    return job if isinstance(job, Job) else None


def _steps(job: Job) -> int:
    return job.recipe.total_steps(len(job.dataset.train)) - job.origin.step


def estimate(plan: list[Planned], engine: Engine | None) -> str:
    """How long the trainings take, in a sentence.

    >>> estimate(plan, Local())
    'about 9 min on 2 cores for the trainings: 21 to do, 12 in the store'
    """
    if not plan:
        return "it trains nothing"
    counts = {state: sum(one.state == state for one in plan) for state in _WORDS}
    parts = [f"{counts[state]} {words}" for state, words in _WORDS.items() if counts[state]]
    todo = [one for one in plan if one.state != "done"]
    if not todo:
        what = "the training is" if len(plan) == 1 else f"all {len(plan)} trainings are"
        return f"{what} in the store"
    what = ", ".join(parts)
    unknown = [one for one in todo if one.seconds is None]
    if len(unknown) == len(todo):
        return f"trainings: {what}; the store has no run of their shape to tell how long they take"
    workers = getattr(engine, "workers", None) or (cores() if engine is None else 1)
    total = sum(one.seconds for one in todo if one.seconds is not None) / min(workers, len(todo))
    on = f"{workers} core{'' if workers == 1 else 's'}"
    more = f", and {len(unknown)} more that no run in the store tells of" if unknown else ""
    return f"about {in_words(total)} on {on} for the trainings{more}: {what}"


_WORDS = {
    "to do": "to do",
    "partial": "begun",
    "done": "in the store",
    "follows": "that follow from others",
}


def in_words(seconds: float) -> str:
    """A duration as people say it, rounded: 9 s, 4 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _left(job: Job | Run, store: Store) -> tuple[State, int]:
    """Whether a training is done, and the steps that are left of it."""
    if not isinstance(job, Job):
        return "done", 0
    folder, whole = store.path_of(job.key), _steps(job)
    if (folder / "DONE.json").is_file():
        return "done", 0
    if not (folder / "run.json").is_file():
        return "to do", whole
    try:
        reached = last_row(folder / "metrics.jsonl").get("step")
    except StoreError:  # it begins anew
        reached = None
    done = reached - job.origin.step if isinstance(reached, int) else 0
    return "partial", min(whole, max(1, whole - done))


def _paces(store: Store, shapes: set[_Shape]) -> dict[_Shape, float]:
    """Seconds a step of each shape, as far as the store's runs tell."""
    if not shapes:
        return {}
    same: dict[str, list[float]] = {shape.text: [] for shape in shapes}
    others: list[tuple[_Shape, float]] = []
    for run in islice(_finished(store), _MOST_RUNS):
        if (read := _pace_of(run)) is None:
            continue
        shape, pace = read
        if shape.text in same:
            same[shape.text].append(pace)
        others.append((shape, pace))
        if all(len(seen) >= _ENOUGH for seen in same.values()):
            break
    found = {}
    for shape in shapes:
        if same[shape.text]:
            found[shape] = statistics.median(same[shape.text])
        elif (scaled := _scaled(shape, others)) is not None:
            found[shape] = scaled
    return found


def _scaled(shape: _Shape, others: list[tuple[_Shape, float]]) -> float | None:
    """The pace of the run of the same kinds of layers that is nearest in work, scaled."""
    if not shape.work:
        return None
    alike = [
        (max(other.work / shape.work, shape.work / other.work), other.work, pace)
        for other, pace in others
        if other.kinds == shape.kinds and other.work
    ]
    if not alike:
        return None
    ratio, work, pace = min(alike, key=lambda one: one[0])
    return pace * shape.work / work if ratio <= _FARTHEST else None


def _finished(store: Store) -> Iterator[Run]:
    for path in (store.root / "runs").glob("??/*/DONE.json"):
        try:
            yield Run(path.parent)
        except StoreError:  # `surfeit runs` tells of it
            continue


def _pace_of(run: Run) -> tuple[_Shape, float] | None:
    """A run's shape and its seconds a step; None of a run that does not say them."""
    try:
        config, done = run.config, run.done
        steps = done["steps"] - config.get("first_step", 0)
        shape = _shape(run.identity, run.about["data"], run.about["layers"])
        return (shape, done["seconds"] / steps) if steps > 0 else None
    except (StoreError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _shape(identity: Mapping[str, Any], data: str, layers: Any) -> _Shape:
    """Of the data it is the name that counts: what each seed draws of them takes as long."""
    config = identity["config"]
    batch = config["recipe"]["batch_size"]
    parts = [config["architecture"], data, batch, identity["numerics"]]
    # A weight of any other layer is used once a position, and a record has no size of images.
    dense = all(layer["kind"] == "Linear" for layer in layers)
    return _Shape(
        text=canonical_json(parts),
        kinds=frozenset([canonical_json(identity["numerics"]), *(x["kind"] for x in layers)]),
        work=float(batch) * sum(prod(layer["shape"]) for layer in layers) if dense else None,
    )
