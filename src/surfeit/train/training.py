"""Training: from a network, data and a recipe to a stored run."""

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor, nn

from surfeit.core import ProtocolError, digest
from surfeit.data import Dataset
from surfeit.models import Builder
from surfeit.store import Lease, Run, RunWriter, Store, clear_temporary, make_folder
from surfeit.train.job import Job
from surfeit.train.loop import Loop
from surfeit.train.numerics import Numerics
from surfeit.train.provenance import about
from surfeit.train.recipe import Recipe
from surfeit.train.recording import Conduct, Moment, Snapshots


def train(
    model: nn.Module | Builder,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    mask: Mapping[str, Tensor] | None = None,
    snapshots: Snapshots | None = None,
    store: Store | None = None,
    numerics: Numerics | None = None,
    conduct: Conduct | None = None,
) -> Run:
    """Trains a network and returns its run; the same training is never done twice.

    A run is addressed by everything its result depends on: architecture, initial weights or the
    seed they are drawn from, data, recipe, seed, mask and arithmetic. If it is in the store, it is
    returned; if it was interrupted, it goes on and ends bit for bit as if it had not been.

    >>> run = train(lenet_300_100, load("digits"), Recipe(epochs=10), seed=0)

    Args:
        model: a builder such as `lenet_300_100`, its network drawn from the seed's stream `init`;
            or a module, whose own weights are the initial ones and which is not changed.
        dataset: the train split is fitted, the validation split may stop the training, the test
            split is measured and decides nothing.
        recipe: how to train.
        seed: an integer >= 0; of initial weights, order, augmentation and dropout.
        mask: bool tensors by parameter name, True = kept; removed weights are exactly zero after
            every step.
        snapshots: which steps to keep; each epoch's end by default. Not a part of the key.
        store: where to; `Store()` by default.
        numerics: device, threads, precision; one CPU thread in float32 by default.
        conduct: checkpoints, waiting, progress.

    Returns:
        The finished run: metrics each epoch (the training score is that of the epoch's batches as
        they were trained on; validation and test are measured after it), weights in snapshots.

    Raises:
        ValueError: if network, data and mask do not fit together or a setting is out of range.
        DivergedError: if the loss stops being a finite number.
        BusyError: if another process trains the same run and `conduct.wait` is false.
        NumericsError: if the run began on another machine's arithmetic.
        StoreError: if the disk refuses.
    """
    numerics, conduct = numerics or Numerics(), conduct or Conduct()
    job = Job(model, dataset, recipe, seed, dict(mask) if mask else None, numerics)
    images = len(dataset.train)
    steps = (snapshots or Snapshots()).steps(
        recipe.total_steps(images), recipe.steps_per_epoch(images)
    )
    folder = make_folder((store or Store()).path_of(job.key))
    with Lease(folder, wait=conduct.wait, waiting=_teller(conduct)):
        done = _done(folder)
        if done is not None and not _missing(done, steps):
            return done
        clear_temporary(folder)
        if done is not None:
            return _record_more(job, done, steps, conduct)
        return _train(job, folder, steps, conduct)


def _train(job: Job, folder: Path, steps: list[int], conduct: Conduct) -> Run:
    with job.numerics.in_force():
        writer = RunWriter(
            folder,
            key=job.key,
            identity=job.identity,
            about=about(job.network, job.names()),
            mask=job.mask,
        )
        return Loop(job, steps, writer, conduct).run()


def _record_more(job: Job, done: Run, steps: list[int], conduct: Conduct) -> Run:
    """Trains a finished run again to keep more snapshots, and checks that it ends the same."""
    last = done.steps()[-1]
    before = digest(done.tensors(last))
    kept = [step for step in steps if step <= last]
    (done.path / "DONE.json").unlink()
    run = _train(job, done.path, sorted({*kept, *done.steps()}), conduct)
    if digest(run.tensors(last)) != before:
        raise ProtocolError(
            f"run {run.key[:12]} was trained again for more snapshots and ended with other "
            "weights: this machine's arithmetic is not that of the first time"
        )
    return run


def _done(folder: Path) -> Run | None:
    return Run(folder) if (folder / "DONE.json").is_file() else None


def _missing(run: Run, steps: list[int]) -> bool:
    """Whether a finished run lacks a wanted snapshot; after an early stop there are none."""
    there = run.steps()
    return any(step not in there for step in steps if step <= run.done["steps"])


def _teller(conduct: Conduct) -> Callable[[str], None] | None:
    progress = conduct.progress
    return None if progress is None else lambda words: progress(Moment(0, 0, {}, words))
