"""Each judge on three planted tables, on what cannot be judged, and on what is refused."""

import math

import numpy as np
import pytest

from surfeit.lab import (
    Verdict,
    agrees,
    equals,
    exceeds,
    faster,
    not_worse,
    ranks,
    succeeds,
    succeeds_more,
)
from surfeit.tables import mean_interval, prediction_interval

PATTERN = np.array([-1.2, 0.3, 0.9, -0.4, 0.4])
NAN = float("nan")


def around(effect, spread=1.0, n=5):
    return effect + spread * PATTERN[:n]


@pytest.mark.parametrize(
    ("judge", "holds", "fails", "undecidable"),
    [
        (lambda v: exceeds("X", v, margin=2, unit="u"), around(9), around(-4), around(2.5)),
        (lambda v: not_worse("X", v, margin=2, unit="u"), around(-0.2), around(-9), around(-2.5)),
        (
            lambda v: equals("X", v, margin=2, unit="u"),
            around(0.5),
            around(-9),
            around(1.5),
        ),
        (
            lambda v: agrees("X", v, 90.0, tolerance=7, unit="u"),
            around(91),
            around(99),
            around(91, 5),
        ),
    ],
    ids=["exceeds", "not worse", "equals", "agrees"],
)
def test_judges_of_means_on_three_planted_tables(judge, holds, fails, undecidable):
    rulings = [judge(values).ruling for values in (holds, fails, undecidable)]
    assert rulings == ["supported", "contradicted", "inconclusive"]
    for values in (holds, fails):
        # Of two replicates there is an interval, of one none, and a ruling of neither.
        two, one, none = judge(values[:2]), judge(values[:1]), judge([])
        assert {two.ruling, one.ruling, none.ruling} == {"inconclusive"}
        assert two.lower is not None
        assert two.doubt == "2 replicates, too few for a ruling"
        assert (one.lower, one.doubt) == (None, "one replicate, so no interval")
        assert (none.effect, none.n, none.doubt) == (None, 0, "no values")
        equal = judge([values[0]] * 5)
        assert (equal.ruling, equal.lower) == ("inconclusive", None)
        assert equal.doubt == "5 equal values, too few for an interval"
        for missing in (None, NAN, math.inf):
            some = judge([*values, missing])
            assert (some.ruling, some.lower, some.n) == ("inconclusive", None, 5)
            assert some.doubt == "1 of 6 values missing or not finite"


@pytest.mark.parametrize("huge", [1e200, -1e200, 1e308])
@pytest.mark.filterwarnings("error")
def test_values_whose_squares_overflow_leave_the_claim_undecided(huge):
    judges = (
        lambda v: exceeds("X", v, unit="u"),
        lambda v: not_worse("X", v, margin=1, unit="u"),
        lambda v: equals("X", v, margin=1, unit="u"),
        lambda v: agrees("X", v, 1.0, tolerance=1, unit="u"),
    )
    for judge in judges:
        one, all_ = judge([*around(3), huge]), judge([huge, huge / 2, huge / 3])
        assert (one.ruling, one.doubt) == ("inconclusive", "1 of 6 values beyond ±1e+150")
        assert (all_.ruling, all_.effect, all_.n) == ("inconclusive", None, 0)
        assert judge([1e150, -1e150, 3.0]).lower is not None
    for first, second in (([huge, 2, 3], [1, 2, 3]), ([1, 2, 3], [3, huge, 1])):
        found = faster("X", first, second)
        assert (found.effect, found.doubt) == (None, "1 of 3 pairs missing or not finite")
    rising = ranks("X", [1, 2, 3], np.outer([1, 1, 1, 1], [1, 2, abs(huge) / 2]))
    assert rising.effect == 1


def test_means_carry_their_intervals_and_p_values():
    values, plain = around(3), mean_interval(around(3))
    above = exceeds("X", values, unit="u", says="Three.")
    assert (above.effect, above.lower, above.upper) == (plain.estimate, plain.lower, plain.upper)
    assert (above.n, above.says) == (5, "Three.")
    assert above.p < 0.05
    strict = exceeds("X", values, unit="u", comparisons=10)
    wide = mean_interval(values, confidence=0.995)
    assert (strict.lower, strict.upper) == (wide.lower, wide.upper)
    by_seed = dict(enumerate(values))
    assert exceeds("X", by_seed, unit="u", says="Three.") == above
    narrow, outer = mean_interval(values, confidence=0.9), mean_interval(values)
    near, far = equals("X", values, margin=9, unit="u"), equals("X", values, margin=1, unit="u")
    assert (near.ruling, near.lower, near.upper) == ("supported", narrow.lower, narrow.upper)
    assert (far.ruling, far.lower, far.upper) == ("contradicted", outer.lower, outer.upper)
    assert far.p < 0.05


