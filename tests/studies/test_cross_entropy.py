"""Claims G10a to G10d on planted tables; losses and entropies against sums, draws and torch."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.studies.conftest import plant
from tests.studies.planted import rulings
from torch.nn.functional import cross_entropy as torch_loss

from surfeit.core import Split, Streams
from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _cross_entropy as nats
from surfeit.studies import cross_entropy as study

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
FEWEST, _, MOST = CONFIG.images
RULINGS = ("supported", "contradicted", "inconclusive")


def _table(**planted):
    """What the claims say, but for the columns that are planted, one list a seed each."""
    rows = []
    for at, seed in enumerate(CONFIG.seeds):

        def value(name, otherwise, at=at):
            return planted.get(name, otherwise)[at]

        off = plant(0.0, 1e-4, SEEDS, 1)
        own, more = 1.3, 0.6
        loss = value("sum", [own + more + one for one in off])
        least = value("least", [1.2 + abs(one) for one in off])
        row = {"cross": loss, "entropy": own, "divergence": more, "loss": least, "least": 1.2}
        rows.append(study._row("tables", seed, {"place": 0, **row}))
        for size in CONFIG.sizes:
            exact = nats.excess_of(CONFIG.parameters, size)
            drawn = {name: plant(1.0, 0.02, SEEDS, size)[at] * exact for name in ("excess", "gain")}
            if size == CONFIG.sizes[-1]:
                drawn["excess"] = value("excess", plant(1.0, 0.02, SEEDS, 2)) * exact
            rows.append(study._row("right model", seed, {"place": size, "exact": exact, **drawn}))
        rows += [
            _step(noise, images, seed, at, step, value)
            for noise, images, step in product(CONFIG.noises, CONFIG.images, (10, 20))
        ]
    return pa.Table.from_pylist(rows)


def _step(noise, images, seed, at, step, value):
    """Validation and test losses are least at step 10; training losses end below the entropy."""
    exact = nats.conditional_entropy(noise, 10)
    over = 0.05 + 0.1 * (CONFIG.images[::-1].index(images))
    over += plant(0.0, 0.002, SEEDS, images)[at]
    under = plant(0.2, 0.01, SEEDS, 4)[at]
    if noise == CONFIG.noises[-1]:
        if images == MOST:
            over = value("over", [over] * SEEDS)
        if images == FEWEST:
            under = value("under", [under] * SEEDS)
    late = 0.0 if step == 10 else 0.05 + 0.01 * at
    if noise == CONFIG.noises[1] and images == FEWEST and late:
        late = value("rise", [late] * SEEDS)
    values = {
        "place": noise,
        "images": images,
        "step": step,
        "exact": exact,
        "train_loss": exact - under if step == 20 else exact + 1,
        "validation_loss": exact + over + (0.0 if step == 10 else 0.3),
        "test_loss": exact + over + late,
        "run": "key",
    }
    return study._row("network", seed, values)


def _planted(claim, ruling):
    """The column that decides a claim, so that it is ruled so."""
    at = RULINGS.index(ruling)
    if claim == "G10a":
        return {"sum": plant(1.9 + (0.0, 0.05, 0.0098)[at], 0.002, SEEDS)}
    if claim == "G10b":
        return {"excess": plant((1.0, 1.3, 1.098)[at], 0.02, SEEDS)}
    if claim == "G10c":
        return {"over": plant((0.05, -0.1, 0.149)[at], 0.005 if at < 2 else 0.02, SEEDS)}
    if claim == "G10d":
        return {"under": plant((0.2, -0.2, 0.0)[at], 0.02, SEEDS)}
    raise AssertionError(claim)


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_verdicts_of_planted_tables(claim, ruling):
    found = rulings(study.verdicts(_table(**_planted(claim, ruling)), CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


@pytest.mark.parametrize(
    ("claim", "planted"),
    [
        ("G10a", {"least": plant(1.3, 0.01, SEEDS)}),
        ("G10c", {"over": plant(0.3, 0.01, SEEDS)}),  # farther with more images, and not near
        ("G10d", {"rise": plant(-0.1, 0.01, SEEDS)}),
    ],
)
def test_each_other_part_of_a_claim_can_contradict_it(claim, planted):
    assert rulings(study.verdicts(_table(**planted), CONFIG))[claim] == "contradicted"


def test_what_is_missing_leaves_a_claim_undecided():
    whole = _table().to_pylist()
    left = [row for row in whole if (row["place"], row["seed"]) != (0.6, 0)]
    found = rulings(study.verdicts(pa.Table.from_pylist(left), CONFIG))
    assert found["G10c"] == found["G10d"] == "inconclusive"


def test_the_validation_loss_chooses_and_the_test_loss_does_not():
    networks = [row for row in _table().to_pylist() if row["part"] == "network"]
    for row in networks:  # the test loss would choose the other step
        row["test_loss"] += 1 if row["step"] == 10 else 0
    best, last = study._ends(networks)[0.2, FEWEST, 0]
    assert (best["step"], last["step"]) == (10, 20)


def test_the_figure_has_the_closed_forms_as_lines():
    model, least, course = study.figure(_table()).axes
    sizes = [nats.excess_of(CONFIG.parameters, size) for size in CONFIG.sizes]
    assert list(model.lines[0].get_ydata()) == sizes
    assert list(least.lines[0].get_xdata()) == list(least.lines[0].get_ydata())
    assert f"{FEWEST:,}" in course.get_title(loc="left")


def test_the_table_has_a_row_a_seed_and_place(tmp_path):
    recipe = replace(study.QUICK.recipe, epochs=2)
    small = {"sizes": (800, 801), "new": 10, "draws": 1, "many": 10, "descent": 1}
    config = replace(study.QUICK, recipe=recipe, images=(60, 120), seeds=(0, 4), **small)
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = list(study.rows(config, lab))
    assert len({tuple(row) for row in rows}) == 1
    assert len(rows) == 2 * (1 + 2 + 2 * 2 * 3)  # two noises and sizes, the start and two epochs
    assert len(study.jobs(config, lab)) == 8
    smaller = study.jobs(config, lab)[study.name_of(0.4, 60, 4)].dataset.train
    larger = study.jobs(config, lab)[study.name_of(0.0, 120, 4)].dataset.train
    there = (smaller.inputs[:, None] == larger.inputs).flatten(2).all(2).any(1)
    assert there.all()
    noisier = study.jobs(config, lab)[study.name_of(0.4, 120, 4)].dataset.train
    assert torch.equal(noisier.inputs, larger.inputs)
    assert not torch.equal(noisier.labels, larger.labels)


def test_trainings_that_share_images_share_their_memory(tmp_path):
    config = replace(study.QUICK, seeds=(0, 4))
    jobs = study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))
    places = {job.dataset.train.inputs.data_ptr() for job in jobs.values()}
    assert len(places) <= len(config.images) * len(config.seeds) < len(jobs)


def test_cross_entropy_is_entropy_plus_divergence():
    p, q = nats._distributions(2, 7, Streams(0).get("p and q"))
    assert (p.sum().item(), q.sum().item()) == (pytest.approx(1), pytest.approx(1))
    total = nats.entropy(p) + nats.divergence(p, q)
    assert nats.cross_entropy(p, q).item() == pytest.approx(total.item())
    assert nats.divergence(p, p).item() == 0
    assert nats.divergence(p, q) > 0
    by_hand = sum(a * math.log(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True))
    assert nats.divergence(p, q).item() == pytest.approx(by_hand)


def test_what_cannot_happen_costs_nothing_and_what_is_held_impossible_everything():
    p, q = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    assert nats.entropy(p) == 0
    assert nats.divergence(p, q).item() == pytest.approx(math.log(2))
    assert nats.divergence(q, p) == nats.cross_entropy(q, p) == math.inf
    assert nats.entropy(torch.full((8,), 1 / 8)).item() == pytest.approx(math.log(8))


def test_the_slides_figures_are_those_of_what_the_label_is_given():
    label = torch.tensor([0.0, 1.0, 0.0])
    found = [nats.cross_entropy(label, torch.tensor(output)).item() for output in nats.SLIDES]
    assert [round(one, 3) for one in found] == [0.916, 0.020]
    assert [sum(output) for output in nats.SLIDES] == pytest.approx([1, 1])
    other = torch.tensor([0.6, 0.4, 0.0])  # however the rest is shared out
    assert nats.cross_entropy(label, other).item() == pytest.approx(found[0])


def test_the_conditional_entropy_is_that_of_a_noisy_label():
    for share, classes in ((0.0, 10), (0.2, 10), (0.6, 3), (1.0, 4)):
        p = nats.noisy_labels(share, classes)
        assert p.sum().item() == pytest.approx(1)
        exact = nats.conditional_entropy(share, classes)
        assert exact == pytest.approx(nats.entropy(p).item(), abs=1e-15)
    assert nats.conditional_entropy(1.0, 10) == pytest.approx(math.log(10))


def test_labels_drawn_anew_are_distributed_as_the_formula_says():
    data = load("digits")
    right = data.train.labels
    seen = [nats.relabelled(data, 0.4, seed).train.labels for seed in range(30)]
    shift = torch.cat([(labels - right) % 10 for labels in seen])
    shares = shift.bincount(minlength=10) / len(shift)
    assert shares.numpy() == pytest.approx(nats.noisy_labels(0.4, 10).numpy(), abs=0.01)


def test_the_expected_loss_is_the_mean_over_labels_drawn():
    generator = Streams(0).get("outputs")
    outputs, labels = torch.randn(6, 4, generator=generator), torch.tensor([0, 1, 2, 3, 1, 0])
    split = Split(torch.zeros(6, 1), labels)
    assert nats.expected_loss(outputs, split, 0.0) == pytest.approx(
        torch_loss(outputs, labels).item(), rel=1e-6
    )
    p = torch.stack([nats.noisy_labels(0.3, 4).roll(int(label)) for label in labels])
    q = outputs.double().softmax(1)
    expected = nats.cross_entropy(p, q).mean().item()
    assert nats.expected_loss(outputs, split, 0.3) == pytest.approx(expected)
    assert expected >= nats.conditional_entropy(0.3, 4)


def test_the_most_likely_distribution_is_the_frequencies():
    (row,) = nats.tables(0, classes=3, many=200_000, labels=50, steps=3000)
    assert row["loss"] == pytest.approx(row["least"], abs=1e-3)
    assert row["loss"] >= row["least"] - 1e-12
    assert row["cross"] == pytest.approx(row["entropy"] + row["divergence"], abs=0.02)


def test_newton_finds_where_gradient_descent_goes():
    generator = Streams(0).get("softmax")
    inputs = torch.randn(2, 200, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 200), generator=generator)
    found = nats.most_likely(inputs, labels, 3)
    weights = torch.zeros(2, 3, 2, dtype=torch.float64, requires_grad=True)
    for _ in range(500):
        loss = -nats._log_softmax(inputs, weights).gather(2, labels[..., None]).mean((1, 2)).sum()
        (slope,) = torch.autograd.grad(loss, weights)
        weights = (weights - slope).detach().requires_grad_()
    assert torch.allclose(found, weights, atol=1e-6)


def test_labels_that_can_be_told_apart_without_an_error_are_refused():
    inputs = torch.tensor([[[-2.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [2.0, 1.0]]]).double()
    labels = torch.tensor([[0, 0, 1, 1]])
    with pytest.raises(ValueError, match="no weights make the labels of 4 examples most likely"):
        nats.most_likely(inputs, labels, 2)


def test_a_right_model_is_off_by_half_a_parameter_an_example():
    options = {"features": 3, "classes": 2, "draws": 200, "test": 200}
    (row,) = nats.right_model(0, [400], **options)
    exact = nats.excess_of(4, 400)
    # χ² of 4 degrees over 200 draws has a relative standard error of √(2/4/200) = 5 %.
    assert row["excess"] == pytest.approx(exact, rel=0.2)
    assert row["gain"] == pytest.approx(exact, rel=0.2)
    assert 0 < row["entropy"] < np.log(2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"images": (10_000, 2_500)},
            "images must be 2 or more whole numbers above 0 in ascending",
        ),
        ({"sizes": (100, 200)}, r"sizes must have one of at least 800, got \(100, 200\)"),
        ({"noises": (0.2,)}, "noises must be two or more shares in .* in ascending order, got"),
        ({"noises": (0.2, 1.2)}, "noises must be two or more shares in .* in ascending order, got"),
        ({"noises": (0.2, 0.0)}, "noises must be two or more shares in .* in ascending order, got"),
        ({"outcomes": 1}, "outcomes must be a whole number of at least 2, got 1"),
        ({"classes": 1}, "classes must be a whole number of at least 2, got 1"),
        ({"draws": 0}, "draws must be a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.PAPER, **change)
