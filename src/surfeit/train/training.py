"""Training: from a network, data and a recipe to a stored run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from surfeit.core import BusyError, DiskError, Objective, StoreError, cross_entropy
from surfeit.data import Dataset
from surfeit.models import Builder
from surfeit.store import (
    Lease,
    Run,
    RunWriter,
    Store,
    again_folder,
    clear_left_behind,
    clear_temporary,
    is_left_behind,
    key_of,
    make_folder,
    take_over,
    thinned_steps,
)
from surfeit.store.names import probe_file
from surfeit.store.probes import forms_of
from surfeit.store.provenance import about
from surfeit.train.building import Origin
from surfeit.train.checks import check_kind_of
from surfeit.train.conduct import Conduct, Moment, Numerics, check_machine
from surfeit.train.job import Job
from surfeit.train.loop import Loop
from surfeit.train.probes.catalog import PROBES
from surfeit.train.probes.probe import Probe, probe_from_json
from surfeit.train.pruning import Pruning
from surfeit.train.recipe import Recipe
from surfeit.train.snapshots import Snapshots
from surfeit.train.stack import AT_ONCE, StackLoop, shape_of


def train(
    model: nn.Module | Builder,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    mask: Mapping[str, Tensor] | None = None,
    origin: Origin | None = None,
    pruning: Pruning | None = None,
    objective: Objective = cross_entropy,
    snapshots: Snapshots | None = None,
    probes: Sequence[Probe] = (),
    store: Store | None = None,
    numerics: Numerics | None = None,
    conduct: Conduct | None = None,
) -> Run:
    """Trains a network and returns its run; the same training is never done twice.

    A run is addressed by everything its result depends on: architecture, initial weights or the
    seed they are drawn from, data, recipe, objective, seed, mask and arithmetic. If it is in the
    store, it is returned; if it was interrupted, it goes on and ends bit for bit as if it had not
    been. If it lacks a wanted snapshot or one of its own files, it is trained again beside the
    first and must end the same before anything of the first is replaced: so a damaged run
    (`Run.verify`) is repaired by deleting the damaged file and calling `train` again. Snapshots
    that were taken out (`surfeit runs thin`) are not missed, unless they are asked for by
    `Snapshots(at=...)`: then those are made again.

    >>> run = train(lenet_300_100, load("digits"), Recipe(epochs=10), seed=0)

    Args:
        model: a builder such as `lenet_300_100`, its network drawn from the seed's stream `init`
            (of your own: `def build(*, input_shape, classes, generator)`, which draws its weights
            from the generator and returns the module; `classes` is how many numbers the data ask
            for, also where they are real); or a module, whose own weights are the initial ones,
            whatever the seed, and which is not changed. Parameters with `requires_grad=False` are
            frozen: no update, weight decay or penalty changes them, and the run names them
            (`run.about["frozen"]`). Running statistics of batch normalisation move all the same,
            as they do in PyTorch's training mode.
        dataset: the train split is fitted, the validation split may stop the training, the test
            split is measured and decides nothing.
        recipe: how to train.
        seed: an integer >= 0; of initial weights, order, augmentation, dropout and noise.
        mask: bool tensors by parameter name, True = kept; removed weights are exactly zero after
            every step, which is checked: an eighth of them each step, all at each measurement and
            snapshot.
        origin: the step to begin at, for weights that were rewound to it, and the runs that weights
            and mask were taken from; a part of the key.
        pruning: what is removed while the training goes on; a part of the key. `Run.mask_at` gives
            the mask of a step; what early stopping judges begins with the last pruning.
        objective: what is minimised: `cross_entropy`, `squared_error`, `hinge`,
            `binary_cross_entropy` or `own_objective(function)`; a part of the key.
        snapshots: which steps to keep; each epoch's end by default. Not a part of the key.
        probes: what looks at the training, and at which steps, such as `gradient_norms.every(10)`:
            `Run.probe` gives its table. They change nothing; not a part of the key. A finished run
            that lacks a table is trained again beside the first, as for snapshots.
        store: where to; `Store()` by default.
        numerics: device, threads, precision; one CPU thread in float32 by default.
        conduct: checkpoints, waiting, progress.

    Returns:
        The finished run: metrics each epoch (the training score is that of the epoch's batches as
        they were trained on; validation and test are measured after it), weights in snapshots, and
        in `run.done["best"]` step, losses and accuracies of the least validation loss. Of each
        split there are a loss, an accuracy where there are classes, and R² of real targets
        (`validation_r2`). The outputs for all training examples are held in memory.

    Raises:
        ValueError: if network, data, objective and mask do not fit together, a setting is out of
            range, or all parameters are frozen.
        CollapseError: if the mask leaves a layer without a single weight; nothing is written.
        DivergedError: if the loss stops being a finite number.
        ProtocolError: if a masked weight came back to life, or a run that was trained again ended
            with other weights: the first run's files are then left as they were.
        SurfeitError: if a probe fails, naming it.
        BusyError: if another process trains the same run and `conduct.wait` is false.
        NumericsError: if the run began on another machine's arithmetic.
        StoreError: if the disk refuses.
    """
    _check_kinds(conduct, store)
    job = Job(
        model,
        dataset,
        recipe,
        seed=seed,
        mask=mask,
        numerics=Numerics() if numerics is None else numerics,
        origin=Origin() if origin is None else origin,
        pruning=pruning,
        objective=objective,
        snapshots=Snapshots() if snapshots is None else snapshots,
        probes=probes,
    )
    return train_job(job, store=store, conduct=conduct)


def train_job(job: Job, *, store: Store | None = None, conduct: Conduct | None = None) -> Run:
    """Trains what a job says and returns its run, see `train`; the job's check is made.

    Args:
        job: the training.
        store: where to; `Store()` by default.
        conduct: checkpoints, waiting, progress; its role goes before the job's.

    Raises:
        SurfeitError, ValueError: as `train`, and what the job's check raises.
    """
    _check_kinds(conduct, store)
    run = _found_or_trained(job, store or Store(), _in_role(conduct or Conduct(), job))
    if job.check is not None:
        job.check(job, run)
    return run


def train_together(
    jobs: Sequence[Job], *, store: Store | None = None, conduct: Conduct | None = None
) -> list[Run | Exception]:
    """Trains jobs of one shape as a stack: all at each step at once, each to a run of its own.

    A run of a stack is the same, bit for bit, whoever its neighbours are and wherever it lies: that
    of `train_job`, which computes for as many. So those that are in the store are left out, and
    those that another process trains now are waited for at the end.

    >>> jobs = [Job(small, data, recipe, seed=s, numerics=Numerics(stack=32)) for s in range(32)]
    >>> runs = train_together(jobs)

    Args:
        jobs: with `numerics.stack` at least their number; see `surfeit.train.stack.shape_of` for
            what they share. No two of one key.
        store, conduct: as of `train_job`.

    Returns:
        of each job its finished run, or the error that ended it alone.

    Raises:
        ValueError: if the jobs are none, too many, of different shapes, or two have one key.
        KeyboardInterrupt: after Ctrl-C, once each training has saved where it stands.
    """
    _check_kinds(conduct, store)
    _check_together(jobs)
    store, conduct = store or Store(), conduct or Conduct()
    results: dict[str, Run | Exception] = {}
    with ExitStack() as leases:
        begin = partial(_entry, store=store, conduct=conduct, leases=leases)
        with ThreadPoolExecutor(AT_ONCE) as threads:  # the disk answers several as fast as one
            begun = zip(jobs, threads.map(begin, jobs), strict=True)
            entries = {job.key: (job, *entry) for job, entry in begun if entry is not None}
        if entries:
            with jobs[0].numerics.in_force(), _advice_on_disk_errors():
                runs = StackLoop(list(entries.values()), conduct).run()
            results = dict(zip(entries, runs, strict=True))
    return [_settled(job, results.get(job.key), store, conduct) for job in jobs]


def _check_together(jobs: Sequence[Job]) -> None:
    if not jobs:
        raise ValueError("a stack needs at least one training, got none")
    stack = jobs[0].numerics.stack
    if len(jobs) > stack:
        raise ValueError(f"{len(jobs)} trainings do not fit into a stack of {stack}")
    if len({job.key for job in jobs}) < len(jobs):
        raise ValueError("two of the trainings are the same: each can be trained once")
    if len({shape_of(job) for job in jobs}) > 1:
        raise ValueError(
            "the trainings differ in more than weights, seeds, masks, labels, rates and decay: "
            "a stack needs one network, one batch size and equally many examples"
        )


def _entry(
    job: Job, store: Store, conduct: Conduct, leases: ExitStack
) -> tuple[list[int], RunWriter] | None:
    """What a stack needs to train a job; None where it is done, begun elsewhere, or to repair.

    And where it is for no stack, but for a training alone.
    """
    folder = store.path_of(job.key)
    done = folder / "DONE.json"
    if job.numerics.stack == 1 or done.is_file():
        return None
    try:
        lease = leases.enter_context(Lease(make_folder(folder), wait=False))
    except BusyError:
        return None
    if done.is_file():
        return None
    clear_temporary(folder)
    return _wanted(job), _writer(job, folder, _in_role(conduct, job), lease)


def _settled(
    job: Job, found: Run | Exception | None, store: Store, conduct: Conduct
) -> Run | Exception:
    """What a job came to, once its check is made; what no stack trained is trained alone."""
    if isinstance(found, Exception):
        return found
    try:
        if found is None:
            return train_job(job, store=store, conduct=conduct)
        if job.check is not None:
            job.check(job, found)
    except Exception as error:
        return error
    return found


def stored_run(job: Job, store: Store) -> Run | None:
    """The job's run, if it is finished and has all its files, wanted snapshots and probes' tables.

    Raises:
        StoreError: if its record is damaged.
    """
    folder = store.path_of(job.key)
    return _complete(job, folder, _unthinned(folder, _wanted(job), job.snapshots))


def _wanted(job: Job) -> list[int]:
    """The steps to keep."""
    return job.snapshots.steps(job.total_steps, job.steps_per_epoch, job.origin.step)


def _found_or_trained(job: Job, store: Store, conduct: Conduct) -> Run:
    folder, steps, snapshots = store.path_of(job.key), _wanted(job), job.snapshots
    if (done := stored_run(job, store)) is not None:
        _clear_after_kill(folder)
        return done
    with Lease(make_folder(folder), wait=conduct.wait, waiting=_teller(conduct, job.key)) as lease:
        steps = _unthinned(folder, steps, snapshots)
        if (done := _complete(job, folder, steps)) is not None:
            return done
        clear_temporary(folder)
        if (folder / "DONE.json").is_file():
            return _trained_again(job, folder, steps, conduct, lease)
        return _trained(job, folder, steps, conduct, lease)


def _check_kinds(conduct: object, store: object) -> None:
    """Says so if what a training is carried out with is of another kind; `Job` checks the rest."""
    if conduct is not None:
        check_kind_of(conduct, Conduct, name="conduct", example="Conduct(checkpoint_seconds=60)")
    if store is not None:
        check_kind_of(store, Store, name="store", example='Store("runs")')


def _complete(job: Job, folder: Path, steps: list[int]) -> Run | None:
    """The run if it is done, with all its files, the wanted snapshots and the probes' tables."""
    if not ((folder / "DONE.json").is_file() and (folder / "run.json").is_file()):
        return None
    run = Run(folder)
    if not _is_described(run):
        raise StoreError(
            f"{folder}/run.json is damaged: its key is not that of what it describes. Delete the "
            "file and give the same command again: it is written anew"
        )
    # After an early stop there are none of the later steps.
    wanted = {step for step in steps if step <= _in_summary(run, "steps")}
    there = forms_of(run.done)
    probed = all(there.get(probe.name) == probe.form for probe in job.probes)
    return run if probed and wanted <= set(run.steps()) and not run.lacks() else None


