"""Every way in which a removal curve refuses its arguments."""

import pytest
import torch
from torch import nn

from surfeit.core import Split
from surfeit.models import mlp
from surfeit.prune import removal_curve

ORDER = torch.tensor([1, 0])
SPLIT = Split(torch.ones(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64))


def refused(model, layer, message, order=ORDER, **options):
    with pytest.raises(ValueError, match=message):
        removal_curve(model, layer, order, SPLIT, **options)


def small():
    return mlp((5,), input_shape=(1, 4, 4))


def test_unknown_layers_get_the_nearest_names():
    refused(small(), "fc11", "no layer 'fc11': did you mean 'fc1'")


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (torch.tensor([0.0]), r"order must be int64 \[removals\], got torch.float32 \[1\]"),
        (torch.tensor([[0]]), r"order must be int64 \[removals\], got torch.int64 \[1, 1\]"),
        (torch.tensor([0, 5]), r"layer 'fc1' has units 0 to 4, the order names \[5\]"),
        (torch.tensor([-1]), r"the order names \[-1\]"),
        (torch.tensor([3, 1, 3]), r"removes units more than once: \[3\]"),
    ],
)
def test_orders_must_name_units_once(order, message):
    refused(small(), "fc1", message, order)


def test_dtype_and_memory_are_checked():
    refused(
        small(), "fc1", r"dtype must be .*float32 or .*float64, got .*float16", dtype=torch.half
    )
    refused(small(), "fc1", "memory must be at least 1 byte, got 0", memory=0)


@pytest.mark.parametrize("mixing", [nn.Softmax(1), nn.LayerNorm(5), nn.Bilinear(5, 5, 5)])
def test_modules_that_mix_units_are_refused(mixing):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), mixing, nn.Linear(5, 2))
    refused(model, "1", f"'2' behind layer '1' is a {type(mixing).__name__}.*Flatten, Dropout and")


def test_layers_inside_other_modules_are_refused():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(16, 16)

        def forward(self, x):
            return x + self.fc(x)

    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), Block(), nn.Linear(16, 2))
    refused(model, "2.fc", "layer '2.fc' is inside a module that is no nn.Sequential")
    refused(model, "1", r"'2' behind layer '1' is a Block(.|\n)*\(with layers fc\), which may mix")


def test_layers_used_twice_are_refused():
    shared = nn.Linear(16, 16)
    refused(nn.Sequential(nn.Flatten(), shared, nn.ReLU(), shared), "1", "used more than once")


def test_transposed_convolutions_are_refused():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ConvTranspose2d(2, 2, 1), nn.Flatten())
    refused(model, "0", "layer '1' is a ConvTranspose2d")
    refused(model, "1", "layer '1' is a ConvTranspose2d")


def test_normalisation_over_the_batch_is_refused():
    norm = nn.BatchNorm1d(5, track_running_stats=False)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), norm, nn.Linear(5, 2))
    refused(model, "1", "'2' keeps no running statistics")


def test_images_that_do_not_fit_are_refused():
    refused(mlp((5,), input_shape=(1, 3, 3)), "fc1", r"the model takes no image \[1, 4, 4\]")


def test_missing_flattens_are_noticed():
    refused(nn.Sequential(nn.Linear(4, 3), nn.Flatten()), "0", "is a Flatten missing before it")
    unflattened = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Linear(4, 2), nn.Flatten())
    refused(unflattened, "0", r"the next layer reads \[1, 3, 4, 4\]")
    refused(nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 2, 1)), "0", r"must return \[images, cl")
    partly = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Flatten(2), nn.Linear(16, 2), nn.Flatten())
    refused(partly, "0", "'1' behind layer '0' is a Flatten")
