"""Claims G7a to G7d on planted tables, and the networks that are drawn."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.core import Streams
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.models import builder_named, drawn_as
from surfeit.store import Store
from surfeit.studies import initial_scale as study
from surfeit.studies._chains import Chain, passed, propagated

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")


def _table(planted, off=None, lost=None):
    """Chains as by the closed form; deep networks that fit at k = 1 alone, shallow ones at all.

    Args:
        off: by activation, each seed's share that the chains are off.
        lost: by activation, depth and scale, the points that each seed loses against k = 1.
    """
    rows = []
    for at, name in enumerate(("linear", "relu", "tanh")):
        share = (off or {}).get(name, planted(0, 0.02, SEEDS, seed=at))
        for scale in CONFIG.chain_scales:
            exact = scale ** (2 * CONFIG.layers)
            for seed in CONFIG.seeds:
                row = _row("chain", seed, name, scale, CONFIG.layers, exact * (1 + share[seed]))
                rows.append(row | {"exact": exact})
    for at, name in enumerate(("relu", "tanh")):
        for depth in CONFIG.depths:
            best = planted(0.9, 0.01, SEEDS, seed=10 + at)
            for scale in CONFIG.scales:
                usual = 0.0 if scale == 1 else 60.0 if depth == CONFIG.depths[1] else 2.0
                less = (lost or {}).get(
                    (name, depth, scale), planted(usual, 1.0 * (scale != 1), SEEDS, seed=20)
                )
                for seed in CONFIG.seeds:
                    right = best[seed] - less[seed] / 100
                    rows.append(_row("training", seed, name, scale, depth, right))
    return pa.Table.from_pylist(rows)


def _row(part, seed, activation, scale, depth, measured):
    about = {"part": part, "seed": seed, "activation": activation, "scale": scale, "depth": depth}
    return about | {"measured": measured, "exact": None, "run": ""}


def _planted(claim, ruling, planted):
    if claim in ("G7a", "G7b"):
        mean = {"supported": 0.01, "contradicted": 0.3, "inconclusive": 0.1}[ruling]
        values = planted(mean, 0.02, SEEDS, seed=30)
        return {"off": {"relu" if claim == "G7a" else "tanh": values}}
    mean = {"supported": 30.0, "contradicted": -5.0, "inconclusive": 10.0}[ruling]
    name = "relu" if claim == "G7c" else "tanh"
    return {"lost": {(name, CONFIG.depths[1], 2.0): planted(mean, 2.0, SEEDS, seed=31)}}


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("claim", ["G7a", "G7b", "G7c", "G7d"])
def test_verdicts_of_planted_tables(planted, claim, ruling):
    table = _table(planted, **_planted(claim, ruling, planted))
    found = rulings(study.verdicts(table, CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


@pytest.mark.parametrize(
    ("mean", "ruling"), [(5.0, "supported"), (30.0, "contradicted"), (10.0, "inconclusive")]
)
def test_shallow_networks_must_not_lose_much_at_any_scale(planted, mean, ruling):
    lost = {("relu", CONFIG.depths[0], 0.5): planted(mean, 1.0, SEEDS, seed=5)}
    found = _judged(_table(planted, lost=lost), "G7c")
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.doubt == "decided by 2 layers, k = 0.5"


def test_what_is_said_has_every_scale(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert "(linear, k = 0.8; should be 0.000133)" in found[0].says
    assert "with 20 hidden layers 30 % at k = 0.5, 30 % at k = 0.71, 90 % at k = 1" in found[2].says


def test_the_figure_has_lines_of_the_closed_forms(planted):
    axes = study.figure(_table(planted)).axes
    assert len(axes) == 4
    lines = [line for line in axes[0].lines if line.get_label().startswith("k = ")]
    assert [line.get_ydata()[0] for line in lines] == pytest.approx(
        [scale ** (2 * CONFIG.layers) for scale in CONFIG.chain_scales]
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depths": (20, 2)}, "depths must be 2 or more whole numbers"),
        ({"units": 0}, "units must be a whole number of at least 1, got 0"),
        ({"scales": (0.5, 2.0)}, "scales must be two or more that rise, 1 among them"),
        ({"chain_scales": (1.0, 0.5)}, "chain_scales must be two or more that rise"),
        ({"scales": (-1.0, 1.0)}, "a scale must be above 0 and finite, got -1.0"),
        ({"recipe": replace(CONFIG.recipe, clip_norm=None)}, "the recipe must have clip_norm"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_chains_without_gradients_are_those_with_them():
    """Both draw one layer after another; without gradients the start comes first."""
    chains = [Chain(activation="relu", scale=1.1), Chain(activation="tanh", branch=0.5)]
    about = {"width": 50, "depth": 3, "draws": 200}
    both = zip(
        propagated(chains, **about, generator=Streams(0).get("a")),
        passed(chains, **about, generator=Streams(1).get("b")),
        strict=True,
    )
    for one, (other, _) in both:
        assert one.shape == other.shape == (200, 4)
        error = (one.var(0) / 200 + other.var(0) / 200).sqrt()
        assert bool(((one.mean(0) - other.mean(0)).abs() < 4 * error).all())


def test_homogeneous_chains_scale_exactly():
    """k multiplies each layer's values: the mean square of layer l by k^(2l), draw by draw."""
    chains = [Chain(activation="relu", scale=scale) for scale in (1.0, 0.7)]
    one, other = propagated(chains, width=8, depth=5, draws=3, generator=Streams(0).get("chains"))
    powers = torch.tensor([0.7 ** (2 * layer) for layer in range(6)], dtype=torch.float64)
    assert torch.allclose(other, one * powers)


@pytest.mark.parametrize(("activation", "law"), [*study.LAWS.items()])
def test_networks_are_drawn_from_the_law_and_by_the_same_draws_at_all_scales(
    tmp_path, activation, law
):
    config = replace(study.QUICK, depths=(1, 2), scales=(0.5, 1.0), seeds=(4,))
    jobs = study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))
    networks = {
        scale: jobs[study._name(activation, 2, scale, 4)].network for scale in config.scales
    }
    kinds = [type(part).__name__.lower() for part in networks[1.0]]
    assert kinds == ["flatten", "linear", activation, "linear", activation, "linear"]
    usual = drawn_as(builder_named("chain-2-16"), law)(
        input_shape=(1, 8, 8), classes=10, generator=Streams(4).get("init")
    )
    for name, weight in networks[1.0].named_parameters():
        assert torch.equal(usual.get_parameter(name), weight)
        assert torch.allclose(networks[0.5].get_parameter(name), 0.5 * weight)


def test_rows_have_the_share_of_training_images_that_each_network_gets_right(tmp_path):
    config = replace(
        study.QUICK, width=4, layers=2, draws=3, images=20, depths=(1, 2), scales=(0.5, 1.0),
        recipe=replace(CONFIG.recipe, epochs=1), seeds=(4,),
    )  # fmt: skip
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = list(study.rows(config, lab))
    trained = [row for row in rows if row["part"] == "training"]
    assert len(trained) == 2 * 2 * 2
    assert all(
        round(20 * row["measured"]) == pytest.approx(20 * row["measured"]) for row in trained
    )
    run = lab.store.find(trained[-1]["run"])
    last = study._name("tanh", 2, 1.0, 4)
    for name, weight in study.jobs(config, lab)[last].network.named_parameters():
        assert torch.equal(run.tensors(0)[name], weight)
    assert len([row for row in rows if row["part"] == "chain"]) == 3 * 3 * 3
