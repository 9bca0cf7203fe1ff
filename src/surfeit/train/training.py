"""Training: from a network, data and a recipe to a stored run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from surfeit.core import DiskError, Objective, ProtocolError, check_mask_kind, cross_entropy
from surfeit.data import Dataset
from surfeit.models import Builder
from surfeit.store import (
    Lease,
    Run,
    RunWriter,
    Store,
    clear_temporary,
    make_folder,
    mark_thinned,
    thinned_steps,
)
from surfeit.train.job import Job
from surfeit.train.loop import Loop
from surfeit.train.numerics import Numerics, check_machine
from surfeit.train.origin import Origin
from surfeit.train.provenance import about
from surfeit.train.pruning import Pruning
from surfeit.train.recipe import Recipe
from surfeit.train.recording import Conduct, Moment, Snapshots


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
    store: Store | None = None,
    numerics: Numerics | None = None,
    conduct: Conduct | None = None,
) -> Run:
    """Trains a network and returns its run; the same training is never done twice.

    A run is addressed by everything its result depends on: architecture, initial weights or the
    seed they are drawn from, data, recipe, objective, seed, mask and arithmetic. If it is in the
    store, it is returned; if it was interrupted, it goes on and ends bit for bit as if it had not
    been. If it lacks a wanted snapshot or one of its own files, it is trained again, and must end
    the same: so a damaged run (`Run.verify`) is repaired by deleting the damaged file and calling
    `train` again. Snapshots that were taken out (`surfeit runs thin`) are not missed, unless they
    are asked for by `Snapshots(at=...)`: then those are made again.

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
        seed: an integer >= 0; of initial weights, order, augmentation and dropout.
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
            with other weights.
        BusyError: if another process trains the same run and `conduct.wait` is false.
        NumericsError: if the run began on another machine's arithmetic.
        StoreError: if the disk refuses.
    """
    numerics, conduct = numerics or Numerics(), conduct or Conduct()
    origin = Origin() if origin is None else origin
    if mask is not None:
        check_mask_kind(mask)
    held = dict(mask) if mask else None
    job = Job(model, dataset, recipe, seed, held, numerics, origin, pruning, objective)
    images, snapshots = len(dataset.train), snapshots or Snapshots()
    steps = snapshots.steps(recipe.total_steps(images), recipe.steps_per_epoch(images), origin.step)
    folder = (store or Store()).path_of(job.key)
    if (done := _complete(folder, _unthinned(folder, steps, snapshots))) is not None:
        return done
    with Lease(make_folder(folder), wait=conduct.wait, waiting=_teller(conduct, job.key)) as lease:
        steps = _unthinned(folder, steps, snapshots)
        if (done := _complete(folder, steps)) is not None:
            return done
        clear_temporary(folder)
        return _train(job, folder, steps, conduct, lease)


def _complete(folder: Path, steps: list[int]) -> Run | None:
    """The run if it is done, with all its files and the wanted snapshots."""
    if not (folder / "DONE.json").is_file():
        return None
    run = Run(folder)
    # After an early stop there are none of the later steps.
    wanted = {step for step in steps if step <= run.done["steps"]}
    return run if wanted <= set(run.steps()) and not run.lacks() else None


def _unthinned(folder: Path, steps: list[int], snapshots: Snapshots) -> list[int]:
    """The steps without those that were taken out of the run, but for those asked for by number."""
    if not (folder / "DONE.json").is_file():
        return steps
    gone = thinned_steps(Run(folder)) - set(snapshots.at)
    return [step for step in steps if step not in gone]


def _train(job: Job, folder: Path, steps: list[int], conduct: Conduct, lease: Lease) -> Run:
    gone = thinned_steps(Run(folder)) if (folder / "DONE.json").is_file() else set()
    before = _reopen(job, folder, conduct)
    kept = [Path(name).stem for name in before if name.startswith("snapshots/")]
    with job.numerics.in_force(), _advice_on_disk_errors():
        writer = RunWriter(
            folder,
            key=job.key,
            identity=job.identity,
            about=about(job.network, job.names() | _role(conduct)),
            mask=job.mask,
            lease=lease,
        )
        run = Loop(job, sorted({*steps, *map(int, kept)}), writer, conduct).run()
    if gone - set(run.steps()):
        mark_thinned(run, run.done, gone - set(run.steps()))
    after = run.done["files"]
    others = [name for name in before if name != "run.json" and before[name] != after.get(name)]
    if others and not conduct.other_numerics:
        raise ProtocolError(
            f"run {run.key[:12]} was trained again and ended with other {', '.join(others)}: this "
            "machine's arithmetic is not that of the first time. Delete the run to train it anew"
        )
    return run


def _role(conduct: Conduct) -> dict[str, Any]:
    return {} if conduct.role is None else {"role": dict(conduct.role)}


@contextmanager
def _advice_on_disk_errors() -> Iterator[None]:
    try:
        yield
    except DiskError as error:
        advice = "Give the same command again and it goes on from its last checkpoint."
        raise DiskError(f"{error} {advice}") from error


def _reopen(job: Job, folder: Path, conduct: Conduct) -> dict[str, Any]:
    """The files of a finished run that is to be trained again, by name; it is no longer done."""
    if not (folder / "DONE.json").is_file():
        return {}
    done = Run(folder)
    check_machine(job.numerics, done.done["machine"], conduct)
    files = done.done["files"]
    for name in ("DONE.json", "checkpoint.safetensors", *done.lacks()):
        (folder / name).unlink(missing_ok=True)
    return files


def _teller(conduct: Conduct, key: str) -> Callable[[str], None] | None:
    progress = conduct.progress
    return None if progress is None else lambda words: progress(Moment(0, 0, {}, words, key))
