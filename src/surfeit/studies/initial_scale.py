"""How does the scale of the initial weights decide, with the depth, whether a network trains?

Source: Glorot and Bengio 2010; He et al. 2015 (1502.01852), section 2.2 and figure 3; Poole et al.
2016 (1606.05340). Networks, data and training are our choice.
Cost: quick 4 s, laptop about 5 min (two cores; 10 on busy ones).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_positive, check_size
from surfeit.data import Dataset
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds, not_worse
from surfeit.models import Initial, builder_named, drawn_as
from surfeit.studies._chains import Activation
from surfeit.studies._fitting import check_ascending, examples
from surfeit.studies._initial_scale import fitted, signals
from surfeit.tables.figures.lines import STROKES, mean_line
from surfeit.tables.figures.style import panels, percent_axis, plain, style, ticks_at
from surfeit.train import Job, Recipe, Snapshots

CLAIMS = (
    Claim(
        id="G7a",
        says="The mean square of a deep chain's values grows or vanishes as k^(2L), where weights "
        "have the variance k² / n with linear units and 2 k² / n with ReLU.",
        source="Glorot and Bengio 2010; He et al. 2015, section 2.2",
    ),
    Claim(
        id="G7b",
        says="With tanh units it vanishes likewise below k = 1, and above settles where the limit "
        "of many units says.",
        source="Poole et al. 2016",
    ),
    Claim(
        id="G7c",
        says="Deep ReLU networks fit their training images at He's scale, k = 1, better by ten "
        "points than at half of it, at Glorot's, k = 1/√2, at √2 or at twice; shallow ones lose "
        "less than ten points at any of these.",
        published="30 layers with Glorot's scale do not learn, with He's they do",
        source="He et al. 2015, figure 3",
    ),
    Claim(
        id="G7d",
        says="Deep tanh networks fit their training images at Glorot's scale, k = 1, better by ten "
        "points than at half of it, 1/√2, √2 or twice; shallow ones lose less than ten points at "
        "any of these.",
        source="Glorot and Bengio 2010",
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
LAWS: dict[Activation, Initial] = {
    "relu": Initial("he-normal"),
    "tanh": Initial("glorot-normal"),
}
"""The law that each activation's weights are drawn from, at k = 1."""

_HALF = 0.5**0.5


