"""Untrained networks with a mask, by every method, beside the trained network: one table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

import pyarrow as pa
from torch import nn

from surfeit.core import ProtocolError, Streams, copied
from surfeit.data import Dataset
from surfeit.models import Builder, Structure
from surfeit.procedures.parcels import tensors_of
from surfeit.procedures.replicates import check_seeds
from surfeit.procedures.supermasks.actions import rewind, signed_constant
from surfeit.procedures.supermasks.bernoulli import BernoulliMask
from surfeit.procedures.supermasks.config import SupermaskConfig
from surfeit.procedures.supermasks.criteria import (
    accuracies,
    check_classes,
    check_levels,
    large_final_same_sign,
    untrained_table,
)
from surfeit.procedures.supermasks.edge_popup import EdgePopup
from surfeit.procedures.supermasks.masked import MaskedNetwork
from surfeit.procedures.supermasks.sampled import sampled_accuracy
from surfeit.procedures.supermasks.subjects import KEEP, subjects
from surfeit.procedures.tickets.protocol import check_began
from surfeit.prune.masks import density
from surfeit.store import Run, Store
from surfeit.train import Conduct, Moment, Numerics, Recipe, train
from surfeit.train.building import built

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

Progress = Callable[[str, Moment], None]
"""Called with the training's name, e.g. "replicate 0, edge-popup 0.5", and where it stands."""


def supermask_table(
    model: Builder,
    dataset: Dataset,
    config: SupermaskConfig | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    store: Store | None = None,
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

    What is stored already is not trained again; what was interrupted goes on. Trainings are done
    one after another; `train_supermasks`, called before, does them side by side.

    >>> supermask_table(lenet_300_100, load("mnist"), seeds=range(3))

    Args:
        model: a builder; its network is drawn from each seed's stream `init`.
        dataset: the train split is fitted, the validation split chooses the level of masks by
            criterion, the test split is measured and decides nothing.
        config: recipes, densities, levels; `SupermaskConfig()` by default.
        seeds: one a replicate, different integers >= 0.
        store: where runs are kept; `Store()` by default.
        numerics: device, threads, precision of each training; one CPU thread by default.
        conduct: checkpoints, waiting; its own `progress` is not called.
        progress: called now and then with which training stands where.

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
        ProtocolError: if a frozen weight changed, or the weights that masks by criterion are taken
            from were not trained from the untrained network that they are put on.

    Sources: Zhou et al. 2019, table 1; Ramanujan et al. 2020. Cost: 5 trainings a replicate and
    one for each density.
    """
    config = config or SupermaskConfig()
    if isinstance(model, nn.Module) or not callable(model):
        raise ValueError(
            f"model must be a builder such as lenet_300_100, which draws a network for each seed, "
            f"got {type(model).__name__}"
        )
    ground = _Ground(
        dataset=dataset,
        store=store or Store(),
        numerics=numerics or Numerics(),
        conduct=conduct or Conduct(),
        progress=progress,
    )
    networks = {
        seed: built(model, dataset, Streams(seed).get("init")) for seed in check_seeds(seeds)
    }
    check_classes(dataset)
    first = next(iter(networks.values()))
    structure = Structure.of(first, dataset.train.inputs[:1])
    check_levels(first, config.levels, structure=structure)
    rows = [row for seed in networks for row in _rows(model, networks[seed], config, seed, ground)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """All trainings' common ground."""

    dataset: Dataset
    store: Store
    numerics: Numerics
    conduct: Conduct
    progress: Progress | None

    def train(self, name: str, model: nn.Module | Builder, recipe: Recipe, seed: int) -> Run:
        def tell(moment: Moment) -> None:
            if self.progress is not None:
                self.progress(f"replicate {seed}, {name}", moment)

        return train(
            model,
            self.dataset,
            recipe,
            seed=seed,
            snapshots=KEEP,
            store=self.store,
            numerics=self.numerics,
            conduct=replace(self.conduct, progress=tell),
        )


def _rows(
    model: Builder, network: nn.Module, config: SupermaskConfig, seed: int, ground: _Ground
) -> Iterator[dict[str, Any]]:
    streams = Streams(seed)
    run = ground.train("trained", model, config.trained, seed)
    check_began(run, tensors_of(network), {})
    base = {"replicate": seed, "likeliest_accuracy": None}
    yield from (base | row for row in _by_criterion(network, run, config, streams, ground))
    for name, build in subjects(network, config, seed).items():
        if name == "trained":
            continue
        subject = build()
        ended = ground.train(name, subject.module, subject.recipe, seed)
        masked = subject.module
        assert isinstance(masked, BernoulliMask | EdgePopup)
        _load_ended_(masked, ended)
        if isinstance(masked, BernoulliMask):
            found = _of_draws(masked, config.samples, streams, ground.dataset)
            yield base | {"method": name, "run": ended.key} | found
        else:
            row = {"method": "edge-popup", "density": density(masked.mask()), "run": ended.key}
            yield base | row | _at_end(ended)
    yield base | {"method": "trained", "density": 1.0, "run": run.key} | _at_end(run)


def _by_criterion(
    network: nn.Module, run: Run, config: SupermaskConfig, streams: Streams, ground: _Ground
) -> Iterator[dict[str, Any]]:
    table = untrained_table(
        network,
        run.model(into=copied(network)),
        ground.dataset,
        streams=streams,
        criteria={"large_final_same_sign": large_final_same_sign},
        levels=config.levels,
        kept={"mask-initial": rewind, "mask-constant": signed_constant},
    ).to_pylist()
    for method in ("mask-initial", "mask-constant"):
        rows = [row for row in table if row["kept"] == method]
        best = max(rows, key=lambda row: row["validation_accuracy"])
        names = ("density", "validation_accuracy", "test_accuracy")
        yield {"method": method, "run": run.key} | {name: best[name] for name in names}


def _load_ended_(masked: MaskedNetwork, run: Run) -> None:
    """Loads what the training ended with, its weights being to the last bit what they were."""
    before = masked.frozen()
    run.model(into=masked)
    after = masked.frozen()
    changed = [name for name, value in before.items() if not value.equal(after[name])]
    if changed:
        raise ProtocolError(f"frozen weights changed in run {run.key[:12]}: {', '.join(changed)}")


def _of_draws(
    masked: BernoulliMask, samples: int, streams: Streams, dataset: Dataset
) -> dict[str, float]:
    found = {
        f"{name}_accuracy": mean(
            sampled_accuracy(
                masked, dataset.splits[name], samples=samples, generator=streams.get("draws")
            )
        )
        for name in ("validation", "test")
    }
    shares = list(masked.probabilities().values())
    expected = sum(float(p.double().sum()) for p in shares) / sum(p.numel() for p in shares)
    likeliest = accuracies(masked.extract(masked.likeliest()), dataset)["test_accuracy"]
    return found | {"density": expected, "likeliest_accuracy": likeliest}


def _at_end(run: Run) -> dict[str, float]:
    last = run.metrics().to_pylist()[-1]
    return {name: last[name] for name in ("validation_accuracy", "test_accuracy")}