def _is_described(run: Run) -> bool:
    """Whether the key is that of what the record says, which no changed record is."""
    try:
        return key_of(run.identity) == run.key
    except ValueError:  # a number that JSON does not have
        return False


def _clear_after_kill(folder: Path) -> None:
    """Deletes what a kill left beside a finished run, unless somebody works on it now."""
    if is_left_behind(folder):
        # A run that is only read may lie where nothing can be written.
        with suppress(StoreError), Lease(folder, wait=False):
            clear_left_behind(folder)


def _trained(job: Job, folder: Path, steps: list[int], conduct: Conduct, lease: Lease) -> Run:
    with job.numerics.in_force(), _advice_on_disk_errors():
        writer = _writer(job, folder, conduct, lease)
        if job.numerics.stack == 1:
            return Loop(job, steps, writer, conduct).run()
        (found,) = StackLoop([(job, steps, writer)], conduct).run()
    if isinstance(found, Exception):
        raise found
    return found


def _writer(job: Job, folder: Path, conduct: Conduct, lease: Lease) -> RunWriter:
    return RunWriter(
        folder,
        key=job.key,
        identity=job.identity,
        about=about(job.network, job.names() | _role(conduct)),
        mask=job.mask,
        lease=lease,
        probes={probe.name: probe.form for probe in job.probes},
    )


