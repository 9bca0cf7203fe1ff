"""Do two networks that begin with the same convolutions end alike, whatever their classifiers were?

Source: Heitmann 2020, section 3.2.
Cost: quick 2 s, laptop about 30 min (two cores), half of it the weight graph's trainings.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from surfeit.core import Streams
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds
from surfeit.models import Structure, builder_named
from surfeit.similarity import components, cosine_graph, movement, normalised
from surfeit.spectra import leading_directions, principal_angles
from surfeit.store import Run
from surfeit.tables.figures.style import BLUE, GREY, ORANGE, panels, percent_axis, style
from surfeit.train import Job, Recipe, report_recipe

CLAIMS = (
    Claim(
        id="C5a",
        says="Each filter's nearest neighbour in the other network is its own twin.",
        published="so of Conv-2 at a cutoff of 0.48",
        source="Heitmann 2020, section 3.2",
    ),
    Claim(
        id="C5b",
        says="The units of both first fully connected layers share one component.",
        source="Heitmann 2020, section 3.2",
    ),
    Claim(
        id="C5c",
        says="The rank-10 approximations of both first fully connected layers share a subspace.",
        source="Heitmann 2020, section 3.2",
    ),
)
TWIN, STRANGER = "same convolutions", "other convolutions"


@dataclass(frozen=True, kw_only=True)
class Config:
    """A network, the layers that are kept, and the first of those that are drawn again.

    Three networks a seed: one; a second with its initial convolutions, and the classifier and the
    order of images of the next seed; and the third, all of the next seed. The second and the third
    differ in their initial convolutions alone, so the third is what the second is compared with.
    """

    data: str = "cifar10"
    model: str = "conv-2"
    kept: tuple[str, ...] = ("conv1", "conv2")
    filters: str = "conv2"  # whose units are compared with their twins
    layer: str = "fc1"  # the first that is drawn again
    recipe: Recipe = report_recipe("conv-2")
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    inner_product: float = 0.48  # published, from which units are joined
    rank: int = 10  # as many as there are classes
    twins_margin: float = 0.9  # of the filters, beyond the stranger's: "each"
    component_margin: float = 0.25  # of the units, beyond the stranger's
    subspace_margin: float = 0.5  # mean cos² of the angles, beyond the stranger's: below 45 degrees


SIZES = ("data", "model", "kept", "filters", "layer", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, recipe=replace(PAPER.recipe, steps=2_000), seeds=(0, 1, 2))
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    model=POOL_MODEL,
    kept=("fc1",),
    filters="fc1",
    layer="fc2",
    recipe=POOL_RECIPE,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each seed and the one after it, and for each seed one of both together."""
    wholes = sorted({*config.seeds, *(next_seed(config, seed) for seed in config.seeds)})
    whole = {
        f"seed {seed}": lab.job(config.model, config.data, config.recipe, seed=seed)
        for seed in wholes
    }
    redrawn = {
        f"seed {seed}, redrawn": Job(
            redrawn_network(config, lab, seed),
            lab.data(config.data),
            config.recipe,
            seed=next_seed(config, seed),
        )
        for seed in config.seeds
    }
    return whole | redrawn


def next_seed(config: Config, seed: int) -> int:
    """The seed after this one, and after the last the first; of a single one the next number."""
    place = config.seeds.index(seed) + 1
    return config.seeds[place % len(config.seeds)] if len(config.seeds) > 1 else seed + 1


def redrawn_network(config: Config, lab: Lab, seed: int) -> nn.Module:
    """The network of the next seed, with the layers that are kept as this seed draws them."""
    data, build = lab.data(config.data), builder_named(config.model)
    own, following = (
        build(
            input_shape=data.input_shape,
            classes=data.outputs,
            generator=Streams(of).get("init"),
        )
        for of in (seed, next_seed(config, seed))
    )
    for name in config.kept:
        following.get_submodule(name).load_state_dict(own.get_submodule(name).state_dict())
    return following


def compared(
    first: Run, second: Run, filters: str, layer: str, inner_product: float, rank: int
) -> Iterator[dict[str, Any]]:
    """How alike two networks are: twins among filters, one component, one subspace."""
    structure = Structure.of(first.model())
    own, other, start = (
        structure.layer(filters).matrix(model)
        for model in (first.model(), second.model(), first.model(0))
    )
    near = normalised(own) @ normalised(other).T
    twins = (near.argmax(dim=1) == torch.arange(len(near))).double().mean()
    one, two = (structure.layer(layer).matrix(run.model()).double() for run in (first, second))
    angles = principal_angles(leading_directions(one, rank), leading_directions(two, rank))
    yield {
        "twins": float(twins),
        "twins_by_chance": 1 / len(near),
        "joined": float((near.diagonal() >= inner_product).double().mean()),
        "turned": float(movement(own, start).angle.rad2deg().nanmean()),
        "component": _shared_component(one, two, inner_product),
        "overlap": float(angles.cos().square().mean()),
        "overlap_by_chance": rank / one.shape[1],
        "angle": float(angles.rad2deg().mean()),
    }


