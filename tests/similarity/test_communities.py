"""Groups of like direction: against all divisions, planted groups, and what is kept over time."""

import itertools
import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.data import load
from surfeit.models import lenet_300_100
from surfeit.similarity import (
    NO_GROUP,
    carried,
    divide,
    group_count,
    labels_kept,
    normalised,
    own_cosine,
    random_cosine,
    update_directions,
)
from surfeit.store import Store
from surfeit.train import Recipe, train


def draw(*shape, name="rows", dtype=torch.float32):
    return torch.randn(*shape, generator=Streams(0).get("communities", name), dtype=dtype)


def stream(name="divide"):
    return Streams(0).get("communities", name)


def worth(rows, labels):
    """By the definition: each unit's cosine to the mean direction of its group."""
    total = 0.0
    for label in set(labels) - {NO_GROUP}:
        members = rows[torch.tensor(labels) == label]
        total += float(members.sum(dim=0).norm())
    return total


def planted(groups, members, inputs, spread, name="planted"):
    centres = normalised(draw(groups, inputs, name=(name, "centres")))
    rows = centres.repeat_interleave(members, dim=0)
    return normalised(rows + spread * draw(groups * members, inputs, name=(name, "spread")))


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_the_division_is_the_best_of_all(groups):
    rows = normalised(draw(8, 3, dtype=torch.float64))
    best = max(worth(rows, labels) for labels in itertools.product(range(groups), repeat=8))
    found = divide(rows, stream(), groups=groups, starts=30)
    assert worth(rows, found.tolist()) == pytest.approx(best)
    assert own_cosine(rows, found) == pytest.approx(best / 8)


def test_planted_groups_are_found_and_numbered_by_size():
    rows = planted(4, 20, 50, 0.1)
    keep = torch.cat([torch.arange(20 * group, 20 * group + size) for group, size in
                      ((0, 5), (1, 20), (2, 9), (3, 9))])  # fmt: skip
    found = divide(rows[keep], stream(), groups=4)
    assert found.tolist() == [3] * 5 + [0] * 20 + [1] * 9 + [2] * 9


def test_every_unit_is_in_the_group_whose_mean_direction_is_nearest():
    rows = normalised(draw(120, 12))
    found = divide(rows, stream(), groups=7)
    means = normalised(torch.stack([rows[found == group].sum(dim=0) for group in range(7)]))
    assert torch.equal((rows @ means.T).argmax(dim=1), found)
    assert found.bincount().sort(descending=True).values.tolist() == found.bincount().tolist()


def test_divisions_are_the_same_for_equal_generators_and_for_units_in_another_order():
    rows = planted(5, 15, 30, 0.15)
    found = divide(rows, stream(), groups=5)
    assert torch.equal(divide(rows, stream(), groups=5), found)
    order = torch.randperm(75, generator=stream("order"))
    again = divide(rows[order], stream(), groups=5)
    together = found[order][:, None] == found[order][None]
    assert torch.equal(again[:, None] == again[None], together)


def test_units_without_a_direction_have_no_group():
    rows = planted(3, 10, 20, 0.1)
    rows[[4, 17]] = 0
    found = divide(rows, stream(), groups=3)
    assert (found == NO_GROUP).nonzero()[:, 0].tolist() == [4, 17]
    assert divide(torch.zeros(6, 3), stream()).tolist() == [NO_GROUP] * 6
    assert math.isnan(own_cosine(torch.zeros(6, 3), torch.full((6,), NO_GROUP)))
    assert math.isnan(random_cosine(torch.zeros(6, 3), torch.full((6,), NO_GROUP), stream()))


@pytest.mark.parametrize(("units", "groups"), [(1, 2), (6, 2), (16, 4), (39, 9), (41, 10)])
def test_small_layers_are_divided_into_fewer_groups(units, groups):
    assert group_count(units) == groups


@pytest.mark.parametrize("units", [1, 2, 3])
def test_fewer_units_than_groups_have_one_each(units):
    assert sorted(divide(normalised(draw(units, 40)), stream()).tolist()) == list(range(units))


def test_equal_units_are_one_group():
    assert divide(normalised(torch.ones(12, 4)), stream()).tolist() == [0] * 12


def test_groups_keep_their_identity_while_they_turn():
    """Each group turns by a right angle in 30 snapshots."""
    start, end = normalised(draw(5, 40, name="a")), normalised(draw(5, 40, name="b"))
    noise = 0.05 * draw(100, 40, name="noise")
    path = [
        normalised((start * math.cos(t) + end * math.sin(t)).repeat_interleave(20, dim=0) + noise)
        for t in torch.linspace(0, math.pi / 2, 30).tolist()
    ]
    labels = divide(path[-1], stream(), groups=5)
    for rows in reversed(path[:-1]):
        before = carried(rows, labels)
        assert labels_kept(before, labels) == 1
        labels = before
    assert sorted(labels.bincount().tolist()) == [20] * 5


