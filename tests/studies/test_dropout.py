"""Claims G18a to G18d on planted tables; averages over sub-networks against all of them."""

from dataclasses import replace
from functools import partial
from itertools import product

import pyarrow as pa
import pytest
import torch
from torch import nn

from surfeit.core import Streams
from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.studies import dropout as study
from surfeit.studies._dropout import adapted, averaged, masked_network
from surfeit.train import Recipe, train

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
MEASURES = {"square": "G18b", "near": "G18c", "explained": "G18d"}


def table(planted, *, less=None, ratios=None):
    """By measure and layer how much less there is with dropout; the ratios of G18a."""
    found = []
    for place, seed in enumerate(CONFIG.seeds):
        for arm, layer in product(study.ARMS, (1, 2)):
            row = dict.fromkeys(study.COLUMNS) | {"arm": arm, "seed": seed, "layer": layer}
            for name in MEASURES:
                own = (less or {}).get((name, layer), planted(0.1, 0.01, SEEDS))[place]
                row[name] = 0.5 - own * (arm == "with")
                row[f"null_{name}"] = 0.01
            row |= {"live": 1.0, "test_accuracy": 0.9, "run": "0" * 64}
            if layer == 1:
                ratio = (ratios or planted(0.05, 0.01, SEEDS))[place]
                row |= {"ratio": ratio, "distance": 0.1 * ratio, "spread": 0.1}
                row |= {"error_of_distance": 0.0, "scaled_accuracy": 0.9, "averaged_accuracy": 0.9}
            found.append(row)
    return pa.Table.from_pylist(found)


def judged(given, claim):
    return next(one for one in study.verdicts(given, CONFIG) if one.claim == claim)


