"""The configuration of a search: what it refuses, and what it asks of the network's size."""

import pytest
from torch import nn

from surfeit.core import CollapseError
from surfeit.models import conv_2, mlp
from surfeit.procedures.tickets import TicketConfig
from surfeit.procedures.tickets.selection import check_levels

SMALL = mlp((9, 7), input_shape=(1, 4, 4), classes=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"score": "large_finale"},
            "no score of weights 'large_finale': did you mean 'large_final'",
        ),
        ({"score": "filter_norm"}, "no score of weights 'filter_norm'"),
        ({"score": "filter-norm", "granularity": "unit"}, "did you mean 'filter_norm'"),
        ({"controls": ("renit",)}, "no control 'renit': did you mean 'reinit'"),
        ({"controls": ("random", "random")}, "each control is trained once a level"),
        ({"controls": "random"}, "a sequence of names, got 'random'"),
        ({"allocation": "layerwize"}, "no allocation 'layerwize': did you mean 'layerwise'"),
        ({"granularity": "units"}, "no granularity 'units': did you mean 'unit'"),
        ({"retrain": "finetune"}, "no retrain 'finetune': did you mean 'fine-tune'"),
        ({"schedule": "oneshot"}, "no schedule 'oneshot': did you mean 'one-shot'"),
        ({"rate": 0.0}, r"rate must be a fraction in \(0, 1\), got 0.0"),
        ({"rate": 1.0}, r"rate must be a fraction in \(0, 1\), got 1.0"),
        ({"rate": float("nan")}, "rate must be a fraction"),
        ({"rate": "0.2"}, "rate must be a fraction"),
        ({"output_rate": -0.1}, "output_rate must be a fraction"),
        ({"conv_rate": 2.0}, "conv_rate must be a fraction"),
        ({"levels": 0}, "levels must be an integer >= 1, got 0"),
        ({"levels": True}, "levels must be an integer >= 1, got True"),
        ({"rewind_to": -1}, "rewind_to must be an integer >= 0, got -1"),
        ({"rewind_to": 2.0}, "rewind_to must be an integer >= 0, got 2.0"),
        ({"fine_tune_rate": 0.0, "retrain": "fine-tune"}, "finite number > 0, got 0.0"),
        ({"fine_tune_rate": 0.1}, "retrain='rewind' reads no fine_tune_rate"),
        ({"scratch_cap": 0.5, "controls": ("scratch-b",)}, "finite number >= 1, got 0.5"),
        ({"scratch_cap": float("inf"), "controls": ("scratch-b",)}, "finite number >= 1, got inf"),
        ({"scratch_cap": 2.0}, "scratch-b, which is not among the controls"),
        ({"conv_rate": 0.1, "allocation": "global"}, "it needs allocation='layerwise'"),
        (
            {"output_rate": 0.1, "granularity": "unit", "score": "random"},
            "units of output layers all stay: leave output_rate out",
        ),
    ],
)
def test_configurations_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        TicketConfig(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"levels": 9, "rate": 0.5},
            "level 7 would leave layer 'fc2' without weights: its 63 are too few for 9 levels",
        ),
        ({"levels": 12, "output_rate": 0.6}, "level 5 would leave layer 'fc3'"),
        (
            {"levels": 9, "rate": 0.5, "allocation": "global"},
            "level 7 would leave layer 'fc3' without weights: fewer are kept of all layers",
        ),
        (
            {"levels": 9, "granularity": "unit", "score": "random", "rate": 0.5},
            "level 4 would leave layer 'fc2' without units: its 7 are too few",
        ),
    ],
)
def test_a_level_that_would_empty_a_layer_is_named_beforehand(options, words):
    config = TicketConfig(**options)
    with pytest.raises(CollapseError, match=words):
        check_levels(config, SMALL)


def test_levels_are_allowed_up_to_the_one_before_the_collapse():
    check_levels(TicketConfig(levels=6, rate=0.5), SMALL)


def test_a_level_that_would_remove_nothing_is_refused():
    with pytest.raises(ValueError, match="level 1 would remove nothing more than level 0"):
        check_levels(TicketConfig(levels=1, rate=1e-4), SMALL)


def test_a_rate_for_convolutions_needs_a_convolution():
    with pytest.raises(ValueError, match=r"conv_rate = 0.1 is of convolutions, and the network"):
        check_levels(TicketConfig(levels=1, conv_rate=0.1), SMALL)
    check_levels(TicketConfig(levels=1, conv_rate=0.1), conv_2(input_shape=(1, 4, 4), classes=3))


def test_networks_without_anything_to_remove_are_refused():
    one_layer = mlp((), input_shape=(1, 4, 4), classes=3)
    config = TicketConfig(levels=1, granularity="unit", score="filter_norm")
    with pytest.raises(ValueError, match="no units that may be removed"):
        check_levels(config, one_layer)
    transposed = nn.Sequential(nn.ConvTranspose2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 3))
    check_levels(config, transposed)
    normalised = nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.LayerNorm(5), nn.Linear(5, 3))
    with pytest.raises(ValueError, match="a mask of weights cannot remove units of layer '0'"):
        check_levels(config, normalised)
