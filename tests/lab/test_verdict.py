"""A verdict checks itself, says itself in one line, and survives JSON."""

import json

import numpy as np
import pytest

from surfeit.lab import Verdict, all_of, exceeds, holm_corrected

FULL = {
    "claim": "B1",
    "ruling": "supported",
    "effect": 0.42,
    "lower": 0.2,
    "upper": 0.64,
    "n": 5,
    "unit": "points",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "supported: +0.42 points (0.20 to 0.64), n = 5"),
        (
            {"effect": -1234.5, "lower": -1600.0, "upper": -870.0, "unit": "steps"},
            "supported: -1,234 steps (-1,600 to -870), n = 5",
        ),
        (
            {"effect": 97.31, "lower": 96.2, "upper": 98.4, "signed": False},
            "supported: 97.3 points (96.2 to 98.4), n = 5",
        ),
        ({"lower": None, "upper": None, "p": 0.001}, "supported: +0.42 points, n = 5"),
        (
            {"upper": None, "doubt": "3 censored"},
            "supported: at least +0.42 points (from 0.20), n = 5; 3 censored",
        ),
        ({"lower": None}, "supported: at most +0.42 points (up to 0.64), n = 5"),
        (
            {"ruling": "inconclusive", "effect": None, "lower": None, "upper": None, "n": 0}
            | {"doubt": "no values"},
            "inconclusive: nothing measured, n = 0; no values",
        ),
        (
            {"effect": 0.0, "lower": -0.5, "upper": 0.5, "unit": ""},
            "supported: +0.00 (-0.50 to 0.50",
        ),
    ],
)
def test_words_show_as_many_digits_as_the_interval_bears(changes, words):
    assert Verdict(**FULL | changes).words().startswith(words)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ruling": "true"}, "one of supported, contradicted, inconclusive, got 'true'"),
        ({"effect": float("nan")}, "effect of the verdict on B1 must be finite, got nan: None"),
        ({"upper": float("inf")}, "upper of the verdict on B1 must be finite"),
        ({"lower": 0.5}, "within its interval, got 0.42 and 0.5 to 0.64"),
        ({"upper": 0.1}, "within its interval"),
        ({"ruling": "inconclusive", "effect": None}, "within its interval, got None"),
        ({"n": -1}, "n must be a whole number of at least 0, got -1"),
        ({"n": 2.5}, "n must be a whole number"),
        ({"p": 1.5}, r"p must be in \[0, 1\], got 1.5"),
        ({"n": 1}, "B1 cannot be supported on n = 1"),
        ({"lower": None, "upper": None}, "needs two replicates, an effect, and an interval"),
        (
            {"effect": None, "lower": None, "upper": None, "p": 0.01, "ruling": "contradicted"},
            "cannot be contradicted on n = 5, effect None",
        ),
    ],
)
def test_a_verdict_that_cannot_be_is_refused(changes, error):
    with pytest.raises(ValueError, match=error):
        Verdict(**FULL | changes)


def test_verdicts_survive_json():
    verdict = exceeds("B1", np.array([0.1, 0.3, 0.2], dtype=np.float32), unit="points", says="Up.")
    text = json.dumps(verdict.to_json(), allow_nan=False)
    assert Verdict.from_json(json.loads(text)) == verdict
    assert Verdict.from_json(FULL) == Verdict(**FULL)


def test_json_of_something_else_is_refused():
    with pytest.raises(ValueError, match=r"a verdict has the fields .*'ruling'.* got \['claim'\]"):
        Verdict.from_json({"claim": "B1"})
    with pytest.raises(ValueError, match="a verdict has the fields"):
        Verdict.from_json(FULL | {"colour": "red"})


def part(claim, ruling, **changes):
    return Verdict(**FULL | {"claim": claim, "ruling": ruling, "says": f"{claim}."} | changes)


@pytest.mark.parametrize(
    ("rulings", "expected", "decided"),
    [
        (("supported", "supported"), "supported", "b"),
        (("supported", "inconclusive"), "inconclusive", "b"),
        (("inconclusive", "contradicted"), "contradicted", "b"),
        (("contradicted", "supported"), "contradicted", "a"),
        (("inconclusive", "inconclusive"), "inconclusive", "a"),
    ],
)
def test_a_claim_of_parts_is_as_strong_as_its_weakest(rulings, expected, decided):
    first, second = part("a", rulings[0], p=0.001), part("b", rulings[1], p=0.02, effect=0.3)
    whole = all_of("F1", first, second)
    assert (whole.claim, whole.ruling, whole.says) == ("F1", expected, "a. b.")
    assert whole.doubt == f"decided by {decided}"
    assert whole.effect == {"a": 0.42, "b": 0.3}[decided]


def test_a_claim_of_one_part_is_that_part_and_one_of_none_an_error():
    only = part("a", "supported")
    assert all_of("a", only) == only
    with pytest.raises(ValueError, match="F1 needs at least one part"):
        all_of("F1")


def test_one_part_of_several_contradicts_only_beyond_chance():
    clear, weak, good = (
        part("a", "contradicted", p=0.02),
        part("b", "contradicted", p=0.03),
        part("c", "supported", p=0.001),
    )
    whole = all_of("F1", clear, good)
    assert (whole.ruling, whole.p) == ("contradicted", 0.04)
    doubted = all_of("F1", weak, good)
    assert doubted.ruling == "inconclusive"
    assert doubted.doubt == "contradicted alone, but not among 2 parts; decided by b"
    # Four parts in two claims of two are corrected as four parts are.
    assert all_of("F1", whole, all_of("F1", good, good)).ruling == "inconclusive"
    assert all_of("F1", clear, good, comparisons=2).ruling == "inconclusive"
    bare = part("d", "contradicted", p=None)
    assert all_of("F1", bare, good).ruling == "inconclusive"
    assert all_of("F1", bare).ruling == "contradicted"


def test_holm_keeps_what_stands_among_all_and_doubts_the_rest():
    strong, weak = part("a", "supported", p=0.001), part("b", "contradicted", p=0.03)
    none = part("c", "inconclusive")
    first, second, third = holm_corrected([strong, weak, none])
    assert (first, third) == (strong, none)
    assert second.ruling == "inconclusive"
    assert second.doubt == "contradicted alone, but not among 3 comparisons"
    assert holm_corrected([strong, weak]) == (strong, weak)
    with pytest.raises(ValueError, match=r"rulings on \['d'\] have no p-value"):
        holm_corrected([part("d", "supported")])
    with pytest.raises(ValueError, match=r"error must be in \(0, 0.05\], got 0.1"):
        holm_corrected([strong], error=0.1)
