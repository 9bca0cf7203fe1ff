import copy

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, digest
from surfeit.models import mlp
from surfeit.spectra import accuracy_by_rank, project, project_update

SHAPE = (2, 6, 6)


def split(count=60, classes=5):
    images = torch.randn(count, *SHAPE, generator=Streams(0).get("images"))
    return Split(images, torch.arange(count) % classes)


def small_mlp():
    return mlp((12, 8), input_shape=SHAPE, classes=5, generator=Streams(1).get("init"))


def small_conv():
    """A convolution with batch statistics that matter, in a nested part."""
    body = nn.Sequential(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
    model = nn.Sequential()
    model.add_module("body", body)
    model.add_module("flatten", nn.Flatten())
    model.add_module("relu", nn.ReLU(inplace=True))
    model.add_module("head", nn.Linear(96, 5))
    body(split().images)
    return model


class Residual(nn.Module):
    """No Sequential: it can only be run whole."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(72, 72)
        self.head = nn.Linear(72, 5)

    def forward(self, images):
        hidden = images.flatten(1)
        return self.head(hidden + self.fc(hidden).relu())


class Doubled(nn.Sequential):
    """A Sequential by type, with a forward pass of its own."""

    def forward(self, input):
        return super().forward(input.abs())


def tied():
    shared = nn.Linear(72, 72)
    return nn.Sequential(nn.Flatten(), shared, nn.ReLU(), shared, nn.Linear(72, 5))


def reused_activation():
    relu = nn.ReLU(inplace=True)
    return nn.Sequential(nn.Flatten(), nn.Linear(72, 9), relu, nn.Linear(9, 7), relu,
                         nn.Linear(7, 5))  # fmt: skip


def beginning_in_place():
    return nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 5))


def starting_in_place():
    return nn.Sequential(nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 5)))


CASES = [
    (small_mlp, "fc1"),
    (small_mlp, "fc2"),
    (small_mlp, "fc3"),
    (lambda: small_mlp().double(), "fc1"),
    (small_conv, "body.0"),
    (small_conv, "head"),
    (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(12, 5)
        ),
        "2",
    ),
    (lambda: nn.Sequential(nn.Flatten(), nn.Linear(72, 9, bias=False), nn.Linear(9, 5)), "1"),
    (Residual, "fc"),
    (lambda: Doubled(nn.Flatten(), nn.Linear(72, 9), nn.Linear(9, 5)), "1"),
    (tied, "1"),
    (reused_activation, "3"),
    (lambda: reused_activation().double(), "3"),
]


def built(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


def brute_force(model, name, data, ranks, initial=None):
    found = []
    for rank in ranks:
        changed = copy.deepcopy(model).eval()
        weight = changed.get_submodule(name).weight
        with torch.no_grad():
            near = project(weight, rank) if initial is None else project_update(
                weight, initial, rank
            )  # fmt: skip
            weight.copy_(near)
            scores = changed(data.images.to(weight.dtype).clone())
        found.append((scores.argmax(1) == data.labels).double().mean().item())
    return found


def typed(data, model):
    return Split(data.images.to(next(model.parameters()).dtype), data.labels)


@pytest.mark.parametrize(("build", "name"), CASES)
@pytest.mark.parametrize("batch", [7, 1000])
def test_accuracies_equal_those_of_full_passes(build, name, batch):
    model = built(build)
    data = typed(split(), model)
    full = min(model.get_submodule(name).weight.flatten(1).shape)
    ranks = [full, 0, 1, full // 2, 1]
    found = accuracy_by_rank(model, name, data, ranks, batch=batch)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx(brute_force(model, name, data, ranks))


@pytest.mark.parametrize(("build", "name"), CASES)
def test_accuracies_of_projected_updates_equal_those_of_full_passes(build, name):
    model = built(build)
    data = typed(split(), model)
    weight = model.get_submodule(name).weight.detach()
    initial = weight + torch.randn(weight.shape, generator=Streams(2).get("move"))
    full = min(weight.flatten(1).shape)
    ranks = sorted({0, 1, 2, full // 3, full // 2, full - 1, full})
    found = accuracy_by_rank(model, name, data, ranks, initial=initial, batch=32)
    expected = brute_force(model, name, data, ranks, initial)
    assert found.tolist() == pytest.approx(expected)
    assert len(set(expected)) > 1


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (small_conv, "body.0"),
        (Residual, "fc"),
        (starting_in_place, "0.2"),
        (beginning_in_place, "2"),
    ],
)
def test_model_and_images_are_left_as_they_were(build, name):
    model, data = built(build).train(), split()
    before = digest(model.state_dict() | {"images": data.images})
    accuracy_by_rank(model, name, data, [1, 2])
    assert digest(model.state_dict() | {"images": data.images}) == before
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "fc9"}, "no layer 'fc9'"),
        ({"ranks": []}, "need at least one rank"),
        ({"ranks": [1, 13]}, r"ranks of \[12, 72\] are from 0 to 12, got 13"),
        ({"batch": 0}, "a batch of 1, got"),
        ({"initial": torch.zeros(12, 71)}, r"one shape, got \[12, 72\] and \[12, 71\]"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    given = {"name": "fc1", "ranks": [1], "split": split()} | options
    with pytest.raises(ValueError, match=message):
        accuracy_by_rank(small_mlp(), **given)


@pytest.mark.parametrize("name", ["3", "5"])
def test_a_tied_weight_is_projected_at_both_places(name):
    torch.manual_seed(0)
    parts = [nn.Flatten(), nn.Linear(72, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)]
    model, images = nn.Sequential(*parts), split(classes=8)
    model[5].weight.data = model[3].weight.data.T  # over one memory
    found = accuracy_by_rank(model, name, images, [0, 2, 5])
    for rank, accuracy in zip([0, 2, 5], found, strict=True):
        own = copy.deepcopy(model)
        weight = project(model.get_submodule("3").weight.detach(), rank)
        own[3].weight.data, own[5].weight.data = weight, weight.T
        expected = (own(images.images).argmax(1) == images.labels).double().mean()
        assert accuracy == pytest.approx(expected.item(), abs=1e-9)


def test_a_layer_at_two_places_is_projected_at_both_and_has_its_weight_back():
    torch.manual_seed(0)
    layer = nn.Linear(8, 8)
    model, images = (
        nn.Sequential(nn.Flatten(), nn.Linear(72, 8), layer, nn.Tanh(), layer),
        split(classes=8),
    )
    found = accuracy_by_rank(model, "2", images, [3])
    own = copy.deepcopy(model)
    own[2].weight.data = project(layer.weight.detach(), 3)
    assert found.item() == (own(images.images).argmax(1) == images.labels).double().mean().item()