def _trained_again(job: Job, folder: Path, steps: list[int], conduct: Conduct, lease: Lease) -> Run:
    """A finished run with what it lacked, once the second training has ended as the first."""
    if not (folder / "run.json").exists():
        _writer(job, folder, conduct, lease)  # to go by, until the second takes its place
    run = Run(folder)
    check_machine(job.numerics, _in_summary(run, "machine"), conduct)
    again = again_folder(folder)
    if not (again / "DONE.json").is_file():
        again_job = replace(job, probes=(*job.probes, *_lost_probes(run, job)))
        _trained(again_job, again, sorted({*steps, *run.steps()}), conduct, lease)
    take_over(folder, other=conduct.other_numerics)
    if (done := _complete(job, folder, steps)) is not None:
        return done
    # A second training that was finished before a kill was for other snapshots, or other probes.
    return _trained_again(job, folder, steps, conduct, lease)


def _lost_probes(run: Run, job: Job) -> list[Probe]:
    """The library's probes that a run had and the job has not, whose tables are not there."""
    asked, gone = {probe.name for probe in job.probes}, set(run.lacks())
    return [
        probe_from_json({"form": form})
        for name, form in forms_of(run.done).items()
        if name not in asked and name in PROBES and probe_file(name) in gone
    ]


def _in_summary(run: Run, name: str) -> Any:
    """What a finished run's `DONE.json` says."""
    if name not in run.done:
        raise StoreError(
            f"{run.path}/DONE.json is damaged: it has no {name!r}. Delete it and give the same "
            "command again"
        )
    return run.done[name]


def _unthinned(folder: Path, steps: list[int], snapshots: Snapshots) -> list[int]:
    """The steps without those that were taken out of the run, but for those asked for by number."""
    if not ((folder / "DONE.json").is_file() and (folder / "run.json").is_file()):
        return steps
    gone = thinned_steps(Run(folder)) - set(snapshots.at)
    return [step for step in steps if step not in gone]


def _in_role(conduct: Conduct, job: Job) -> Conduct:
    """The conduct with the job's role, unless it has one of its own."""
    return conduct if conduct.role is not None else replace(conduct, role=job.role)


def _role(conduct: Conduct) -> dict[str, Any]:
    return {} if conduct.role is None else {"role": dict(conduct.role)}


@contextmanager
def _advice_on_disk_errors() -> Iterator[None]:
    try:
        yield
    except DiskError as error:
        advice = "Give the same command again and it goes on from its last checkpoint."
        raise DiskError(f"{error} {advice}") from error


def _teller(conduct: Conduct, key: str) -> Callable[[str], None] | None:
    progress = conduct.progress
    return None if progress is None else lambda words: progress(Moment(0, 0, {}, words, key))
