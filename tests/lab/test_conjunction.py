"""Claims of several parts: all must hold for one, a single one is enough against it."""

import pytest

from surfeit.lab import all_exceed, all_of, exceeds

ABOVE, BELOW, WIDE = (1.0, 1.2, 0.9), (-1.0, -1.2, -0.9), (-3.0, 0.5, 4.0)


def test_all_parts_above_support_a_claim_and_the_weakest_is_told():
    found = all_exceed("B1", {"over a": (5.0, 5.1, 5.2), "over b": ABOVE}, unit="points")
    assert (found.ruling, found.n) == ("supported", 3)
    assert found.effect == pytest.approx(3.1 / 3)
    assert found.says == "+1.03 points over b"


def test_one_part_below_contradicts_it_though_others_are_in_doubt():
    parts = {"over a": ABOVE, "over b": BELOW, "over c": WIDE}
    found = all_exceed("B1", parts, unit="points")
    assert (found.ruling, found.says) == ("contradicted", "-1.03 points over b")


def test_a_part_in_doubt_leaves_the_claim_in_doubt():
    found = all_exceed("B1", {"over a": ABOVE, "over c": WIDE}, unit="points")
    assert (found.ruling, found.says) == ("inconclusive", "+0.5 points over c")


def test_one_of_many_parts_contradicts_only_with_a_correction():
    slightly = (-1.0, -0.9, -0.7)  # below 0 at 95 %, not at 99.9 %
    assert all_exceed("B1", {"a": slightly}, unit="points").ruling == "contradicted"
    parts = {"a": slightly, **{f"over {n}": ABOVE for n in range(49)}}
    assert all_exceed("B1", parts, unit="points").ruling == "inconclusive"


def test_a_margin_moves_the_bar_of_every_part():
    assert all_exceed("B1", {"a": ABOVE}, margin=2.0, unit="points").ruling == "contradicted"
    assert all_exceed("B1", {"a": BELOW}, margin=-2.0, unit="points").ruling == "supported"


def test_a_claim_without_parts_is_refused():
    with pytest.raises(ValueError, match="B1 needs at least one part"):
        all_exceed("B1", {}, unit="points")


def test_a_missing_value_leaves_the_claim_in_doubt_and_says_why():
    found = all_exceed("B1", {"over a": ABOVE, "over c": (1.0, None, 1.1)}, unit="points")
    assert (found.ruling, found.n) == ("inconclusive", 2)
    assert found.doubt == "1 of 3 values missing or not finite"


def test_both_ways_to_judge_all_parts_are_one_rule():
    for parts in ((ABOVE, WIDE), (BELOW, WIDE), (ABOVE, ABOVE), (BELOW, ABOVE, WIDE)):
        named = {f"over {n}": values for n, values in enumerate(parts)}
        one = all_exceed("B1", named, comparisons=2, unit="points")
        judged = [exceeds("B1", values, comparisons=2, unit="points") for values in parts]
        other = all_of("B1", *judged, comparisons=2)
        assert (one.ruling, one.p) == (other.ruling, other.p)
