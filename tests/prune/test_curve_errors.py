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
        (torch.tensor([0, 5]), r"the units of layer 'fc1' are 0 to 4, the order names \[5\]"),
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


@pytest.mark.parametrize(
    ("mixing", "words"),
    [
        (nn.Softmax(1), r"between '1' and '3' \(behind softmax\) no element belongs to one unit"),
        (nn.AvgPool1d(3, 1, 1), "no element belongs to one unit"),
        (nn.MaxPool1d(3, 1, 1), "no element belongs to one unit"),
        (nn.LogSoftmax(1), "no element belongs to one unit"),
    ],
)
def test_functions_that_mix_units_are_named(mixing, words):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), mixing, nn.Linear(5, 2))
    refused(model, "1", f"units of .*'1' cannot be removed: .*{words}")


def test_pools_along_the_units_of_a_convolution_are_refused():
    signal = Split(torch.randn(4, 3, 10), torch.randint(0, 2, (4,)))
    model = nn.Sequential(nn.Conv1d(3, 5, 3), nn.MaxPool2d(3, 1, 1), nn.Flatten(), nn.Linear(40, 2))
    with pytest.raises(ValueError, match=r"behind max_pool2d, flatten\) no element belongs to one"):
        removal_curve(model, "0", torch.arange(5), signal)


def test_networks_that_cannot_be_run_say_at_which_function():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Bilinear(5, 5, 5))
    refused(model, "1", "cannot be run on the example.*Bilinear.forward")
    refused(mlp((5,), input_shape=(1, 3, 3)), "fc1", "cannot be run on the example at 'flatten'")


def test_normalisation_over_the_batch_is_refused():
    norm = nn.BatchNorm1d(5, track_running_stats=False)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), norm, nn.Linear(5, 2))
    refused(model, "1", "'2' keeps no running statistics")


def test_outputs_of_another_form_are_refused():
    refused(nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 2, 1)), "0", "needs outputs of shape")


@pytest.mark.parametrize("where", ["weight", "running variance", "infinite output", "pixel"])
def test_networks_that_answer_no_numbers_cannot_be_judged(where):
    torch.manual_seed(0)
    parts = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(24, 10)
    model, split = nn.Sequential(*parts).eval(), small_split()
    with torch.no_grad():
        if where == "weight":
            model[4].weight[4, 2] = torch.nan
        elif where == "running variance":
            model[1].running_var[2] = torch.nan
        elif where == "infinite output":
            model[4].bias[:] = torch.inf
        else:
            split = Split(split.inputs.index_fill(3, torch.tensor(1), torch.nan), split.targets)
    with pytest.raises(ValueError, match="NaN"):
        removal_curve(model, "0", torch.arange(6), split)


def test_labels_without_an_output_are_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 2))
    split = Split(torch.randn(4, 1, 4, 4), torch.tensor([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="labels in"):
        removal_curve(model, "1", torch.arange(5), split)
    one = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 1))
    with pytest.raises(ValueError, match="binary_cross_entropy"):
        removal_curve(one, "1", torch.arange(5), Split(split.inputs, split.targets.clamp(max=1)))


def small_split():
    return Split(torch.randn(4, 1, 4, 4), torch.randint(0, 10, (4,)))


def test_what_is_no_model_split_or_objective_is_told_apart():
    with pytest.raises(ValueError, match=r"model must be an nn.Module such as run.model\(\), got"):
        removal_curve("run", "fc1", ORDER, SPLIT)
    with pytest.raises(ValueError, match=r"split must be a Split such as data\.validation"):
        removal_curve(small(), "fc1", ORDER, (SPLIT.inputs, SPLIT.labels))
    refused(small(), "fc1", "objective must be an Objective, got 'hinge'", objective="hinge")


def test_networks_that_mix_examples_are_refused():
    class Centred(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(16, 5), nn.Linear(5, 10)

        def forward(self, x):
            h = self.a(x.flatten(1))
            return self.b((h - h.mean(0)).relu())

    with pytest.raises(ValueError, match="depend on the examples beside it"):
        removal_curve(Centred(), "a", torch.arange(5), small_split())
