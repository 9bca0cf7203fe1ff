"""Claims E6a to E6f on planted tables, and the networks of XORD by all of their inputs."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.studies.conftest import plant, plant_three
from tests.studies.planted import rulings
from torch import nn

from surfeit.core import Streams, hinge, parameters
from surfeit.data import from_tensors, xord_data
from surfeit.data.xord import PATTERNS, pattern_sets
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.similarity import within_over_between
from surfeit.store import Store
from surfeit.studies import _xord as beside
from surfeit.studies import xord as study

CONFIG = study.LAPTOP
SEEDS, IMAGES = CONFIG.seeds, CONFIG.seeds[: CONFIG.image_seeds]
NARROW, WIDE = CONFIG.widths[0], CONFIG.widths[-1]
RULINGS = ("supported", "contradicted", "inconclusive")
ANGLES = {"E6c": ("xord filters", 20.0, CONFIG.margin), "E6d": ("image filters", 60.0, 1.0)}


def _row(part, seed, **values):
    return {"part": part, "seed": seed, **dict.fromkeys(study._COLUMNS), **values, "run": "0" * 64}


def _networks(missed, unfit):
    """All fit and narrow ones miss a pattern, but for `{(loss, width): a number a seed}`."""
    for loss, width, seed in product(study.LOSSES, CONFIG.widths, SEEDS):
        default = {(seed): int(width == NARROW) for seed in SEEDS}
        count = missed.get((loss, width), default)[seed]
        error = 0.5 if seed in unfit.get((loss, width), ()) else 0.0
        found = {"missed": count, "wrong_sets": count, "wrong_inputs": count / 40}
        yield _row("xord", seed, loss=loss, width=width, train_error=error, **found)


def _filters(claim, gained):
    """Two filters a seed, a degree on either side of the mean; the null is as the start."""
    part, start, _ = ANGLES[claim]
    for seed, gain in zip(SEEDS if claim == "E6c" else IMAGES, gained, strict=False):
        for unit, off in enumerate((-1.0, 1.0)):
            about = {"before": start + off, "after": start - gain + off, "chance": start + off}
            yield _row(part, seed, unit=unit, **about, chance_mean=start, below=0.0)


def _table(*, missed=None, unfit=None, gained=None, halvings=None):
    rows = list(_networks(missed or {}, unfit or {}))
    for claim in ANGLES:
        n = len(SEEDS) if claim == "E6c" else len(IMAGES)
        rows += _filters(claim, (gained or {}).get(claim, plant(9.0, 0.5, n)))
    given = halvings or plant(2.0, 0.1, len(IMAGES))
    for seed, one in zip(IMAGES, given, strict=True):
        ends = (
            {"first": None, "last": None} if one is None else {"first": 0.8, "last": 0.8 / 2**one}
        )
        rows.append(_row("images", seed, train_error=0.0, fitted=3, **ends))
    return pa.Table.from_pylist(rows)


def _judged(claim, table):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_wide_networks_find_all_and_filters_gather():
    found = study.verdicts(_table(), CONFIG)
    assert rulings(found) == dict.fromkeys([claim.id for claim in study.CLAIMS], "supported")
    assert found[0].says == (
        "Both fit in 24 of 24 seeds. All patterns are found in 24 of these by 120 filters a sign, "
        "in 0 by 2."
    )
    assert "20.0 degrees from the nearest centre at the start and 11.0 at the end" in found[2].says


FOUND = {  # by wide and by narrow networks: what a seed's networks miss
    "supported": (lambda at: 0, lambda at: 1),
    "contradicted": (lambda at: 2, lambda at: 0),
    "inconclusive": (lambda at: at % 2, lambda at: (at + 1) % 2),
}


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize(("claim", "loss"), [("E6a", "wide margin"), ("E6f", "hinge")])
def test_wide_networks_find_patterns_more_often(claim, loss, ruling):
    wide, narrow = FOUND[ruling]
    missed = {
        (loss, WIDE): {seed: wide(seed) for seed in SEEDS},
        (loss, NARROW): {seed: narrow(seed) for seed in SEEDS},
    }
    assert _judged(claim, _table(missed=missed)).ruling == ruling


def test_seeds_of_which_a_network_does_not_fit_are_left_out():
    """The wide networks of those seeds miss patterns: among all seeds that would decide."""
    unfit = {("wide margin", NARROW): SEEDS[:14]}
    missed = {("wide margin", WIDE): {seed: int(seed < 14) for seed in SEEDS}}
    found = _judged("E6a", _table(missed=missed, unfit=unfit))
    assert (found.ruling, found.n, found.effect) == ("supported", 10, 1.0)
    assert found.says.startswith("Both fit in 10 of 24 seeds.")


def test_too_few_that_fit_decide_nothing():
    found = study.verdicts(_table(unfit={("hinge", NARROW): SEEDS[1:]}), CONFIG)
    assert rulings(found)["E6f"] == "inconclusive"
    assert found[-1].doubt == "narrow and wide networks fit in 1 of 24 seeds only"
    assert rulings(found)["E6b"] == "inconclusive"


@pytest.mark.parametrize("loss", study.LOSSES)
@pytest.mark.parametrize(
    ("ruling", "share"), [("supported", 1.0), ("contradicted", 0.05), ("inconclusive", 0.6)]
)
def test_more_than_half_of_the_narrow_miss_a_pattern_by_either_loss(loss, ruling, share):
    count = round(share * len(SEEDS))
    missed = {(loss, NARROW): {seed: int(seed < count) for seed in SEEDS}}
    found = _judged("E6b", _table(missed=missed))
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == count / len(SEEDS)
        assert f"decided by {loss}" in found.doubt


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize("claim", ["E6c", "E6d"])
def test_filters_gather_from_the_start_and_from_random_directions(claim, ruling):
    n = len(SEEDS) if claim == "E6c" else len(IMAGES)
    values = plant_three(ANGLES[claim][2], 0.5, n)[ruling]
    found = _judged(claim, _table(gained={claim: values}))
    assert found.ruling == ruling
    assert found.effect == pytest.approx(np.mean(values))


def test_filters_no_nearer_than_random_directions_do_not_gather():
    table = _table().to_pylist()
    for row in table:
        if row["part"] == "xord filters":
            row["chance_mean"] = 11.0 + 0.01 * row["seed"]  # as near, within the margin
    found = _judged("E6c", pa.Table.from_pylist(table))
    assert (found.ruling, found.doubt) == ("contradicted", "decided by random directions")


@pytest.mark.parametrize("ruling", RULINGS)
def test_outputs_collapse_by_half(ruling):
    values = plant_three(CONFIG.halvings, 0.1, len(IMAGES))[ruling]
    found = _judged("E6e", _table(halvings=values))
    assert found.ruling == ruling
    assert found.effect == pytest.approx(np.mean(values))


def test_a_network_that_never_fits_leaves_the_collapse_undecided():
    found = _judged("E6e", _table(halvings=[None, *plant(2.0, 0.1, len(IMAGES) - 1)]))
    assert (found.ruling, found.doubt) == ("inconclusive", "1 of 6 values missing or not finite")


def test_the_figure_has_networks_both_kinds_of_filters_and_collapse():
    widths, plane, images, outputs = study.figure(_table()).axes
    labels = [text.get_text() for text in widths.get_legend().get_texts()]
    assert labels == ["fit, with margin 8", "of these find all patterns", "the same with margin 1"]
    for axes, mean in ((plane, "11.0°"), (images, "51.0°")):
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert f"after training, mean {mean}" in legend
    assert len(outputs.lines) == len(IMAGES) + 1  # and the half that E6e asks for


# What the networks answer


def network(weights, pairs=4):
    """Filters of +1 and of −1, as rows."""
    model = beside.xord_network(pairs, len(weights) // 2, 1.0, Streams(0).get("init"))
    with torch.no_grad():
        model.get_parameter("filters.weight").copy_(torch.tensor(weights)[:, None])
    return model


def run_of(*models, seed=0):
    """What is read of a run, with a model a step."""
    return SimpleNamespace(
        config={"seed": seed},
        steps=lambda: list(range(len(models))),
        model=lambda step=None: models[-1 if step is None else step],
        tensors=lambda step=None: parameters(models[-1 if step is None else step]),
    )


def every_input(pairs):
    return torch.tensor(list(product((1.0, -1.0), repeat=2 * pairs)))


def random_network(filters, pairs):
    return beside.xord_network(pairs, filters, 0.5, Streams(3).get("init"))


def test_the_output_is_the_sum_of_largest_responses_of_either_sign():
    model, inputs = random_network(3, 3), every_input(3)
    filters = model.get_parameter("filters.weight")[:, 0].detach()
    for signs, output in zip(inputs, model(inputs)[:, 0].tolist(), strict=True):
        responses = [
            max(max(0.0, float(own @ pair)) for pair in signs.view(3, 2)) for own in filters
        ]
        assert output == pytest.approx(sum(responses[:3]) - sum(responses[3:]), abs=1e-5)


def test_the_order_of_pairs_and_of_filters_of_a_sign_changes_nothing():
    model, inputs = random_network(4, 3), every_input(3)
    outputs = model(inputs)
    moved = inputs.view(-1, 3, 2)[:, [2, 0, 1]].flatten(1)
    assert torch.allclose(model(moved), outputs)
    filters = model.get_parameter("filters.weight")
    with torch.no_grad():
        filters.copy_(filters[[2, 0, 3, 1, 7, 5, 6, 4]])
    assert torch.allclose(model(inputs), outputs, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "missed", "sets"),
    [
        # Both equal pairs outweigh both unequal ones: all is found.
        ([(2.0, 2.0), (-2.0, -2.0), (0.5, -0.5), (-0.5, 0.5)], 0, 0),
        # No filter of (−1, −1): wrong wherever it is the only equal pair.
        ([(2.0, 2.0), (2.0, 2.0), (0.5, -0.5), (-0.5, 0.5)], 1, 4),
        # Equal pairs outweigh unequal ones together alone; with one unequal pair they are found.
        ([(1.0, 1.0), (-1.0, -1.0), (0.7, -0.7), (-0.7, 0.7)], 2, 2),
        # All inputs are positive: the unequal ones alone are wrong, and all of them together.
        ([(2.0, 1.0), (-2.0, -1.0), (0.1, -0.1), (-0.1, 0.1)], 2, 3),
    ],
)
def test_missed_patterns_are_counted_as_by_all_inputs(weights, missed, sets):
    pairs, model = 4, network(weights)
    (found,) = beside.patterns_found(run_of(model), pairs, 40, 1.0, "hinge")
    inputs = every_input(pairs)
    labels = (inputs.view(-1, pairs, 2).prod(2) > 0).any(1)
    with torch.no_grad():
        wrong = (model(inputs)[:, 0] > 0) != labels
    shares = [float(wrong[labels == label].double().mean()) for label in (True, False)]
    assert found["wrong_inputs"] == pytest.approx(sum(shares) / 2)
    kinds = {True: PATTERNS[:2], False: PATTERNS[2:]}
    alone, erred = set(), set()
    for signs, label in zip(inputs[wrong], labels[wrong], strict=True):
        there = {tuple(map(int, pair)) for pair in signs.view(pairs, 2).tolist()}
        own = there & set(kinds[bool(label)])
        alone |= own if len(own) == 1 else set()
        erred.add(frozenset(there))
    assert (found["missed"], found["wrong_sets"]) == (len(alone), len(erred)) == (missed, sets)


def test_all_answers_follow_from_the_test_split():
    model, pairs = random_network(2, 5), 5
    data = xord_data(pairs, 10, Streams(0).get("examples"))
    answer = dict(zip(pattern_sets(pairs), model(data.test.inputs)[:, 0].tolist(), strict=True))
    inputs = every_input(pairs)
    for signs, output in zip(inputs, model(inputs)[:, 0].tolist(), strict=True):
        own = frozenset(PATTERNS.index(tuple(map(int, p))) for p in signs.view(-1, 2).tolist())
        assert output == pytest.approx(answer[own], abs=1e-5)


def test_the_wide_margin_is_eight_for_positive_examples_and_one_for_negative_ones():
    outputs = torch.tensor([[9.0], [7.0], [-2.0], [-2.0], [0.5]])
    targets = torch.tensor([1, 1, 1, 0, 0])
    assert beside.wide_margin(outputs, targets).item() == pytest.approx((0 + 1 + 10 + 0 + 1.5) / 5)
    negative = targets == 0  # there both losses are one
    assert beside.wide_margin(outputs[negative], targets[negative]) == hinge.loss(
        outputs[negative], targets[negative]
    )


def test_networks_of_a_seed_share_examples_and_keep_their_output_weights(tmp_path):
    config = replace(
        study.QUICK, widths=(1, 2), seeds=(5, 6), image_seeds=1, centres=2,
        recipe=replace(study.QUICK.recipe, steps=5),
    )  # fmt: skip
    jobs = study.xord_jobs(config)
    by_seed = {seed: {job.dataset.fingerprint for job in jobs.values() if job.seed == seed}
               for seed in (5, 6)}  # fmt: skip
    assert all(len(one) == 1 for one in by_seed.values())
    assert by_seed[5] != by_seed[6]
    runs = Lab(Store(tmp_path), engine=InProcess()).train(
        {name: job for name, job in jobs.items() if job.seed == 5}
    )
    for run in runs.values():
        weights = run.tensors()["output.weight"][0]
        assert weights.tolist() == [1.0] * (len(weights) // 2) + [-1.0] * (len(weights) // 2)
        assert not torch.equal(run.tensors()["filters.weight"], run.tensors(0)["filters.weight"])


def _descended(filters, weights, *, rate, steps):
    """Filters [2 k, 2] after gradient descent on sets of patterns alone, each with its weight."""
    patterns = torch.tensor(PATTERNS, dtype=torch.float64)
    filters = filters.double().requires_grad_()
    signs = torch.tensor([1.0] * (len(filters) // 2) + [-1.0] * (len(filters) // 2)).double()
    for _ in range(steps):
        responses, loss = (filters @ patterns.T).relu(), torch.zeros((), dtype=torch.float64)
        for own, weight in weights.items():
            output = responses[:, sorted(own)].amax(1) @ signs
            margin = 8.0 - output if own & {0, 1} else 1.0 + output
            loss = loss + weight * margin.relu()
        (slope,) = torch.autograd.grad(loss, filters)
        filters = (filters - rate * slope).detach().requires_grad_()
    return filters.detach()


def test_a_training_is_gradient_descent_on_the_sets_of_its_examples(tmp_path):
    config = replace(
        study.QUICK, widths=(1, 6), seeds=(7,), image_seeds=1, centres=2,
        recipe=replace(study.QUICK.recipe, steps=40),
    )  # fmt: skip
    name = study.name_of("wide margin", 6, 7)
    job = study.xord_jobs(config)[name]
    run = Lab(Store(tmp_path), engine=InProcess()).train({name: job})[name]
    sets = [
        frozenset(PATTERNS.index(tuple(map(int, p))) for p in signs.view(-1, 2).tolist())
        for signs in job.dataset.train.inputs
    ]
    weights = {own: sets.count(own) / len(sets) for own in set(sets)}
    start = run.tensors(0)["filters.weight"][:, 0]
    wanted = _descended(start, weights, rate=config.recipe.lr, steps=40)
    assert torch.allclose(run.tensors()["filters.weight"][:, 0].double(), wanted, atol=1e-4)
    assert not torch.allclose(start.double(), wanted, atol=0.1)


def test_angles_of_filters_are_those_before_after_and_of_random_directions():
    directions = [list(map(float, one)) for one in PATTERNS]
    before, after = random_network(10, 3), network(directions * 5, 3)
    rows = list(beside.filter_angles(run_of(before, after), 4, 5))
    assert [row["unit"] for row in rows] == list(range(20))
    assert max(row["after"] for row in rows) < 1e-3
    assert 5 < np.mean([row["before"] for row in rows]) < 22.5
    assert 10 < rows[0]["chance_mean"] < 22.5
    assert {row["below"] for row in rows} == {0.0}


def _line(scale, flipped=False):
    """Outputs scaled along both classes' direction; the last layer reads their sign."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    sign = -1.0 if flipped else 1.0
    with torch.no_grad():
        model[0].weight.copy_(torch.diag(torch.tensor([1.0, scale])))
        model[1].weight.copy_(sign * torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    return model


def test_collapse_is_measured_at_the_first_step_without_an_error_and_at_the_last():
    inputs = torch.tensor([[1.0, 0.3], [2.0, -1.0], [-1.0, 0.4], [-2.5, 1.0]])
    labels = torch.tensor([0, 0, 1, 1])
    split = (inputs, labels)
    data = from_tensors("line", train=split, validation=split, test=split)
    models = [_line(1.0, flipped=True), _line(3.0), _line(2.0), _line(0.5)]
    (found,) = beside.collapse(run_of(*models), data, 4)
    assert (found["fitted"], found["train_error"]) == (1, 0.0)
    for name, step in (("first", 1), ("last", 3)):
        outputs = models[step][0](inputs)
        assert found[name] == pytest.approx(within_over_between(outputs, labels))
    (never,) = beside.collapse(run_of(*models[:1]), data, 4)
    assert never == {"fitted": None, "first": None, "last": None, "train_error": 1.0}
    (late,) = beside.collapse(run_of(*models[:2]), data, 4)
    assert (late["fitted"], late["first"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widths": (0, 4)}, r"widths must be 2 or more whole numbers above 0 in ascending order"),
        ({"widths": (4,)}, r"widths must be 2 or more whole numbers above 0"),
        ({"pairs": 1}, r"pairs must be a whole number of at least 2, got 1"),
        ({"examples": 1}, r"examples must be a whole number of at least 2, got 1"),
        ({"diverse": 0.0}, r"the share of diverse examples must be in \(0, 1\], got 0.0"),
        (
            {"centres": 33},
            r"centres must be in \[1, 32\], no more than a layer has filters, got 33",
        ),
        ({"centres": 0}, r"centres must be in \[1, 32\]"),
        ({"filters": 0}, r"filters must be a whole number of at least 1, got 0"),
        ({"kernel": 0}, r"kernel must be a whole number of at least 1, got 0"),
        ({"hidden": 0}, r"hidden must be a whole number of at least 1, got 0"),
        ({"draws": 0}, r"draws must be a whole number of at least 1, got 0"),
        ({"start": 0.0}, r"start must be above 0 and finite, got 0.0"),
        ({"examples": 41}, r"batches must be whole, of 41 examples or more, got 40"),
        ({"image_seeds": 0}, r"image_seeds must be a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_be_trained_or_judged_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


@pytest.mark.parametrize(("change", "words"), [
    ({"kernel": 9}, r"a kernel of 9 x 9 needs images that are no smaller, got inputs of shape"),
    ({"images": 3}, r"images must be in \[10, 1,077\]"),
])  # fmt: skip
def test_images_that_are_too_small_or_too_few_are_refused(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        study.image_jobs(replace(study.QUICK, **change), Lab(Store(tmp_path), engine=InProcess()))