def test_carried_labels_are_a_division_there_with_the_same_numbers():
    rows = normalised(draw(60, 8))
    moved = normalised(rows + 0.05 * draw(60, 8, name="moved"))
    labels = divide(rows, stream(), groups=4)
    assert torch.equal(carried(rows, labels), labels)
    found = carried(moved, labels)
    means = normalised(torch.stack([moved[found == group].sum(dim=0) for group in range(4)]))
    assert torch.equal((moved @ means.T).argmax(dim=1), found)
    assert labels_kept(found, labels) > 0.9


def test_units_that_come_and_go_join_the_nearest_group_and_leave_it():
    rows = planted(3, 10, 20, 0.05)
    labels = divide(rows, stream(), groups=3)
    known = labels.clone()
    known[[0, 11]] = NO_GROUP
    rows[25] = 0
    found = carried(rows, known)
    assert found[[0, 11]].tolist() == labels[[0, 11]].tolist()
    assert found[25] == NO_GROUP
    assert labels_kept(found, known) == 1
    nothing = torch.full((30,), NO_GROUP)
    assert carried(rows, nothing).tolist() == [NO_GROUP] * 30
    assert math.isnan(labels_kept(nothing, labels))


def test_a_group_that_nobody_is_left_of_stays_empty():
    rows = planted(3, 10, 20, 0.05)
    labels = divide(rows, stream(), groups=3)
    gone = labels == 1
    assert set(carried(rows.masked_fill(gone[:, None], 0), labels).tolist()) == {NO_GROUP, 0, 2}
    assert 1 not in carried(rows, labels.masked_fill(gone, NO_GROUP)).tolist()


def test_random_groups_agree_less_and_as_much_as_their_sizes_let_them():
    rows = planted(4, 25, 200, 0.05)
    labels = divide(rows, stream(), groups=4)
    own = own_cosine(rows, labels)
    null = random_cosine(rows, labels, stream("null"))
    assert own > 0.75
    assert null < 0.6 * own
    # Of n directions at right angles the mean direction has the cosine 1 / sqrt(n) with each.
    corners = torch.eye(100)
    assert random_cosine(corners, torch.arange(100) % 4, stream("null")) == pytest.approx(0.2)


def test_the_share_of_labels_kept_counts_units_with_a_group_at_both():
    before, after = torch.tensor([0, 1, 2, -1, 0]), torch.tensor([0, 2, 2, 1, -1])
    assert labels_kept(before, after) == pytest.approx(2 / 3)


def test_groups_of_a_training_keep_nearly_all_of_their_units(tmp_path):
    run = train(
        lenet_300_100, load("digits"), Recipe(epochs=12, lr=0.1, batch_size=60),
        store=Store(tmp_path),
    )  # fmt: skip
    weights = run.weights("fc1")
    rows = [update_directions(weight, weights[0].clone()) for weight in weights[1:]]
    labels, kept = divide(rows[-1], stream()), []
    own = own_cosine(rows[-1], labels)
    assert own > 1.7 * random_cosine(rows[-1], labels, stream("null"))
    for row in reversed(rows[:-1]):
        before = carried(row, labels)
        kept.append(labels_kept(before, labels))
        labels = before
    assert sum(kept) / len(kept) > 0.92


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_are_divided_alike(dtype):
    rows = planted(3, 12, 16, 0.1)
    assert torch.equal(divide(rows.to(dtype), stream(), groups=3), divide(rows, stream(), groups=3))


def test_what_cannot_be_divided_is_refused():
    rows = normalised(draw(5, 3))
    for groups in (0, 2.5, True):
        with pytest.raises(ValueError, match="groups must be a whole number from 1 on, got"):
            divide(rows, stream(), groups=groups)
    with pytest.raises(ValueError, match="starts must be a whole number from 1 on, got 0"):
        divide(rows, stream(), starts=0)
    with pytest.raises(ValueError, match="draws must be a whole number from 1 on, got 0"):
        random_cosine(rows, torch.zeros(5, dtype=torch.int64), stream(), draws=0)
    with pytest.raises(ValueError, match=r"units must be a whole number from 0 on, got 40\.0"):
        group_count(40.0)
    short, there = torch.zeros(4, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
    for refused in (
        lambda: carried(rows, short),
        lambda: own_cosine(rows, short),
        lambda: random_cosine(rows, short, stream()),
        lambda: labels_kept(there, short),
        lambda: own_cosine(rows, there.float()),
    ):
        with pytest.raises(ValueError, match=r"labels must be int64 \[5\], one for each unit, got"):
            refused()
    rows[0, 0] = math.nan
    with pytest.raises(ValueError, match="directions must be finite, got 1 NaN"):
        divide(rows, stream())
