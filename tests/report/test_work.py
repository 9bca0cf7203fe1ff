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


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.attend = nn.MultiheadAttention(6, 2, batch_first=True)
        self.up = nn.ConvTranspose1d(5, 3, 2, stride=2)
        self.out = nn.Linear(12, 3)

    def forward(self, tokens):
        hidden = self.lstm(self.embed(tokens))[0]
        return self.out(self.up(self.attend(hidden, hidden, hidden)[0]))


def test_every_kind_of_layer_costs_its_weights_once_a_position():
    model, tokens = Tagger().eval(), torch.zeros(1, 5, dtype=torch.int64)
    lstm, attention = 5 * 24 * (4 + 6), 5 * 4 * 36
    transposed, out = 6 * 5 * 3 * 2, 3 * 36
    whole = lstm + attention + transposed + out
    for name in ("lstm", "attend.q", "attend.out_proj", "up"):
        assert work_of(model, name, tokens, CONFIG).ranks == whole * 3 * 2
    assert work_of(model, "attend.q", tokens, CONFIG).removals == 0
    # A recurrent unit reads itself: every removal runs its readers, and all behind them, again.
    removed = work_of(model, "lstm", tokens, CONFIG).removals
    assert removed >= 10 * 6 * (attention + transposed + out)
