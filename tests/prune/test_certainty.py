"""Bounds on how many removals are within what may be lost."""

import numpy as np
import pytest
import torch

from surfeit.prune.certainty import examples_needed, possible_loss, removal_bounds
from surfeit.prune.removable import removable
from surfeit.prune.tango import tango_score, threshold

REMOVALS, TRUE = 60, 25  # of which so many are within what may be lost
LOSS = 0.02


def counts(*values):
    return torch.tensor(values)


def bounds(lost, gained=None, *, examples=1000, **options):
    lost = counts(*lost)
    return removal_bounds(
        lost,
        torch.zeros_like(lost) if gained is None else counts(*gained),
        examples=examples,
        **options,
    )


def test_bounds_follow_their_definition_step_by_step():
    lost, gained, n = (0, 0, 1, 4, 9, 3, 25, 9, 31, 40), (0, 0, 0, 1, 0, 2, 1, 0, 0, 2), 1000
    low, high = (threshold(n, 0.01, 0.025, side) for side in ("lower", "upper"))
    scores = [tango_score(b, c, examples=n, loss=0.01) for b, c in zip(lost, gained, strict=True)]
    lower = upper = 0
    for k in range(1, 10):
        if scores[k] > -low:
            break
        lower = k
    for k in range(9, 0, -1):
        if scores[k] < high:
            upper = k
            break
    found = bounds(lost, gained)
    assert (found.lower, found.upper) == (lower, upper) == (3, 7)
    assert (found.confidence, found.examples) == (0.95, 1000)


def test_a_recovery_counts_for_the_upper_bound_alone():
    found = bounds((0, 0, 90, 0, 0, 90), examples=2000)
    assert (found.lower, found.upper) == (1, 4)


def test_nobody_lost_among_enough_examples_shows_all():
    found = bounds((0,) * 8, examples=400)
    assert (found.lower, found.upper) == (7, 7)


@pytest.mark.parametrize(("loss", "n"), [(0.005, 598), (0.01, 299), (0.02, 149), (0.05, 59)])
def test_examples_needed_are_where_the_lower_bound_begins(loss, n):
    assert examples_needed(loss, confidence=0.9) == n
    for examples, lower in ((n - 1, 0), (n, 1)):
        found = bounds((0, 0), examples=examples, loss=loss, confidence=0.9)
        assert (found.lower, found.upper) == (lower, 1)
    assert possible_loss(n, confidence=0.9) <= loss < possible_loss(n - 1, confidence=0.9)


def test_of_360_none_lost_leaves_a_point_possible():
    assert possible_loss(360, confidence=0.9) == pytest.approx(0.0083, abs=5e-5)
    assert examples_needed() == 368
    assert bounds((0, 0, 0), examples=360).lower == 0
    assert bounds((0, 0, 0), examples=360, loss=0.02).lower == 2


def test_few_examples_show_nothing():
    for n in (1, 2, 5):
        found = bounds((0, 0, n, 0), examples=n)
        assert (found.lower, found.upper) == (0, 3)


def test_one_unit():
    assert bounds((0, 300)).upper == 0
    assert bounds((0, 0)).lower == 1
    assert bounds((0,)).upper == 0  # no removal at all


def test_removals_that_change_no_answer_need_no_examples():
    found = bounds((0, 0, 0, 0, 3), examples=5, certain=3)
    assert (found.lower, found.upper) == (3, 4)
    assert bounds((0, 0, 0, 0, 3), examples=5).lower == 0


def test_less_confidence_bounds_more_tightly():
    lost = tuple(range(0, 60, 2))
    wide, narrow = bounds(lost, confidence=0.99), bounds(lost, confidence=0.8)
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def sampled(within, beyond, gained, examples, generator):
    """Lost and gained counts where cost is `within` up to the true number, then `beyond`."""
    k = np.arange(REMOVALS + 1)
    cost = np.where(k == 0, 0.0, np.where(k <= TRUE, within, beyond))
    gains = np.where(k == 0, 0.0, gained)
    lost = np.diff(cost + gains, prepend=0.0)
    shares = np.concatenate([lost, [gained, 1 - lost.sum() - gained]])
    drawn = generator.multinomial(examples, shares)
    b = torch.from_numpy(np.cumsum(drawn[: REMOVALS + 1]))
    return b, torch.where(torch.arange(REMOVALS + 1) > 0, int(drawn[-2]), 0)


def test_bounds_cover_the_true_number_on_the_hardest_curves():
    """Exactly at what may be lost where a bound would err; of 500 samples 95 % within chance."""
    generator, draws, n = np.random.default_rng(0), 500, 360
    lower, upper, read = [], [], []
    for _ in range(draws):
        b, c = sampled(0.0, LOSS + 1e-6, 0.01, n, generator)
        lower.append(removal_bounds(b, c, examples=n, loss=LOSS, confidence=0.9).lower <= TRUE)
        read.append(removable(0.9 - (b - c) / n, loss=LOSS) > TRUE)
        b, c = sampled(LOSS - 1e-6, 0.9, 0.01, n, generator)
        upper.append(removal_bounds(b, c, examples=n, loss=LOSS, confidence=0.9).upper >= TRUE)
    slack = 3.5 * np.sqrt(0.05 * 0.95 / draws)
    assert 0.95 - slack <= np.mean(lower) < 1
    assert 0.95 - slack <= np.mean(upper) < 1
    assert np.mean(read) > 0.3  # what the curve itself reads is above the truth as often


def test_errors_say_what_is_allowed():
    good = counts(0, 1)
    with pytest.raises(ValueError, match=r"loss must be a fraction between 0 and 1, both excl"):
        removal_bounds(good, good, examples=10, loss=0)
    with pytest.raises(ValueError, match=r"confidence must be a fraction .* got 95"):
        removal_bounds(good, good, examples=10, confidence=95)
    with pytest.raises(ValueError, match=r"examples must be a whole number from 1 on, got 0"):
        removal_bounds(good, good, examples=0)
    with pytest.raises(ValueError, match=r"lost must be int64 \[removals \+ 1\], got torch.float"):
        removal_bounds(torch.tensor([0.0, float("nan")]), good, examples=10)
    with pytest.raises(ValueError, match=r"gained must be int64 .* got torch.int64 \[0\]"):
        removal_bounds(good, good[:0], examples=10)
    with pytest.raises(ValueError, match=r"of one curve, got 2 and 1 points"):
        removal_bounds(good, good[:1], examples=10)
    with pytest.raises(ValueError, match=r"loses and gains nothing against itself, got 1 lost"):
        removal_bounds(counts(1, 1), counts(0, 0), examples=10)
    with pytest.raises(ValueError, match=r"must be counts of 10 examples, got up to 12 together"):
        removal_bounds(counts(0, 6), counts(0, 6), examples=10)
    with pytest.raises(ValueError, match=r"certain must be a number of removals, 0 to 1, got 2"):
        removal_bounds(good, good, examples=10, certain=2)
    with pytest.raises(ValueError, match=r"first 1 removals are given as certain to change no an"):
        removal_bounds(counts(0, 6), counts(0, 0), examples=10, certain=1)
    with pytest.raises(ValueError, match=r"loss must be a fraction between 0 and 1"):
        examples_needed(1.0)
    with pytest.raises(ValueError, match=r"examples must be at least 1, got 0"):
        possible_loss(0)