def test_rulings_and_p_values_agree():
    generator = np.random.default_rng(0)
    for _ in range(300):
        values = generator.normal(generator.normal(), generator.random(), size=4)
        for verdict in (
            exceeds("X", values, margin=0.3, unit="u"),
            equals("X", values, margin=0.7, unit="u"),
            not_worse("X", values, margin=0.3, unit="u"),
        ):
            assert (verdict.ruling != "inconclusive") == (verdict.p < 0.05)


def test_values_that_differ_by_rounding_alone_decide_nothing():
    # All 0.02 but for the last bits; and no difference at all but for them.
    for values in ([0.97 - 0.95, 0.46 - 0.44, 0.12 - 0.1], [0.3 - 0.1 * 3, 0.0, 0.1 * 3 - 0.3]):
        assert len(set(values)) > 1
        for verdict in (exceeds("X", values, unit="u"), equals("X", values, margin=0.1, unit="u")):
            assert verdict.ruling == "inconclusive"
            assert verdict.doubt == "3 equal values, too few for an interval"


def test_a_published_figure_is_held_against_what_one_training_gives():
    ours = around(97, 0.2)
    found, further = agrees("X", ours, 97.4, tolerance=2, unit="points"), prediction_interval(ours)
    assert (found.effect, found.lower, found.upper) == (
        further.estimate,
        further.lower,
        further.upper,
    )
    # The interval of our mean would leave it out, and be wrong to.
    assert mean_interval(ours).upper < 97.4
    assert found.ruling == "supported"
    assert "+" not in found.words()
    averaged = agrees("X", ours, 97.4, tolerance=2, averaged=10, unit="points")
    assert averaged.ruling == "contradicted"
    assert averaged.p < 0.05
    wide = agrees("X", ours, 97.4, tolerance=0.5, unit="points")
    assert (wide.ruling, wide.doubt) == ("inconclusive", "the prediction interval is too wide")


RISING = np.arange(5) + 0.8 * np.random.default_rng(0).normal(size=(4, 5))
FLAT = np.random.default_rng(3).normal(size=(4, 5))


def test_ranks_on_three_planted_tables():
    widths = [16, 32, 64, 128, 256]
    rulings = [ranks("X", widths, y).ruling for y in (RISING, -RISING, FLAT)]
    assert rulings == ["supported", "contradicted", "inconclusive"]
    rulings = [ranks("X", widths, y, falls=True).ruling for y in (-RISING, RISING, FLAT)]
    assert rulings == ["supported", "contradicted", "inconclusive"]
    assert ranks("X", widths, -RISING, falls=True).effect < 0
    points = np.arange(9.0)
    noise = np.random.default_rng(1).normal(size=9)
    rulings = [ranks("X", points, y).ruling for y in (points + noise, -points + noise, noise)]
    assert rulings == ["supported", "contradicted", "inconclusive"]


def test_ranks_that_are_all_perfect_are_decided_by_their_orders():
    y = np.tile(np.arange(4.0), (3, 1)) + np.arange(3)[:, None]
    found = ranks("X", [1, 2, 3, 4], y)
    assert (found.ruling, found.effect, found.lower) == ("supported", 1.0, None)
    assert found.p == pytest.approx(2 / 24**3)
    # Two conditions and three seeds: as likely as three coins alike.
    coins = ranks("X", [1, 2], y[:, :2])
    assert (coins.ruling, coins.p) == ("inconclusive", pytest.approx(0.25))
    # All the same correlation, yet not a high one.
    low = ranks("X", [1, 2, 3], np.tile([1.0, 3.0, 2.0], (3, 1)))
    assert (low.ruling, low.effect) == ("inconclusive", 0.5)