@dataclass(frozen=True, kw_only=True)
class Config:
    """Random chains, and trainings of shallow and deep networks by SGD with clipped gradients.

    Clipping lets a training whose gradients explode go on, and keeps its loss finite. ReLU networks
    are drawn by He's law and tanh ones by Glorot's, times k; the scales of a seed's trainings
    multiply the same weights.
    """

    width: int = 100  # n, of the chains
    layers: int = 20  # of the chains
    draws: int = 200  # a seed
    chain_scales: tuple[float, ...] = (0.8, 1.0, 1.25)  # k
    data: str = "mnist"
    images: int = 1_000  # a seed
    units: int = 32  # a hidden layer
    depths: tuple[int, int] = (2, 20)  # hidden layers
    scales: tuple[float, ...] = (0.5, _HALF, 1.0, 2 * _HALF, 2.0)  # k
    recipe: Recipe = Recipe(lr=0.1, batch_size=20, epochs=5, clip_norm=1.0)
    seeds: tuple[int, ...] = tuple(range(16))
    margin: float = 0.1  # of the exact mean square
    points: float = 10.0  # of accuracy on the training images

    def __post_init__(self) -> None:
        check_ascending("depths", self.depths)
        for name in ("width", "layers", "draws", "images", "units"):
            check_size(name, getattr(self, name))
        for name in ("chain_scales", "scales"):
            scales = getattr(self, name)
            for scale in scales:
                check_positive("a scale", scale)
            if list(scales) != sorted({*scales}) or 1.0 not in scales or len(scales) < 2:
                raise ValueError(
                    f"{name} must be two or more that rise, 1 among them, got {scales}"
                )
        if self.recipe.clip_norm is None:
            raise ValueError("the recipe must have clip_norm, or trainings that explode would fail")

    @property
    def places(self) -> list[int]:
        """Layers at which the chains' values are kept."""
        return sorted({*range(0, self.layers, max(1, self.layers // 10)), self.layers})


SIZES = ("width", "layers", "draws", "data", "images", "units", "depths", "recipe", "seeds")
PAPER = Config()
LAPTOP = PAPER
QUICK = replace(
    PAPER,
    width=30,
    layers=8,
    draws=50,
    data=POOL_DATA,
    images=100,
    units=16,
    depths=(1, 8),
    recipe=replace(PAPER.recipe, epochs=3),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each activation, depth, scale and seed, whose images all of them share."""
    whole = lab.data(config.data)
    drawn = {seed: examples(whole, config.images, seed) for seed in config.seeds}
    return {
        _name(name, depth, scale, seed): _job(lab, config, drawn[seed], (name, depth, scale), seed)
        for seed in config.seeds
        for name in LAWS
        for depth in config.depths
        for scale in config.scales
    }


def _job(
    lab: Lab, config: Config, data: Dataset, which: tuple[Activation, int, float], seed: int
) -> Job:
    name, depth, scale = which
    words = f"chain-{depth}-{config.units}" + ("" if name == "relu" else f"-{name}")
    # No snapshots but the first and the last: the networks at the end are measured.
    job = lab.job(words, data, config.recipe, seed=seed, snapshots=Snapshots(every_epochs=0))
    law = replace(LAWS[name], scale=scale)
    return replace(job, model=drawn_as(builder_named(words), law), name=f"{words}, {law.words}")


def _name(activation: str, depth: int, scale: float, seed: int) -> str:
    return f"{activation}, {depth} layers, k = {scale:g}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed, part, activation, scale and depth, with what was `measured`.

    `part` is `chain` (the mean square of the values at layer `depth`, beside what is `exact`) or
    `training` (the share of its training images that a network of `depth` hidden layers gets right
    at the end; `exact` is None).
    """
    drawn = lab.compute(
        signals,
        {seed: {"seed": seed} for seed in config.seeds},
        activations=("linear", *LAWS),
        scales=config.chain_scales,
        width=config.width,
        depth=config.layers,
        draws=config.draws,
        places=config.places,
    )
    for seed, found in drawn.items():
        for row in found:
            yield {"part": "chain", "seed": seed, **row, "run": ""}
    runs = lab.train(jobs(config, lab))
    right = lab.measure(fitted, runs, lab.data(config.data), images=config.images)
    for seed in config.seeds:
        for name in LAWS:
            for depth in config.depths:
                for scale in config.scales:
                    which = _name(name, depth, scale, seed)
                    about = {"part": "training", "seed": seed, "activation": name, "scale": scale}
                    found = right[which][0]
                    yield about | {"depth": depth, **found, "exact": None, "run": runs[which].key}


def figure(table: pa.Table) -> Figure:
    """Values by layer on lines of the closed forms; accuracy by scale, shallow and deep."""
    drawn = table.to_pylist()
    chains = [row for row in drawn if row["part"] == "chain"]
    trained = [row for row in drawn if row["part"] == "training"]
    with style():
        drawing, axes = panels(2, rows=2, height=5.8)
        both = [row for row in chains if row["activation"] != "tanh"]
        _draw_chains(axes[0][0], both, "Linear and ReLU chains")
        _draw_chains(
            axes[0][1], [row for row in chains if row["activation"] == "tanh"], "tanh chains"
        )
        for place, name in zip(axes[1], LAWS, strict=True):
            _draw_trained(place, [row for row in trained if row["activation"] == name])
            place.set_title("Trained, ReLU" if name == "relu" else "Trained, tanh")
    return drawing


_MARKERS = {"linear": "o", "relu": "x", "tanh": "o"}


def _draw_chains(axes: Axes, rows: list[dict[str, Any]], title: str) -> None:
    """A line of the closed form a scale, and a marker an activation for means over seeds."""
    for stroke, scale in zip(STROKES, sorted({row["scale"] for row in rows}), strict=False):
        own = [row for row in rows if row["scale"] == scale]
        exact = {row["depth"]: row["exact"] for row in own}
        layers = sorted(exact)
        axes.plot(
            layers,
            [exact[layer] for layer in layers],
            color=stroke.color,
            linestyle=stroke.linestyle,
            label=f"k = {scale:g}",
        )
        for name in sorted({row["activation"] for row in own}):
            means = [
                fmean(r["measured"] for r in own if (r["activation"], r["depth"]) == (name, layer))
                for layer in layers
            ]
            axes.plot(
                layers, means, linestyle="", color=stroke.color, marker=_MARKERS[name], markersize=5
            )
    axes.set(title=title, xlabel="layer", ylabel="mean square of the values", yscale="log")
    for name in sorted({row["activation"] for row in rows}):
        label = "ReLU" if name == "relu" else name
        axes.plot([], [], linestyle="", color="black", marker=_MARKERS[name], label=label)
    low, high = (some([row["exact"] for row in rows]) for some in (min, max))
    axes.set_ylim(low / 2, high * (high / low) ** 0.6)
    axes.legend(loc="upper left", ncols=2, fontsize=8)


def _draw_trained(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for stroke, depth in zip(STROKES, sorted({row["depth"] for row in rows}), strict=False):
        own = [row for row in rows if row["depth"] == depth]
        mean_line(axes, own, "scale", "measured", stroke, f"hidden layers: {depth}")
    axes.set(xscale="log", xlabel="scale k of the initial weights", ylim=(0, 1.4))
    axes.set_ylabel("training images right")
    ticks_at(axes, sorted({row["scale"] for row in rows}), say=lambda k: plain(round(k, 2)))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    percent_axis(axes)
    axes.legend(loc="upper left")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G7a and G7b in shares of the exact value, G7c and G7d in points, paired by seed."""
    rows = {
        (row["part"], row["activation"], row["scale"], row["depth"], row["seed"]): row
        for row in table.to_pylist()
    }
    return (
        _chain("G7a", ("linear", "relu"), rows, config),
        _chain("G7b", ("tanh",), rows, config),
        _training("G7c", "relu", rows, config),
        _training("G7d", "tanh", rows, config),
    )


_Rows = dict[tuple[str, str, float, int, int], dict[str, Any]]


def _chain(claim: str, names: tuple[str, ...], rows: _Rows, config: Config) -> Verdict:
    """At the last layer, at every scale."""

    def last(name: str, scale: float) -> list[dict[str, Any]]:
        return [rows["chain", name, scale, config.layers, seed] for seed in config.seeds]

    kinds = [(name, scale) for name in names for scale in config.chain_scales]
    words = ", ".join(
        f"{fmean(row['measured'] for row in last(*kind)):.3g} ({kind[0]}, k = {kind[1]:g}; should "
        f"be {last(*kind)[0]['exact']:.3g})"
        for kind in kinds
    )
    return all_of(
        claim,
        *(
            equals(
                f"{name}, k = {scale:g}",
                [row["measured"] / row["exact"] - 1 for row in last(name, scale)],
                margin=config.margin,
                unit="of the exact value",
                **_JUDGED,
            )
            for name, scale in kinds
        ),
        says=f"After {config.layers} layers the mean square is {words}.",
        **_JUDGED,
    )


def _training(claim: str, name: str, rows: _Rows, config: Config) -> Verdict:
    """How many points a scale loses against k = 1: at least so many if deep, at most if shallow."""
    shallow, deepest = config.depths
    others = [scale for scale in config.scales if scale != 1]

    def right(depth: int, scale: float) -> list[float]:
        return [
            100 * rows["training", name, scale, depth, seed]["measured"] for seed in config.seeds
        ]

    def lost(depth: int, scale: float) -> list[float]:
        pairs = zip(right(depth, 1.0), right(depth, scale), strict=True)
        return [one - other for one, other in pairs]

    judged: dict[str, Any] = {"margin": config.points, "unit": "points", **_JUDGED}
    words = "; ".join(
        f"with {depth} hidden layers "
        + ", ".join(f"{fmean(right(depth, k)):.0f} % at k = {k:.2g}" for k in config.scales)
        for depth in config.depths
    )
    return all_of(
        claim,
        *(exceeds(f"{deepest} layers, k = {k:.2g}", lost(deepest, k), **judged) for k in others),
        *(
            not_worse(f"{shallow} layers, k = {k:.2g}", [-x for x in lost(shallow, k)], **judged)
            for k in others
        ),
        says=f"Right of the training images are {words}.",
        **_JUDGED,
    )
