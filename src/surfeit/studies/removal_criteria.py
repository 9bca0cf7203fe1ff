"""Which criterion for removing units without retraining loses least, and does it beat random?

Source: Heitmann 2020, section 3.1, figure 2; Li et al. 2024 (2406.12315), whose leaderboards show
random removal ahead of several criteria, without intervals.
Cost: quick 5 s, laptop about 23 min (two cores).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from torch import Tensor, nn

from surfeit.core import Streams
from surfeit.data import Dataset
from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_RECIPE,
    Claim,
    Lab,
    Verdict,
    all_exceed,
    exceeds,
)
from surfeit.models import Structure
from surfeit.prune import CRITERIA, Evidence, contributions, order_by, removal_curves
from surfeit.prune.removal import Removal
from surfeit.store import Run
from surfeit.tables.figures import criteria
from surfeit.tables.removals import Curves, Way, at, curves_of, first_part
from surfeit.train import Job, Recipe, Snapshots, report_recipe

_REPORT = "Heitmann 2020, figure 2"
_REPORTED = ("magnitude", "frame_potential", "inner_product")
_CRITERIA = (*_REPORTED, "fpgm", "activation_correlation", "taylor_unit")
_LENET = "LeNet-300-100 on MNIST, fc1 of 300 units, 98.1 % dense"
_CONV = "Conv-2 on CIFAR-10, fc1 of 256 units, 69.6 % dense"

CLAIMS = (
    Claim(
        id="B1a",
        says="Removing the smallest weight vectors first loses less over the whole curve than any "
        "other criterion and than random removal.",
        published=f"{_LENET}: after 100 removed max_mag 95, max_fp 93, random 93 ± 1; after 150 "
        "92, 82, 87 ± 3",
        source=_REPORT,
    ),
    Claim(id="B1b", says="It is nowhere on the curve behind any of them.", source=_REPORT),
    Claim(
        id="B1c",
        says="With a third of the units removed it is ahead of random removal.",
        published=f"{_LENET}: after 100 removed max_mag 95, random 93 ± 1",
        source=_REPORT,
        figure=2.0,
    ),
    Claim(
        id="B2a",
        says="Angles alone are informative: over the first third of the removals the largest frame "
        "potential is ahead of random removal.",
        published=f"{_LENET}: after 100 removed max_fp 93, random 93 ± 1",
        source=_REPORT,
    ),
    Claim(
        id="B2b",
        says="With a third of the units removed the smallest frame potential is far behind random.",
        published=f"{_LENET}: after 100 removed min_fp 49, random 93 ± 1",
        source=_REPORT,
        figure=44.0,
    ),
    Claim(
        id="B3a",
        says="Half of Conv-2's fc1 goes at no loss by magnitude, frame potential and inner product "
        "alike.",
        published=f"{_CONV}: a plateau of about 130 units by each",
        source=_REPORT,
    ),
    Claim(
        id="B3b",
        says="Random removal has lost accuracy there.",
        published=f"{_CONV}: random at 130 removed 51.5",
        source=_REPORT,
        figure=18.1,
    ),
    Claim(
        id="B3c",
        says="Removing the largest weight vectors first leaves no more than guessing there.",
        published=f"{_CONV}: min_mag at 10 % from 134 on",
        source=_REPORT,
        figure=0.0,
    ),
    Claim(
        id="B4",
        says="In convolutions too, removing the smallest weight vectors first is ahead of random.",
        source="Heitmann 2020, section 3.1",
    ),
    *(
        Claim(
            id=f"BR-{name}",
            says=f"Removing units by {name} is ahead of random removal over the whole curve.",
            published="ResNet-50, CIFAR-100, retrained: random beats five of eleven, no intervals",
            source="Li et al. 2024, PruningBench",
        )
        for name in _CRITERIA
    ),
)
PUBLISHED: Mapping[tuple[str, str, str], Mapping[str, Mapping[int, float]]] = {
    ("lenet-300-100", "mnist", "fc1"): {
        "magnitude": {100: 0.95, 150: 0.92},
        "frame_potential": {100: 0.93, 150: 0.82},
        "random": {100: 0.93, 150: 0.87},
    },
    ("conv-2", "cifar10", "fc1"): {"magnitude": {130: 0.696}, "random": {130: 0.515}},
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """What is trained, whose units go, and on how many test images that is measured.

    The first layer is the one of the claims. In others, where a removal costs more, magnitude and
    random removal are compared on a tenth of the images.
    """

    model: str
    data: str
    recipe: Recipe
    layers: tuple[str, ...]
    criteria: tuple[str, ...]
    images: int = 10_000

    def criteria_of(self, layer: str) -> list[str]:
        """What is measured of a layer, beside random removal."""
        return list(self.criteria) if layer == self.layers[0] else ["magnitude"]

    def images_of(self, layer: str) -> int:
        """How many test images a layer is measured on."""
        return self.images if layer == self.layers[0] else self.images // 10


@dataclass(frozen=True, kw_only=True)
class Config:
    """The report's fully connected network and its smallest convolutional one."""

    dense: Network = Network(
        model="lenet-300-100",
        data="mnist",
        recipe=report_recipe("lenet-300-100"),
        layers=("fc1",),
        criteria=_CRITERIA,
    )
    conv: Network = Network(
        model="conv-2",
        data="cifar10",
        recipe=report_recipe("conv-2"),
        layers=("fc1", "conv1", "conv2"),
        criteria=_REPORTED,
    )
    repeats: int = 5
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    third: float = 1 / 3  # of the units: the report's 100 of 300
    plateau: float = 130 / 256
    margin: float = 1.0  # points: what the report's plot shows as no loss
    far: float = 10.0  # points: ten times the report's spread of random orders
    near_guessing: float = 3.0  # points: what is not told from guessing on a plot