def test_ranks_of_few_or_missing_or_equal_values_decide_nothing():
    x = [1, 2, 3, 4, 5, 6]
    y = np.tile(np.arange(6.0), (2, 1))
    assert ranks("X", x, y).doubt == "2 replicates, too few for a ruling"
    assert ranks("X", x, y[:1]).doubt == "one replicate, too few for a ruling"
    y[1, 2] = NAN
    missing = ranks("X", x, y)
    assert (missing.effect, missing.doubt) == (None, "1 of 12 values missing or not finite")
    y[1] = 4.0
    assert ranks("X", x, y).doubt == "in 1 of 2 replicates all values are equal, so no order"
    assert ranks("X", x, [None, *range(5)]).doubt == "1 of 6 values missing or not finite"
    assert ranks("X", [1, 2], [3, 3]).doubt == "all values are equal, so no order"
    assert ranks("X", [1], [3]).doubt == "fewer than two conditions, so no order"
    assert ranks("X", [1, 2], np.empty((0, 2))).ruling == "inconclusive"


YES, NO = [True], [False]


def test_succeeds_on_three_planted_tables():
    rulings = [
        succeeds("X", outcomes, rate=0.5).ruling for outcomes in (YES * 9, NO * 9, YES * 5 + NO * 3)
    ]
    assert rulings == ["supported", "contradicted", "inconclusive"]
    found = succeeds("X", YES * 9, rate=0.5)
    assert (found.effect, found.upper) == (1.0, 1.0)
    assert found.lower == pytest.approx(0.025 ** (1 / 9))
    assert found.p == pytest.approx(2 * 0.5**9)
    assert found.words().startswith("supported: 1.00 of runs (0.66 to 1.00), n = 9")


@pytest.mark.parametrize("paired", [True, False])
def test_succeeds_more_on_three_planted_tables(paired):
    often, seldom, some = YES * 11 + NO, YES + NO * 11, YES * 6 + NO * 6
    rulings = [
        succeeds_more("X", *sides, paired=paired).ruling
        for sides in ((often, seldom), (seldom, often), (some, some[::-1]))
    ]
    assert rulings == ["supported", "contradicted", "inconclusive"]
    assert succeeds_more("X", often, seldom, paired=paired).effect == pytest.approx(10 / 12)
    # Three seeds of three: an interval of the rates would say yes, a coin says it once in eight.
    assert succeeds_more("X", YES * 3, NO * 3, paired=paired).ruling == "inconclusive"
    assert succeeds_more("X", some, some, paired=True).p == 1.0


def test_rates_of_few_or_missing_trainings_decide_nothing():
    one = succeeds("X", YES, rate=0.01)
    assert (one.ruling, one.lower, one.doubt) == (
        "inconclusive",
        None,
        "one replicate, so no interval",
    )
    assert succeeds("X", [], rate=0.5).doubt == "no values"
    missing = succeeds("X", [*YES * 9, None, NAN], rate=0.5)
    assert (missing.ruling, missing.doubt) == (
        "inconclusive",
        "2 of 11 values missing or not finite",
    )
    pair = succeeds_more("X", YES * 9, [*NO * 8, None])
    assert (pair.ruling, pair.doubt) == ("inconclusive", "1 of 9 values missing or not finite")


def test_faster_on_three_planted_tables_without_censoring():
    steps = np.array([1000, 1100, 900, 1050, 950])
    for change, ruling in (
        (500, "supported"),
        (-500, "contradicted"),
        (10, "inconclusive"),
    ):
        found = faster("X", steps, steps + change + 100 * PATTERN)
        assert found.ruling == ruling
        assert found.effect == pytest.approx(change)
        assert not found.doubt


def test_faster_with_censored_controls_is_a_lower_bound():
    steps = np.array([1000, 1100, 900, 1050, 950])
    controls, late = np.array([1700, 2000, 1900, 2000, 1600]), [False, True, False, True, False]
    found = faster("X", steps, controls, censored=([], late))
    assert (found.ruling, found.upper) == ("supported", None)
    assert found.lower == pytest.approx(mean_interval(controls - steps).lower)
    assert found.words().startswith("supported: at least +840 steps (from 647), n = 5; 2 of 5")
    # Controls that seem sooner might have come later: the claim is open, not contradicted.
    open_ = faster("X", controls, steps, censored=([], late))
    assert (open_.ruling, open_.upper, open_.p) == ("inconclusive", None, None)
    mirrored = faster("X", controls, steps, censored=(late, []))
    assert (mirrored.ruling, mirrored.lower) == ("contradicted", None)
    assert faster("X", steps, controls, censored=(late, [])).ruling == "inconclusive"


