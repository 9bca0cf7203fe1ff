"""Claims E8g to E8k on planted tables: errors by width, step, number of images and shifts."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from surfeit.core import evaluate
from surfeit.data import pooled
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _deep_descent as measured
from surfeit.studies import convolution_descent as study
from surfeit.studies.convolution_descent import turning_points
from surfeit.train import Recipe

CONFIG = replace(
    study.LAPTOP, images=(700, 1_000, 2_000), widths=(1, 2, 4, 8, 16), recipe=Recipe(steps=300)
)
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
FEW, NOISY, MANY = CONFIG.by_images
RIGHT, MOVED = CONFIG.right, CONFIG.moved
# Of each arm the errors at the end in percent by width.
TRAINING = {
    RIGHT: (12.0, 2.0, 0.0, 0.0, 0.0),
    NOISY: (30.0, 14.0, 0.5, 0.0, 0.0),
    MOVED: (40.0, 30.0, 14.0, 2.0, 0.0),
    FEW: (20.0, 6.0, 0.0, 0.0, 0.0),
    MANY: (35.0, 22.0, 14.0, 1.0, 0.0),
}
TEST = {
    RIGHT: (24.0, 18.0, 14.0, 12.0, 11.0),
    NOISY: (33.0, 34.0, 40.0, 30.0, 24.0),
    MOVED: (36.0, 26.0, 24.0, 30.0, 22.0),
    FEW: (40.0, 46.0, 38.0, 34.0, 30.0),
    MANY: (26.0, 22.0, 24.0, 29.0, 20.0),
}
STEPS = CONFIG.steps
COURSE = (80.0, 20.0, 18.0, 25.0, 29.0, 32.0, 28.0, 26.0)  # and what TEST says, in the end


def _wobble(values, *at):
    """One value a seed, a little apart."""
    swings = np.random.default_rng([*at]).normal(size=SEEDS).clip(-2, 2)
    return [values * (1 + 0.005 * swing) for swing in swings]


def _table(**others):
    """The end of each training, and the course of those with noisy labels.

    Args:
        others: `test` or `train`: a value a seed in percent, by arm and width, and by arm, width
            and step.
    """
    rows = []
    for number, arm in enumerate(CONFIG.arms):
        for at, width in enumerate(CONFIG.widths):
            for step in STEPS if arm == NOISY else STEPS[-1:]:
                last = step == STEPS[-1]
                place = STEPS.index(step)
                values = {"test": TEST[arm][at] if last else COURSE[place]}
                values["train"] = TRAINING[arm][at] if last else 50.0
                found = {}
                for name, value in values.items():
                    given = others.get(name, {})
                    own = given.get((arm, width)) if last else None
                    own = given.get((arm, width, step), own)
                    found[name] = own or _wobble(value, number, at, place, len(name))
                for seed in CONFIG.seeds:
                    test, train = (
                        None if found[name][seed] is None else found[name][seed] / 100
                        for name in ("test", "train")
                    )
                    errors = {"test_error": test, "train_error": train, "validation_error": test}
                    fits = train is not None and train <= CONFIG.fitted
                    here = {**arm._asdict(), "width": width, "seed": seed, "step": step}
                    rows.append({**here, **errors, "fits": fits, "run": "0" * 64})
    return pa.Table.from_pylist(rows)


def _judged(claim, table, config=CONFIG):
    return next(one for one in study.verdicts(table, config) if one.claim == claim)


def test_all_claims_hold_of_peaks_that_move():
    found = study.verdicts(_table(), CONFIG)
    assert {one.claim: one.ruling for one in found} == {
        claim.id: "supported" for claim in study.CLAIMS
    }
    assert "With k = 1, 4, which just fits, and 16 33." in found[0].says
    assert "after 25 steps, 32." in found[1].says
    assert "With 700 images test error peaks at k = 2, and one image in ten" in found[2].says
    assert found[3].says == "Test error peaks at k = 2 with 700 images and at 7.2 with 2,000."
    assert found[4].says.startswith("Test error peaks at k = 3.7, and at 7.6 with images that")


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize(
    ("part", "width", "arm", "other"),
    [
        ("above the narrowest", 1, NOISY, (NOISY, 4)),
        ("above the widest", 16, NOISY, (NOISY, 4)),
        ("right labels", 4, RIGHT, (RIGHT, 1)),
    ],
)
def test_the_width_that_just_fits_is_held_against_others(
    planted_three, ruling, part, width, arm, other
):
    values = planted_three(CONFIG.margin, 0.05, SEEDS)[ruling]
    base = [40.0] * SEEDS
    test = {other: base, (arm, width): [b - v for b, v in zip(base, values, strict=True)]}
    found = _judged("E8g", _table(test=test))
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == pytest.approx(np.mean(values))
        assert f"decided by {part}" in found.doubt


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("part", ["the rise", "the second fall"])
def test_by_steps_the_widest_is_to_rise_and_to_fall_again(planted_three, ruling, part):
    values = planted_three(CONFIG.margin, 0.05, SEEDS)[ruling]
    course = dict(zip(STEPS, (*COURSE, 24.0), strict=True))
    low, peak = 25, 100
    course[peak] = 40.0
    at = low if part == "the rise" else STEPS[-1]
    sure = [20.0, 20.1, 20.2, 20.1, 19.9, 20.0]
    test = {(NOISY, 16, step): [value] * SEEDS for step, value in course.items()}
    test |= {(NOISY, 16, step): [40.0 - one for one in sure] for step in (low, STEPS[-1])}
    test[NOISY, 16, at] = [course[peak] - value for value in values]
    table = _table(test=test)
    chosen = {low: 18.0, peak: 40.0}  # by validation images
    rows = [
        row | {"validation_error": chosen.get(row["step"], 0.30 * 100) / 100}
        if row["width"] == 16
        else row
        for row in table.to_pylist()
    ]
    found = _judged("E8h", pa.Table.from_pylist(rows))
    assert found.ruling == ruling
    if ruling != "supported":
        assert f"decided by {part}" in found.doubt
        assert found.effect == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("peak", "ruling"), [(2, "supported"), (16, "contradicted"), (None, "inconclusive")]
)
def test_the_peak_is_held_against_the_effective_complexity(peak, ruling):
    peaks = [peak] * SEEDS if peak else [2, 8] * 3
    test = {
        (NOISY, width): [30.0 + 20.0 * (width == one) for one in peaks] for width in CONFIG.widths
    }
    found = _judged("E8i", _table(test=test))
    assert found.ruling == ruling
    if ruling != "supported":
        assert "decided by 1,000 images" in found.doubt


@pytest.mark.parametrize(
    ("peaks", "ruling"),
    [((8,) * 6, "supported"), ((4,) * 6, "contradicted"), ((8, 2) * 3, "inconclusive")],
)
@pytest.mark.parametrize(("claim", "arm"), [("E8j", MANY), ("E8k", MOVED)])
def test_the_peak_is_to_move_to_wider_networks(claim, arm, peaks, ruling):
    against = FEW if claim == "E8j" else NOISY
    fixed = 8 if ruling == "contradicted" else 4
    test = {
        place: [20.0 + 20.0 * (width == one) + 0.1 * seed * (width == 2) for seed, one in own]
        for width in CONFIG.widths
        for place, own in (
            ((arm, width), enumerate(peaks)),
            ((against, width), enumerate([fixed] * SEEDS)),
        )
    }
    assert _judged(claim, _table(test=test)).ruling == ruling


def test_the_width_that_just_fits_is_chosen_by_training_errors_of_noisy_labels():
    assert study.threshold(_table()) == 4
    assert study.threshold(_table(train={(NOISY, 4): [0.5] * 5 + [1.1]})) == 8
    assert study.threshold(_table(train={(MANY, 16): [5.0] * SEEDS})) == 4
    assert study.threshold(_table(train={(NOISY, 16): [5.0] * SEEDS})) is None


def test_where_no_inner_width_just_fits_the_peak_is_not_judged():
    table = _table(train={(NOISY, 8): [5.0] * SEEDS})
    found = _judged("E8g", table)
    assert found.ruling == "inconclusive"
    assert "no width between the narrowest and the widest" in found.doubt
    assert study.figure(table).axes


@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_what_was_not_measured_decides_nothing(claim):
    lost = {(arm, 4): [None, *_wobble(40.0, 1)[1:]] for arm in (NOISY, FEW, MOVED)}
    lost[NOISY, 16] = lost[NOISY, 4]
    assert _judged(claim, _table(test=lost)).ruling == "inconclusive"


def test_one_seed_decides_nothing():
    rows = [row for row in _table().to_pylist() if row["seed"] == 0]
    found = study.verdicts(pa.Table.from_pylist(rows), replace(CONFIG, seeds=(0,)))
    assert {one.ruling for one in found} == {"inconclusive"}


@pytest.mark.parametrize(
    ("errors", "places"),
    [
        ((9.0, 3.0, 5.0, 4.0), (1, 2)),
        ((9.0, 8.0, 7.0, 6.0), (0, 1)),
        ((1.0, np.nan, 3.0, 2.0), (0, 2)),
        ((2.0, 6.0, 1.0, 4.5), (0, 1)),
    ],
)
def test_turning_points_are_those_of_the_largest_rise(errors, places):
    found = turning_points(np.array(errors))
    assert found == places
    rises = [later - one for at, one in enumerate(errors) for later in errors[at + 1 :]]
    assert errors[places[1]] - errors[places[0]] == np.nanmax(rises)


@pytest.mark.parametrize("top", [1.3, 2.0, 2.9])
def test_a_summit_is_that_of_the_parabola(top):
    places = np.log2([1, 2, 3, 4, 8, 16])
    assert study.summit(places, 5 - (places - top) ** 2) == pytest.approx(top)


def test_a_summit_at_an_end_is_the_end_and_a_missing_value_is_none():
    places = np.array([0.0, 1.0, 2.0])
    assert study.summit(places, np.array([3.0, 2.0, 1.0])) == 0
    assert study.summit(places, np.array([1.0, 2.0, 3.0])) == 2
    assert study.summit(places, np.array([2.0, 2.0, 2.0])) == 0
    assert np.isnan(study.summit(places, np.array([1.0, np.nan, 0.0])))


def test_the_figure_has_arms_widths_steps_and_numbers_of_images():
    axes = study.figure(_table()).axes
    labels = [[text.get_text() for text in one.get_legend().get_texts()] for one in axes]
    noise = ["right labels", "20 % wrong labels", "20 % wrong labels, shifted images"]
    assert labels[:2] == [noise, noise]
    assert labels[2] == ["k = 1", "k = 4, just fits", "k = 16"]
    assert labels[3] == ["700 images", "1,000 images", "2,000 images"]
    drawn = axes[0].lines[2].get_ydata()
    assert drawn == pytest.approx([value / 100 for value in TEST[NOISY]], rel=0.02)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"widths": (1, 2)}, "widths must be 3 or more whole numbers above 0"),
        ({"images": (1_000,)}, "images must be 2 or more whole numbers above 0"),
        ({"whole": 900}, r"whole must be one of the images \(700, 1000, 2000\), got 900"),
        ({"noise": 0.0}, "noise must be a share between 0 and 1, got 0.0"),
        ({"noise": 1.0}, "noise must be a share between 0 and 1, got 1.0"),
        ({"recipe": Recipe(epochs=3)}, "recipe must count steps"),
        ({"recipe": Recipe(steps=3, augmentation="shift")}, "not augment of its own"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **changed)


def test_arms_differ_in_one_thing_each_and_are_trained_on_what_they_say(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    jobs = study.jobs(study.QUICK, lab)
    config = study.QUICK
    assert len(jobs) == len(config.arms) * len(config.widths) * len(config.seeds)
    of = {arm: jobs[study.name_of(arm, 2, 1)] for arm in config.arms}
    noisy, right, moved = of[config.noisy], of[config.right], of[config.moved]
    assert moved.recipe == replace(
        noisy.recipe, augmentation="shift", augmentation_pixels=config.pixels
    )
    assert moved.dataset.fingerprint == noisy.dataset.fingerprint != right.dataset.fingerprint
    wrong = noisy.dataset.train.labels != right.dataset.train.labels
    assert int(wrong.sum()) == round(config.noise * config.whole)
    assert len(of[config.by_images[0]].dataset.train) == config.images[0]
    assert len({job.key for job in jobs.values()}) == len(jobs)


def test_rows_have_the_errors_of_steps_kept(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = replace(study.QUICK.recipe, steps=20)
    config = replace(study.QUICK, widths=(1, 2, 3), recipe=recipe, seeds=(5,))
    table = list(study.rows(config, lab))
    steps = [row["step"] for row in table if row["width"] == 2]
    assert steps == [20, 10, 16, 20, 20, 20]
    row = next(row for row in table if row["width"] == 2 and row["step"] == 16)
    data = measured.noisy(pooled(lab.data(config.data), 1), config.whole, config.noise, 5)
    run = lab.store.find(row["run"])
    network = run.model()
    right = evaluate(network, run.tensors(16), data.test).accuracy
    assert row["test_error"] == 1 - right
