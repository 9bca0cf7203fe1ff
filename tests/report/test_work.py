"""What a layer's measurements cost, counted by hand, and what follows from it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from surfeit.report import ReportConfig
from surfeit.report.work import work_of

CONFIG = ReportConfig(repeats=2, ranks=(1, 2))


@pytest.fixture
def network():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.Conv2d(3, 2, 3, padding=1),
        nn.Flatten(),
        nn.Linear(32, 5),
        nn.Linear(5, 4),
    )


def test_work_is_what_one_counts_by_hand(network):
    image = torch.zeros(1, 1, 4, 4)
    own, after, last = 16 * 3 * 9, 16 * 2 * 27, 5 * 32 + 4 * 5
    found = work_of(network, "0", image, CONFIG)
    assert found.removals == pytest.approx(10 * (3 * (after / 3 + last) + own + after))
    assert found.ranks == (own + after + last) * 3 * 2
    linear = work_of(network, "3", image, CONFIG)
    assert linear.removals == pytest.approx(10 * (4 * 5 + 5 * 32 + 4 * 5))
    assert linear.ranks == (4 * 5 * 3 + 5 * 32) * 2


def test_more_repeats_and_ranks_are_more_work(network):
    image = torch.zeros(1, 1, 4, 4)
    less = work_of(network, "0", image, CONFIG)
    more = work_of(network, "0", image, replace(CONFIG, repeats=4, ranks=(1,)))
    assert more.removals == pytest.approx(less.removals * 12 / 10)
    assert more.ranks == less.ranks * 2 / 3


def test_counting_leaves_no_hooks_behind(network):
    work_of(network, "0", torch.zeros(1, 1, 4, 4), CONFIG)
    assert not any(module._forward_hooks for module in network.modules())
