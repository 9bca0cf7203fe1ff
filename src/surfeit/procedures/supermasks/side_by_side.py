"""The trainings of a comparison of supermasks, side by side."""

from collections.abc import Sequence
from dataclasses import asdict

from surfeit.core import SurfeitError
from surfeit.data import Dataset
from surfeit.execute import Engine, Progress, Task
from surfeit.models import Builder
from surfeit.procedures.parcels import pack, parcel_folder, sending
from surfeit.procedures.replicates import check_seeds, engine_for
from surfeit.procedures.supermasks.config import SupermaskConfig
from surfeit.procedures.supermasks.criteria import check_classes, check_levels
from surfeit.procedures.supermasks.subjects import subjects
from surfeit.store import Store
from surfeit.train import Conduct, Numerics
from surfeit.train.job import Job

_SUBJECT = "surfeit.procedures.supermasks.subjects:train_subject"


def train_supermasks(
    model: Builder,
    dataset: Dataset,
    config: SupermaskConfig | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    store: Store | None = None,
    engine: Engine | None = None,
    numerics: Numerics | None = None,
    conduct: Conduct | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Trains all that `supermask_table` measures, side by side, and nothing else.

    >>> train_supermasks(lenet_300_100, load("mnist"))
    >>> supermask_table(lenet_300_100, load("mnist"))  # finds every run in the store

    Args:
        model, dataset, config, seeds, store, numerics: as of `supermask_table`.
        engine: `Local()` by default; `InProcess()` for a network that only its code can build.
        conduct: checkpoints and waiting; its own `progress` is not called.
        progress: called with where all trainings stand.

    Returns:
        the runs' keys by the trainings' names, e.g. "replicate 0, learned-initial".

    Raises:
        ValueError, CollapseError: before any training, as `supermask_table`.
        SurfeitError: once all others have ended, if a training failed, with a sentence for each.

    Cost: as `supermask_table`, shared by the workers.
    """
    config, conduct = config or SupermaskConfig(), conduct or Conduct()
    store, numerics = store or Store(), numerics or Numerics()
    check_classes(dataset)
    jobs = {
        seed: Job(model, dataset, config.trained, seed, None, numerics)
        for seed in check_seeds(seeds)
    }
    first = next(iter(jobs.values()))
    network = first.network
    check_levels(network, config.levels, structure=first.structure)
    with (
        parcel_folder() as folder,
        sending(dataset, network, folder) as data,
    ):
        parcels = {seed: pack(job, data, folder) for seed, job in jobs.items()}
        settings = {"supermasks": asdict(config), "conduct": _settings(conduct)}
        tasks = [
            Task(
                name=f"replicate {seed}, {name}",
                kind=_SUBJECT,
                config={"parcel": parcels[seed], "subject": name, **settings},
            )
            for seed, job in jobs.items()
            for name in subjects(job.network, config, seed)
        ]
        outcome = engine_for(network, engine).run(tasks, store=store.root, progress=progress)
    if outcome.failures:
        count = f"{len(outcome.failures)} of {len(tasks)} trainings failed; the others are stored:"
        raise SurfeitError("\n  ".join([count, *outcome.failures.values()]))
    return outcome.keys


def _settings(conduct: Conduct) -> dict[str, float | bool]:
    return {name: value for name, value in asdict(conduct).items() if name != "progress"}
