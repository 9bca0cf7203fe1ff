"""Claims E11a to E11c on planted tables, and what the trainings start from."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.core import squared_error
from surfeit.curvature import LossSurface, dense, deviation, hessian
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _flatness as shared
from surfeit.studies import sgd_stability as study
from surfeit.studies._fitting import examples

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
FULL = CONFIG.images


def _table(planted, edge=None, saved=None, rise=lambda rate, batch, seed, unstable: 9 * unstable):
    """Gradient descent at 2/η but for the gentle rate, SGD with a third less, kicks as called.

    Args:
        edge: by rate, each seed's sharpness over 2/η, less 1.
        saved: by rate and batch, the share by which each seed's non-uniformity is smaller.
        rise: of rate, batch, seed and whether the criterion calls the kick unstable.
    """
    rows = []
    for at, (rate, batch) in enumerate(CONFIG.settings):
        off = -0.6 if rate == CONFIG.gentle else 0.0
        over = (edge or {}).get(rate, planted(off, 0.01, SEEDS, seed=at))
        less = (saved or {}).get((rate, batch), planted(0.3, 0.05, SEEDS, seed=20 + at))
        for seed in CONFIG.seeds:
            full = batch == FULL
            curvature = {
                "loss": 0.01,
                "sharpness": (1 + over[seed]) * 2 / rate,
                "nonuniformity": 50.0 * (1 if full else 1 - less[seed]),
            }
            rows.append(study._row(CONFIG, "descent", (rate, batch, seed), curvature, "0" * 64))
    start = {"loss": 0.01, "sharpness": 40.0, "nonuniformity": 50.0}
    for seed in CONFIG.seeds:
        for rate in CONFIG.kicks:
            for batch in CONFIG.batches:
                row = study._row(CONFIG, "kick", (rate, batch, seed), start, "0" * 64)
                rows.append(row | {"rise": 1.0 + rise(rate, batch, seed, row["growth"] > 1)})
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_trainings_end_at_the_edge(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 3
    assert found[0].says == (
        "The largest eigenvalue is so many times 2/η: 0.40 with 0.02, 1.00 with 0.05, 1.00 with "
        "0.1, 1.00 with 0.2."
    )
    assert "by 30% (rate 0.05, batch 4), 30% (rate 0.05, batch 10)" in found[1].says
    assert found[2].says == (
        "Of 40 trainings that are called unstable 40 leave, of 40 others 40 stay."
    )


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("ruling", THREE)
def test_gradient_descent_is_at_most_at_the_edge(planted, planted_three, rate, ruling):
    below = planted_three(-CONFIG.margin, 0.005, SEEDS)[ruling]
    found = _judged(_table(planted, edge={rate: [-one for one in below]}), "E11a")
    assert found.ruling == ruling
    if ruling != "supported":
        assert f"decided by rate {rate:g}" in found.doubt or "near it" in found.doubt


@pytest.mark.parametrize(
    ("rate", "ruling"), [(0.02, "supported"), (0.05, "supported"), (0.2, "contradicted")]
)
def test_only_at_the_largest_two_rates_must_it_be_near_the_edge(planted, rate, ruling):
    far = planted(-0.3, 0.01, SEEDS)
    assert _judged(_table(planted, edge={rate: far}), "E11a").ruling == ruling


@pytest.mark.parametrize("which", [(0.05, 4), (0.1, 10)])
@pytest.mark.parametrize("ruling", THREE)
def test_sgd_is_held_against_gradient_descent_at_each_rate(planted, planted_three, which, ruling):
    saved = planted_three(0, 0.02, SEEDS)[ruling]
    found = _judged(_table(planted, saved={which: saved}), "E11b")
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == pytest.approx(sum(saved) / SEEDS)
        assert found.doubt == f"decided by rate {which[0]:g}, batch {which[1]}"


@pytest.mark.parametrize("unstable", [True, False])
@pytest.mark.parametrize(("wrong", "ruling"), [*zip((0, 8, 4), THREE, strict=True)])
def test_both_what_leaves_and_what_stays_must_be_as_called(planted, unstable, wrong, ruling):
    def rise(rate, batch, seed, called):
        return 9 * (called != (called == unstable and seed < wrong))

    found = _judged(_table(planted, rise=rise), "E11c")
    assert found.ruling == ruling
    assert f"{40 - 5 * wrong} leave" in found.says if unstable else f"{40 - 5 * wrong} stay"


def test_a_rise_up_to_the_limit_is_none(planted):
    found = _judged(_table(planted, rise=lambda *about: CONFIG.left - 1), "E11c")
    assert "40 trainings that are called unstable 0 leave, of 40 others 40 stay" in found.says


def test_a_missing_eigenvalue_decides_nothing(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["seed"] == 0:
            row |= {"sharpness": None, "nonuniformity": None, "growth": None}
    table = pa.Table.from_pylist(rows)
    assert set(rulings(study.verdicts(table, CONFIG)).values()) == {"inconclusive"}
    assert len(study.figure(table).axes) == 3


def test_one_seed_decides_nothing(planted):
    rows = [row for row in _table(planted).to_pylist() if row["seed"] == 0]
    found = study.verdicts(pa.Table.from_pylist(rows), replace(CONFIG, seeds=(0,)))
    assert set(rulings(found).values()) == {"inconclusive"}


def test_the_figure_has_a_dot_a_training(planted):
    left, middle, right = study.figure(_table(planted)).axes

    def dots(axes):
        return sum(len(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "None")

    assert dots(left) == 4 * SEEDS
    assert dots(middle) == 2 * 3 * SEEDS
    assert dots(right) == len(CONFIG.kicks) * len(CONFIG.batches) * SEEDS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batches": (4, 100)}, "batches must be smaller than the 100 images"),
        ({"batches": (0,)}, "batches must be 1 or more whole numbers above 0"),
        ({"rates": (0.1,), "noisy_rates": (0.1,)}, "rates must be two or more"),
        ({"rates": (0.1, 0.05)}, "rates must be rates above 0 in ascending order"),
        ({"kicks": ()}, "kicks must be rates above 0 in ascending order"),
        ({"kicks": (0.02, 0.1)}, "all rates and kicks above the gentle one, 0.02"),
        ({"noisy_rates": (0.3,)}, "noisy_rates must be among rates"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Rows and the lab of one seed's trainings."""
    lab = Lab(Store(tmp_path_factory.mktemp("store")), engine=InProcess())
    config = replace(
        CONFIG, images=10, model="mlp-4", rates=(0.05, 0.1), noisy_rates=(0.1,), batches=(2,),
        steps=30, kicks=(0.03,), kick_steps=10, seeds=(3,),
    )  # fmt: skip
    return config, lab, list(study.rows(config, lab))