def _shared_component(first: Tensor, second: Tensor, inner_product: float) -> float:
    """The share of units in the largest component of both: of the network that has fewer there."""
    graph = cosine_graph(torch.cat([first, second]), inner_product=inner_product)
    within = components(graph) == 0
    return float(min(part.double().mean() for part in within.split(len(first))))


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed and network that its own is compared with: `other`.

    Shares: `twins` (filters whose nearest neighbour is their twin), `twins_by_chance`, `joined`
    (filters that are joined with their twins), `component` (units of the network that has fewer in
    the largest component of both), `overlap` (mean cos² of the principal angles), and
    `overlap_by_chance`. In degrees: `angle`, their mean, and `turned`, how far filters turned.
    """
    runs = lab.train(jobs(config, lab))
    couples = {}
    for seed in config.seeds:
        couples[seed, TWIN] = (runs[f"seed {seed}"], runs[f"seed {seed}, redrawn"])
        couples[seed, STRANGER] = (runs[f"seed {seed}"], runs[f"seed {next_seed(config, seed)}"])
    measured = lab.measure(
        compared,
        couples,
        filters=config.filters,
        layer=config.layer,
        inner_product=config.inner_product,
        rank=config.rank,
    )
    for (seed, other), (first, second) in couples.items():
        about = {"seed": seed, "other": other}
        runs_of = {"run": first.key, "other_run": second.key}
        yield {**about, **measured[seed, other][0], **runs_of}


def figure(table: pa.Table) -> Figure:
    """Twins, component and subspace shared with either network, a point a seed."""
    drawn = table.to_pylist()
    titles = {
        "twins": "Nearest is the twin",
        "component": "In one component",
        "overlap": "In one subspace (cos²)",
    }
    with style():
        drawing, axes = panels(3, height=3.0, sharey=True)
        for panel, (name, title) in zip(axes[0], titles.items(), strict=True):
            for place, (other, color) in enumerate(((TWIN, BLUE), (STRANGER, ORANGE))):
                values = [row[name] for row in drawn if row["other"] == other]
                panel.bar(place, np.mean(values), color=color, alpha=0.45, width=0.6)
                panel.plot([place] * len(values), values, color=color, marker="o", linestyle="")
            if f"{name}_by_chance" in drawn[0]:
                chance = np.mean([row[f"{name}_by_chance"] for row in drawn])
                panel.axhline(chance, color=GREY, linestyle="--", linewidth=0.9, label="by chance")
                panel.legend()
            panel.set_xticks(range(2), ["same\nconvolutions", "other\nconvolutions"])
            panel.set(title=title, ylim=(0, 1.02))
            percent_axis(panel)
        axes[0][0].set_ylabel("share")
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each seed's network of the same convolutions, less that of others."""
    at = {(row["seed"], row["other"]): row for row in table.to_pylist()}
    mean = {
        (name, other): np.mean([at[seed, other][name] for seed in config.seeds])
        for name in ("twins", "component", "angle", "turned")
        for other in (TWIN, STRANGER)
    }
    judged = (
        (
            "C5a",
            "twins",
            config.twins_margin,
            f"The nearest neighbour is the twin of {mean['twins', TWIN]:.0%} of the filters, which "
            f"turned by {mean['turned', TWIN]:.0f} degrees; with other convolutions of "
            f"{mean['twins', STRANGER]:.0%}.",
        ),
        (
            "C5b",
            "component",
            config.component_margin,
            f"One component has {mean['component', TWIN]:.0%} of the units of either network; with "
            f"other convolutions {mean['component', STRANGER]:.0%}.",
        ),
        (
            "C5c",
            "overlap",
            config.subspace_margin,
            f"The principal angles are {mean['angle', TWIN]:.0f} degrees on average; with other "
            f"convolutions {mean['angle', STRANGER]:.0f}.",
        ),
    )
    return tuple(
        exceeds(
            claim,
            [at[seed, TWIN][name] - at[seed, STRANGER][name] for seed in config.seeds],
            margin=margin,
            comparisons=3,
            unit={"overlap": "mean cos²"}.get(name, "of the units"),
            says=says,
        )
        for claim, name, margin, says in judged
    )