def test_all_hold_where_units_go_less_together(planted):
    found = study.verdicts(table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 4
    assert found[0].effect == pytest.approx(0.15)
    assert "0.5 without and 0.4 with dropout (shuffled: 0.01 and 0.01) in layer 1" in found[1].says


@pytest.mark.parametrize("ruling", THREE)
def test_the_scaled_network_must_be_nearer_than_a_fifth(planted, planted_three, ruling):
    to_spare = planted_three(0, 0.02, SEEDS)[ruling]
    given = table(planted, ratios=[0.2 - one for one in to_spare])
    assert judged(given, "G18a").ruling == ruling


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("ruling", THREE)
def test_there_must_be_less_in_every_layer(planted, planted_three, name, layer, ruling):
    less = {(name, layer): planted_three(0, 0.01, SEEDS)[ruling]}
    assert judged(table(planted, less=less), MEASURES[name]).ruling == ruling


def test_dead_layers_decide_nothing(planted):
    rows = table(planted).to_pylist()
    rows[0]["square"] = None
    given = pa.Table.from_pylist(rows)
    assert judged(given, "G18b").ruling == "inconclusive"
    assert len(study.figure(given).axes) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 1.0}, r"rate must be in \(0, 1\), got 1.0"),
        ({"widths": ()}, "widths must name a hidden layer"),
        ({"networks": 3}, "networks must be even and at least 2, for two halves, got 3"),
        ({"alike": 0.0}, r"alike must be in \(0, 1\], got 0.0"),
        ({"looked_at": 100}, "more images than a layer has units, 100, got 100"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_arms_differ_in_dropout_alone(tmp_path):
    jobs = study.jobs(replace(study.QUICK, seeds=(3,)), Lab(Store(tmp_path), engine=InProcess()))
    without, with_it = (jobs[f"{arm} dropout, seed 3"] for arm in study.ARMS)
    assert [type(part) for part in with_it.network].count(nn.Dropout) == 2
    pairs = zip(without.initial().values(), with_it.initial().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert without.recipe == with_it.recipe


def test_scaled_weights_of_a_linear_softmax_layer_are_the_geometric_mean_exactly():
    """Over all 2^6 sub-networks, each by its probability, renormalised."""
    generator, rate = Streams(0).get("layer"), 0.3
    weight, bias, inputs = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((4, 6), (4,), (6,))
    )
    logs, arithmetic = torch.zeros(4).double(), torch.zeros(4).double()
    for kept in product((0.0, 1.0), repeat=6):
        mask = torch.tensor(kept, dtype=torch.float64)
        chance = float(torch.where(mask > 0, 1 - rate, rate).prod())
        found = (weight @ (inputs * mask / (1 - rate)) + bias).softmax(0)
        logs += chance * found.log()
        arithmetic += chance * found
    scaled = (weight @ inputs + bias).softmax(0)
    assert torch.allclose(logs.softmax(0), scaled, atol=1e-12)
    assert not torch.allclose(arithmetic, scaled, atol=1e-2)  # it is of geometric means alone


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    small = partial(mlp, (4,), dropout=0.5)
    recipe = Recipe(optimizer="adam", lr=0.01, batch_size=60, epochs=6)
    return train(small, load("digits"), recipe, store=Store(tmp_path_factory.mktemp("runs")))


def test_the_distance_from_the_average_is_that_of_all_sub_networks(run):
    """Sixteen sub-networks, counted, against 2,000 drawn."""
    data, network = load("digits"), run.model().eval()
    inputs = data.test.inputs[:50]
    hidden = network[:3](inputs).detach()
    assert isinstance(network[2], nn.ReLU)
    every = torch.stack(
        [
            network[4](hidden * 2 * torch.tensor(kept)).softmax(1).detach().double()
            for kept in product((0.0, 1.0), repeat=4)
        ]
    )
    mean = every.mean(0)
    spread = (every - mean).square().sum(2).mean()
    distance = (network(inputs).detach().softmax(1).double() - mean).square().sum(1).mean()
    (row,) = averaged(run, data, rate=0.5, images=50, networks=2_000)
    assert row["spread"] == pytest.approx(float(spread), rel=0.05)
    assert row["distance"] == pytest.approx(float(distance), rel=0.1)
    assert row["ratio"] == pytest.approx(row["distance"] / row["spread"], rel=0.2)


def test_two_halves_estimate_the_distance_without_bias(run):
    """Of two sub-networks each time: the mean over draws is the distance of very many."""
    data = load("digits")
    (exact,) = averaged(run, data, rate=0.5, images=20, networks=2_000)
    network, found = run.model().eval(), []
    masked = masked_network(network, 0.5, Streams(5).get("pairs"))
    inputs = data.test.inputs[:20]
    scaled = network(inputs).softmax(1).double()
    with torch.no_grad():
        for _ in range(800):
            one, other = (masked(inputs).softmax(1).double() for _ in range(2))
            found.append(float(((scaled - one) * (scaled - other)).sum(1).mean()))
    values = torch.tensor(found)
    error = float(values.std() / len(values) ** 0.5)
    assert abs(float(values.mean()) - exact["distance"]) < 5 * error


def test_copies_are_correlated_near_and_explained_and_shuffled_units_are_not(run):
    data, network = load("digits"), run.model()
    images = data.test.inputs[:150]
    one, other = (network[:3](images).std(0) > 0).nonzero()[:2, 0].tolist()
    with torch.no_grad():
        network.fc1.weight[other] = 2 * network.fc1.weight[one]
        network.fc1.bias[other] = 2 * network.fc1.bias[one]

    class Copied:
        config, metrics = run.config, run.metrics

        def model(self):
            return network

    (row,) = adapted(Copied(), data, images=150, alike=0.999)
    (before,) = adapted(run, data, images=150, alike=0.999)
    assert row["layer"] == 1
    live = network[:3](images).std(0) > 0
    count = int(live.sum())
    assert row["live"] == before["live"] == count / 4
    assert row["near"] == pytest.approx(2 / (count * (count - 1)))
    assert before["near"] == 0
    assert row["explained"] > 0.5
    assert row["null_square"] < 0.05
    assert row["null_near"] == 0
    correlations = torch.corrcoef(network[:3](images).detach().T.double()[live])
    upper = correlations[torch.triu(torch.ones(count, count), 1) > 0]
    assert row["square"] == pytest.approx(float(upper.square().mean()), rel=1e-4)