def test_curvature_is_that_of_the_trained_network_on_its_images(small):
    _, lab, table = small
    row = next(row for row in table if row["rate"] == 0.1 and row["batch"] == 2)
    run, split = lab.store.find(row["run"]), examples(lab.data("digits"), 10, 3).train
    surface = LossSurface.of(run.model(), split, squared_error)
    a, square = (
        torch.linalg.eigvalsh(dense(of(surface)))[-1].item() for of in (hessian, deviation)
    )
    assert row["sharpness"] == pytest.approx(a, rel=1e-2)
    assert row["nonuniformity"] ** 2 == pytest.approx(square, rel=2e-2)
    assert row["loss"] == pytest.approx(surface.loss)
    assert run.config["recipe"] == {**run.config["recipe"], "lr": 0.1, "batch_size": 2, "steps": 30}


def test_trainings_start_at_scaled_weights_and_kicks_where_the_gentle_one_ended(small):
    config, lab, table = small
    (kick,) = [row for row in table if row["kind"] == "kick"]
    gentle = next(row for row in table if row["rate"] == config.gentle)
    kicked, start = lab.store.find(kick["run"]), lab.store.find(gentle["run"])
    for name, value in start.tensors().items():
        assert torch.equal(kicked.tensors(0)[name], value)
    drawn = lab.job("mlp-4", "digits", config.recipe(0.1, 2, 1), seed=3).network.state_dict()
    for name, value in start.tensors(0).items():
        torch.testing.assert_close(value, config.scale * drawn[name])
    losses = [loss for loss in kicked.metrics()["train_loss"].to_pylist() if loss is not None]
    assert kick["rise"] == pytest.approx(max(losses) / gentle["loss"])
    assert (kick["sharpness"], kick["loss"]) == (gentle["sharpness"], gentle["loss"])


def test_an_eigenvalue_that_has_not_converged_is_none(monkeypatch):
    from surfeit.curvature import Operator, eigenpairs

    matrix = torch.diag(torch.linspace(0.9, 1, 300, dtype=torch.float64))
    assert shared.top(Operator.of_matrix(matrix)) == pytest.approx(1, rel=1e-2)

    def few(operator, **about):
        return eigenpairs(operator, most=1, **{**about, "tolerance": 1e-9})

    monkeypatch.setattr(shared, "eigenpairs", few)
    assert shared.top(Operator.of_matrix(matrix)) is None
