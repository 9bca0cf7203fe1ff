"""Untrained networks with a mask, by every method, beside the trained network: one table."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from torch import nn

from surfeit.core import check_seeds
from surfeit.data import Dataset
from surfeit.execute import Engine, Measurement, Progress, Row, measure_many, train_many
from surfeit.models import Builder, describe, is_rebuildable
from surfeit.procedures.supermasks.config import SupermaskConfig
from surfeit.procedures.supermasks.criteria import check_classes, check_levels
from surfeit.procedures.supermasks.measured import at_end, criterion_rows, learned_rows
from surfeit.procedures.supermasks.trainings import (
    learned_masks,
    supermask_jobs,
    training_name,
)
from surfeit.store import Run, Store
from surfeit.train import Conduct, Job, Numerics

METHODS = (
    "mask-initial",
    "mask-constant",
    "learned-initial",
    "learned-constant",
    "rescaled-initial",
    "rescaled-constant",
    "edge-popup",
    "trained",
)
"""The methods in the order of the table, as `supermask_table` describes them."""

SCHEMA = pa.schema(
    [
        ("replicate", pa.int64()),
        ("method", pa.string()),
        ("density", pa.float64()),
        ("validation_accuracy", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("likeliest_accuracy", pa.float64()),
        ("run", pa.string()),
    ]
)


def supermask_table(
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
) -> pa.Table:
    """The accuracy of untrained networks with masks, by every method, and of the trained network.

    Each replicate has one network of untrained weights `w`, drawn from its seed, and of it:

    - `mask-initial`: `w` under the mask of `large_final_same_sign`, from the trained weights;
    - `mask-constant`: `sign(w) · sd` under such a mask; for both the level of `config.levels` with
      the best validation accuracy is taken;
    - `learned-initial`, `learned-constant`: `w` and `sign(w) · sd` under a `BernoulliMask`;
    - `rescaled-initial`, `rescaled-constant`: the same with dynamic weight rescaling;
    - `edge-popup`: signed Kaiming constants, drawn anew, under `EdgePopup`, a row a density;
    - `trained`: the network with its weights trained and no mask.

    What is stored already is not trained again, and what was interrupted goes on; trainings and
    measurements are done side by side where the engine can.

    >>> supermask_table(lenet_300_100, load("mnist"), seeds=range(3))

    Args:
        model: a builder; its network is drawn from each seed's stream `init`.
        dataset: the train split is fitted, the validation split chooses the level of masks by
            criterion, the test split is measured and decides nothing.
        config: recipes, densities, levels; `SupermaskConfig()` by default.
        seeds: one a replicate, different integers >= 0.
        store: where runs are kept; `Store()` by default.
        engine: as of `find_tickets`.
        numerics: device, threads, precision of each training; one CPU thread by default.
        conduct: checkpoints, waiting; its own `progress` is not called.
        progress: called with where all trainings stand.

    Returns:
        one row a replicate and method (and density of edge-popup):

        - `replicate`: its seed; `method`: one of `METHODS`;
        - `density`: kept of all layers' weights; of a learned mask the mean probability;
        - `validation_accuracy`, `test_accuracy`: fractions; of a learned mask the means over
          `config.samples` drawn masks;
        - `likeliest_accuracy`: on the test split, of a learned mask's likeliest mask (`p >= 1/2`);
          null for the other methods;
        - `run`: the key of the training that it comes from.

    Raises:
        ValueError: if the seeds are not different, the model is a module (give its builder), or as
            `train`.
        CollapseError: before any training, if a level would leave a layer without weights.
        SurfeitError: once all others have ended, if a training failed: a sentence for each.
        ProtocolError: if a mask was not trained on the untrained network of its replicate, or a
            frozen weight changed.

    Sources: Zhou et al. 2019, table 1; Ramanujan et al. 2020. Cost: 5 trainings a replicate and
    one for each density.
    """
    config, numerics, store = config or SupermaskConfig(), numerics or Numerics(), store or Store()
    if isinstance(model, nn.Module) or not callable(model):
        raise ValueError(
            f"model must be a builder such as lenet_300_100, which draws a network for each seed, "
            f"got {type(model).__name__}"
        )
    check_classes(dataset)
    seeds = check_seeds(seeds)
    trainings = supermask_jobs(model, dataset, config, seeds=seeds, numerics=numerics)
    first = trainings[training_name(seeds[0], "trained")]
    assert isinstance(first, Job)
    check_levels(first.network, config.levels, structure=first.structure)
    runs = train_many(trainings, store=store, engine=engine, progress=progress, conduct=conduct)
    measured = _measured(first, runs, config, seeds, store, engine)
    rows = [row for seed in seeds for row in _rows(seed, config, runs, measured)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _rows(
    seed: int,
    config: SupermaskConfig,
    runs: Mapping[str, Run],
    measured: Mapping[Any, Sequence[Mapping[str, Any]]],
) -> Iterator[dict[str, Any]]:
    """A replicate's rows, in the order of `METHODS`."""
    for name in ("trained", *(mask.name for mask in learned_masks(config))):
        named = training_name(seed, name)
        for row in measured[named]:
            yield {"replicate": seed, "run": runs[named].key, **row}
    run = runs[training_name(seed, "trained")]
    yield {"replicate": seed, "method": "trained", "density": 1.0, "run": run.key} | at_end(run)


def _measured(
    first: Job,
    runs: Mapping[str, Run],
    config: SupermaskConfig,
    seeds: Sequence[int],
    store: Store,
    engine: Engine | None,
) -> dict[Any, list[dict[str, Any]]]:
    """The rows of each training's masks, measured once."""
    network = first.network
    common = {
        "dtype": str(next(network.parameters()).dtype).removeprefix("torch."),
        "numerics": first.numerics,
    }
    measurements: dict[Hashable, Measurement] = {}
    for seed in seeds:
        trained = runs[training_name(seed, "trained")]
        measurements[training_name(seed, "trained")] = Measurement(
            function=criterion_rows,
            runs=(trained,),
            dataset=first.dataset,
            arguments=common | {"levels": list(config.levels)},
        )
        for mask in learned_masks(config):
            name = training_name(seed, mask.name)
            measurements[name] = Measurement(
                function=learned_rows,
                runs=(trained, runs[name]),
                dataset=first.dataset,
                arguments=common | {"mask": mask, "samples": config.samples},
            )
    if is_rebuildable(describe(network)):
        return measure_many(measurements, store=store, engine=engine)
    return {  # what only its own code can build is here alone
        name: [
            dict(row) for row in one.function(*one.runs, one.dataset, **one.arguments, into=network)
        ]
        for name, one in measurements.items()
    }


def _here(one: Measurement, network: nn.Module) -> Iterable[Row]:
    return one.function(*one.runs, one.dataset, **one.arguments, into=network)