SIZES = ("dense", "conv", "repeats", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    conv=replace(PAPER.conv, recipe=replace(PAPER.conv.recipe, steps=1_500), images=2_000),
    repeats=3,
)
QUICK = replace(
    PAPER,
    dense=replace(PAPER.dense, model=POOL_MODEL, data=POOL_DATA, recipe=POOL_RECIPE, images=360),
    conv=replace(
        PAPER.conv,
        data=POOL_DATA,
        recipe=replace(POOL_RECIPE, epochs=None, steps=20),
        layers=("fc1", "conv1"),
        images=300,
    ),
    repeats=2,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """Each network for each seed."""
    return {
        f"{one.model}, seed {seed}": lab.job(
            one.model, one.data, one.recipe, seed=seed, snapshots=_keep(one)
        )
        for one in (config.dense, config.conv)
        for seed in config.seeds
    }


def _keep(network: Network) -> Snapshots:
    # The pool's runs are shared as they are; of long trainings the end is enough.
    return Snapshots() if network.recipe == POOL_RECIPE else Snapshots(every_epochs=0)


def curves(
    run: Run, dataset: Dataset, *, layer: str, by: list[str], repeats: int, images: int
) -> Iterator[dict[str, Any]]:
    """Test accuracy after 0, 1, 2, ... removals by criterion both ways and at random."""
    model = run.model()
    structure = Structure.of(model, dataset.train.inputs[:1])
    streams = Streams(run.config["seed"])
    orders = orders_of(model, layer, structure, dataset, by=by, repeats=repeats, streams=streams)
    found = removal_curves(
        model, layer, list(orders.values()), dataset.test[:images], structure=structure
    )
    for (criterion, remove, repeat), curve in zip(orders, found, strict=True):
        for removed, accuracy in enumerate(curve.points.tolist()):
            yield {
                "criterion": criterion,
                "remove": remove,
                "repeat": repeat,
                "removed": removed,
                "accuracy": accuracy,
            }


def orders_of(
    model: nn.Module,
    layer: str,
    structure: Structure,
    dataset: Dataset,
    *,
    by: Sequence[str],
    repeats: int,
    streams: Streams,
) -> dict[tuple[str, str | None, int], Tensor]:
    """Orders of removal by criterion, what goes first (`least`, `most`, or None), repeat.

    Scores that look at data look at the first 1,000 training examples.
    """
    removal = Removal.of(structure, layer)
    evidence = Evidence(model, split=dataset.train[:1000], structure=structure)
    orders: dict[tuple[str, str | None, int], Tensor] = {}
    for name in by:
        values = contributions(CRITERIA[name], removal, model, evidence=evidence)
        orders[name, "least", 0] = order_by(values, "least")
        orders[name, "most", 0] = order_by(values, "most")
    for repeat in range(repeats):
        generator = streams.get("removal", layer, repeat)
        drawn = contributions(CRITERIA["random"], removal, model, generator=generator)
        orders["random", None, repeat] = order_by(drawn)
    return orders


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a point of a curve: `model, data, layer, seed, criterion, removed, accuracy, ...`."""
    runs = lab.train(jobs(config, lab))
    for one in (config.dense, config.conv):
        for layer in one.layers:
            measured = lab.measure(
                curves,
                {seed: runs[f"{one.model}, seed {seed}"] for seed in config.seeds},
                lab.data(one.data),
                layer=layer,
                by=one.criteria_of(layer),
                repeats=config.repeats,
                images=one.images_of(layer),
            )
            for seed, points in measured.items():
                for point in points:
                    yield {
                        "model": one.model,
                        "data": one.data,
                        "layer": layer,
                        "seed": seed,
                        **point,
                        "guessing": 1 / lab.data(one.data).classes,
                        "run": runs[f"{one.model}, seed {seed}"].key,
                    }


_RANDOM: Way = ("random", None)
_SMALLEST: Way = ("magnitude", "least")


def figure(table: pa.Table) -> Figure:
    """Accuracy by removed units, a panel a layer, with the published points."""
    return criteria.figure(table, published=PUBLISHED)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """B1 to B4, and each criterion against random removal; paired by seed."""
    dense = curves_of(table, config.dense.model, config.dense.layers[0])
    return (
        *_of_magnitude(dense, config),
        *_of_angles(dense, config),
        *_of_the_plateau(table, config),
        _of_convolutions(table, config),
        *_against_random(dense, config),
    )


def _of_magnitude(found: Curves, config: Config) -> Iterator[Verdict]:
    others = [_RANDOM, *((name, "least") for name in config.dense.criteria if name != "magnitude")]
    area = {
        f"over {name}, mean of the curve": _paired(found, _SMALLEST, (name, way), config)
        for name, way in others
    }
    yield all_exceed("B1a", area, unit="points")
    yield all_exceed(
        "B1b",
        {
            f"over {name} with {tenth} tenths removed": _paired(
                found, _SMALLEST, (name, way), config, at(tenth / 10)
            )
            for name, way in others
            for tenth in range(1, 10)
        },
        margin=-config.margin,
        unit="points",
    )
    third = _paired(found, _SMALLEST, _RANDOM, config, at(config.third))
    yield _verdict("B1c", third, "over random with a third removed")


def _of_angles(found: Curves, config: Config) -> Iterator[Verdict]:
    early = _paired(found, ("frame_potential", "least"), _RANDOM, config, first_part(config.third))
    yield _verdict("B2a", early, "over random, mean of the first third")
    odd = _paired(found, _RANDOM, ("frame_potential", "most"), config, at(config.third))
    words = "by random over the smallest frame potential with a third removed"
    yield _verdict("B2b", odd, words, margin=config.far)


def _of_the_plateau(table: pa.Table, config: Config) -> Iterator[Verdict]:
    found = curves_of(table, config.conv.model, config.conv.layers[0])
    there = at(config.plateau)

    def lost(name: str, remove: str | None) -> list[float]:
        each = [found[name, remove, seed] for seed in config.seeds]
        return [float(curve[0]) - there(curve) for curve in each]

    yield all_exceed(
        "B3a",
        {
            f"against the dense network by {name}": [-one for one in lost(name, "least")]
            for name in config.conv.criteria
        },
        margin=-config.margin,
        unit="points",
    )
    yield _verdict("B3b", lost(*_RANDOM), "lost by random removal", margin=config.margin)
    guessing = 100 * table["guessing"][table.num_rows - 1].as_py()
    below = [guessing - there(found["magnitude", "most", seed]) for seed in config.seeds]
    words = "below guessing, the largest removed first"
    yield _verdict("B3c", below, words, margin=-config.near_guessing)


def _of_convolutions(table: pa.Table, config: Config) -> Verdict:
    parts = {
        f"over random in {layer}, mean of the curve": _paired(
            curves_of(table, config.conv.model, layer), _SMALLEST, _RANDOM, config
        )
        for layer in config.conv.layers[1:]
    }
    return all_exceed("B4", parts, unit="points")


def _against_random(found: Curves, config: Config) -> Iterator[Verdict]:
    words, count = "over random removal, mean of the curve", len(config.dense.criteria)
    for name in config.dense.criteria:
        values = _paired(found, (name, "least"), _RANDOM, config)
        yield _verdict(f"BR-{name}", values, words, comparisons=count)


def _verdict(claim: str, values: Sequence[float], words: str, **options: Any) -> Verdict:
    return exceeds(
        claim, values, unit="points", says=f"{fmean(values):+.1f} points {words}", **options
    )


def _paired(
    found: Curves,
    first: Way,
    second: Way,
    config: Config,
    of: Callable[[np.ndarray], Any] = np.mean,
) -> list[float]:
    """A figure of the first way's curve less that of the second's, for each seed, in points."""
    return [float(of(found[*first, s]) - of(found[*second, s])) for s in config.seeds]