def test_faster_with_both_censored_counts_pairs_of_known_order():
    first = [100, 120, 90, 110, 80, 130, 300, 300]
    second = [200, 220, 300, 250, 190, 240, 300, 280]
    flags = ([False] * 6 + [True] * 2, [False, False, True] + [False] * 3 + [True, True])
    found = faster("X", first, second, censored=flags)
    assert (found.ruling, found.effect, found.unit, found.n) == ("supported", 1.0, "of pairs", 8)
    assert found.doubt == "steps of both censored: the order of 6 of 8 pairs is known"
    assert found.p == pytest.approx(2 / 64)
    turned = faster("X", second, first, censored=flags[::-1])
    assert (turned.ruling, turned.effect) == ("contradicted", 0.0)
    assert faster("X", first, second, censored=flags, margin=150).ruling == "inconclusive"
    few = faster("X", first[5:], second[5:], censored=(flags[0][5:], flags[1][5:]))
    assert (few.ruling, few.effect) == ("inconclusive", None)


def test_faster_pairs_by_name_and_leaves_open_what_is_missing():
    first, second = {0: 100, 1: 120, 2: 90}, {2: 300, 0: 310, 1: 340}
    assert faster("X", first, second).effect == pytest.approx((210 + 220 + 210) / 3)
    found = faster("X", [100, None, 90], [300, 310, NAN])
    assert (found.ruling, found.effect) == ("inconclusive", None)
    assert found.doubt == "2 of 3 pairs missing or not finite"
    with pytest.raises(ValueError, match=r"same names on both sides, got \[0, 1, 2\] and \[0\]"):
        faster("X", first, {0: 1})


def test_judges_refuse_what_makes_no_sense():
    values = around(0)
    for bad in (0, -1, NAN, math.inf):
        with pytest.raises(ValueError, match="margin must be above 0 and finite"):
            equals("X", values, margin=bad, unit="u")
        with pytest.raises(ValueError, match="margin must be above 0 and finite"):
            not_worse("X", values, margin=bad, unit="u")
        with pytest.raises(ValueError, match="tolerance must be above 0 and finite"):
            agrees("X", values, 0, tolerance=bad, unit="u")
    with pytest.raises(ValueError, match="margin must be finite, got nan"):
        exceeds("X", values, margin=NAN, unit="u")
    with pytest.raises(ValueError, match="published figure must be finite"):
        agrees("X", values, NAN, tolerance=1, unit="u")
    with pytest.raises(ValueError, match="whole number of at least 1, got 0"):
        exceeds("X", values, comparisons=0, unit="u")
    with pytest.raises(ValueError, match=r"one value for each replicate, got shape \(5, 1\)"):
        exceeds("X", values[:, None], unit="u")
    with pytest.raises(ValueError, match="values must be numbers or None"):
        exceeds("X", ["high"], unit="u")
    with pytest.raises(ValueError, match=r"rate must be in \(0, 1\), got 1"):
        succeeds("X", YES, rate=1)
    with pytest.raises(ValueError, match=r"true or false, got \[0.5\]"):
        succeeds("X", [0.5], rate=0.5)
    with pytest.raises(ValueError, match="as many on both sides, got 1 and 2: None where"):
        succeeds_more("X", YES, YES * 2)
    with pytest.raises(ValueError, match="as many on both sides"):
        faster("X", [1, 2], [1, 2, 3])
    with pytest.raises(
        ValueError, match=r"\[points\] or \[replicates, conditions\], got \(1, 1, 1"
    ):
        ranks("X", [1], np.zeros((1, 1, 1)))
    with pytest.raises(ValueError, match="rows of one length"):
        ranks("X", [1, 2], [[1, 2], [1]])
    with pytest.raises(ValueError, match="3 equal values have no order"):
        ranks("X", [4, 4, 4], RISING[:, :3])


def test_a_verdict_says_what_its_effect_was_held_against():
    values = [0.9, 1.0, 1.1]
    assert exceeds("X", values, margin=0.5, unit="points").words().endswith(") against 0.5, n = 3")
    assert "against" not in exceeds("X", values, unit="points").words()
    assert equals("X", values, margin=2, unit="points").against == "±2"
    assert not_worse("X", values, margin=2, unit="points").against == "-2"
    found = agrees("X", values, 1.05, tolerance=9, unit="points")
    assert found.against == "1.05 published"
    assert Verdict.from_json(found.to_json()) == found
