"""The mask criteria against their closed forms on a layer of four weights."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams
from surfeit.prune.scores import (
    SCORES,
    Evidence,
    large_final,
    large_init,
    large_init_large_final,
    magnitude_increase,
    movement,
    random,
    small_final,
    small_init,
    small_init_small_final,
)

FINAL = [0.5, -2.0, 0.0, 1.5]  # mean magnitude 1
BEFORE = [-1.0, 3.0, 2.0, -2.0]  # mean magnitude 2


def evidence(final=FINAL, before=BEFORE, mask=None):
    model = nn.Linear(2, 2)
    model.weight.data = torch.tensor(final).view(2, 2)
    initial = {"weight": torch.tensor(before).view(2, 2), "running_mean": torch.ones(1)}
    return Evidence(model, initial=initial, mask=mask)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (large_final, [0.5, 2.0, 0.0, 1.5]),
        (small_final, [-0.5, -2.0, 0.0, -1.5]),
        (large_init, [1.0, 3.0, 2.0, 2.0]),
        (small_init, [-1.0, -3.0, -2.0, -2.0]),
        (large_init_large_final, [1.0, 3.0, 0.0, 2.0]),  # alpha 2
        (small_init_small_final, [-1.0, -4.0, -2.0, -3.0]),
        (magnitude_increase, [-0.5, -1.0, -2.0, -0.5]),
        (movement, [1.5, 5.0, 2.0, 3.5]),
    ],
)
def test_criteria_are_their_closed_forms(score, expected):
    found = score(evidence())["weight"]
    assert found.dtype == torch.float64
    assert found.tolist() == torch.tensor(expected).view(2, 2).tolist()


def test_alpha_is_of_kept_weights_alone():
    mask = {"weight": torch.tensor([[True, False], [True, True]])}
    found = large_init_large_final(evidence(mask=mask))["weight"]  # alpha 5/2
    assert found[0, 0] == 1.0
    assert found[1, 1] == 2.0
    assert small_init_small_final(evidence(mask=mask))["weight"][1, 1] == -3.75


@pytest.mark.parametrize(("final", "before"), [([0.0] * 4, BEFORE), (FINAL, [0.0] * 4)])
def test_alpha_is_one_where_a_side_is_zero(final, before):
    found = small_init_small_final(evidence(final, before))["weight"]
    expected = [-max(abs(f), abs(b)) for f, b in zip(final, before, strict=True)]
    assert found.flatten().tolist() == expected


def test_criteria_leave_small_differences_apart():
    # float32 magnitudes differ by one bit, and so must the scores.
    last = torch.tensor(1.0).nextafter(torch.tensor(2.0)).item()
    found = magnitude_increase(evidence([1.0, last, 1.0, 1.0], [3e-9] * 4))["weight"].flatten()
    assert found[1] > found[0]


def test_equal_weights_get_equal_scores():
    equal = evidence([0.3] * 4, [0.7] * 4)
    for name, score in SCORES.items():
        if "init" in name or "final" in name or name in ("magnitude_increase", "movement"):
            assert len(score(equal)["weight"].unique()) == 1, name


def test_random_scores_are_uniform_and_come_from_the_generator_alone():
    model = nn.Linear(200, 100)

    def drawn(seed):
        return random(Evidence(model, generator=Streams(seed).get("scores")))["weight"]

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    assert drawn(0).min() >= 0
    assert drawn(0).max() < 1
    # The mean of 20,000 uniform numbers has a standard error of 0.002.
    assert abs(drawn(0).mean() - 0.5) < 4 * 0.002
    stream = Streams(0).get("scores")
    first = random(Evidence(model, generator=stream))["weight"]
    assert not torch.equal(first, random(Evidence(model, generator=stream))["weight"])
