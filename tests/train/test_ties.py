"""Tied parameters and modules at several places, trained as PyTorch trains them."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

from surfeit.core import digest, evaluate, parameters, ties
from surfeit.data import Dataset
from surfeit.models.structure import weight_matrix_of
from surfeit.prune.schedules import at_step
from surfeit.store import Run, Store
from surfeit.train import Pruning, Recipe, Recorder, train
from surfeit.train.gradients import dense_layers
from surfeit.train.state import may_draw

from .conftest import content, interrupted_at

STEPS = 6


class Net(nn.Module):
    """Two hidden layers of one shape, an output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(16, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.c(self.b(self.a(x.flatten(1)).relu()).relu()).relu())


def chain() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()),
        *(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)),
    )


def autoencoding() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3)
    )


def by_object(one: nn.Module, other: nn.Module, name: str = "weight") -> None:
    setattr(other, name, getattr(one, name))


def by_storage(one: nn.Module, other: nn.Module, name: str = "weight") -> None:
    setattr(other, name, nn.Parameter(getattr(one, name).data))


def by_transposition(one: nn.Module, other: nn.Module, name: str = "weight") -> None:
    getattr(other, name).data = getattr(one, name).data.T


def tied(base: Callable[[], nn.Module], tie: Callable[..., None], name: str) -> nn.Module:
    torch.manual_seed(3)
    model = base()
    one, other = [part for part in model.modules() if isinstance(part, nn.Linear)][1:3]
    if base is autoencoding:
        one, other = model[1], model[3]
    tie(one, other, name)
    return model


TIED = [
    *((base, tie, "weight") for base in (Net, chain) for tie in (by_object, by_storage)),
    *((base, tie, "bias") for base in (Net, chain) for tie in (by_object, by_storage)),
    *((base, by_transposition, "weight") for base in (Net, chain, autoencoding)),
]


def pytorch(model: nn.Module, dataset: Dataset, **options: float) -> nn.Module:
    """The model, trained by PyTorch on whole batches."""
    optimiser = torch.optim.SGD(model.parameters(), 0.05, **options)
    for _ in range(STEPS):
        optimiser.zero_grad()
        F.cross_entropy(model(dataset.train.images), dataset.train.labels).backward()
        optimiser.step()
    return model


def recipe(dataset: Dataset, **options: float) -> Recipe:
    return Recipe(steps=STEPS, lr=0.05, batch_size=len(dataset.train), **options)


def check_equal(run: Run, own: nn.Module, bound: float = 1e-6) -> None:
    got = run.tensors()
    assert got.keys() == parameters(own).keys() | {n for n, _ in own.named_buffers()}
    for name, value in own.named_parameters():
        tie = ties(own).get(name)
        found = tie.of(got[tie.to]) if tie else got[name]
        assert (found - value).abs().max() < bound, name


@pytest.mark.parametrize(("base", "tie", "name"), TIED)
def test_tied_parameters_train_as_in_pytorch(base, tie, name, dataset, store):
    model = tied(base, tie, name)
    before = digest(parameters(model))
    run = train(model, dataset, recipe(dataset), store=store)
    assert digest(parameters(model)) == before
    own = pytorch(tied(base, tie, name), dataset)
    check_equal(run, own)
    loaded = run.model(into=tied(base, tie, name)) if base is Net else run.model()
    assert ties(loaded) == ties(own)
    images = dataset.test.images
    assert torch.allclose(loaded(images), own.eval()(images), atol=1e-5)
    accuracy = evaluate(loaded, parameters(loaded), dataset.test).accuracy
    assert accuracy == run.metrics()["test_accuracy"].to_pylist()[-1]
    for layer in run.layers:
        weight = loaded.get_submodule(layer).weight
        assert torch.equal(run.weights(layer)[-1], weight)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"momentum": 0.9}, {"momentum": 0.9}),
        ({"momentum": 0.9, "weight_decay": 0.1}, {"momentum": 0.9, "weight_decay": 0.1}),
    ],
)
def test_momentum_and_decay_update_one_object_once(ours, theirs, dataset, store):
    objects = train(tied(chain, by_object, "weight"), dataset, recipe(dataset, **ours), store=store)
    check_equal(objects, pytorch(tied(chain, by_object, "weight"), dataset, **theirs), 1e-5)
    memory = train(tied(chain, by_storage, "weight"), dataset, recipe(dataset, **ours), store=store)
    assert content(memory) == content(objects)


def test_a_masked_tied_weight_is_zero_at_both_places(dataset, store):
    model = tied(autoencoding, by_transposition, "weight")
    kept = torch.rand(8, 16) > 0.5
    run = train(model, dataset, recipe(dataset), mask={"1.weight": kept}, store=store)
    loaded = run.model()
    assert torch.equal(loaded[1].weight != 0, kept)
    assert torch.equal(loaded[3].weight != 0, kept.T)
    assert torch.equal(run.weights("3")[-1], loaded[3].weight)
    with pytest.raises(ValueError, match=r"'3.weight' is one parameter with '1.weight'"):
        train(model, dataset, recipe(dataset), mask={"3.weight": kept.T}, store=store)


@pytest.mark.parametrize("tie", [by_object, by_storage, by_transposition])
def test_a_tied_weight_is_pruned_once_while_it_trains(tie, dataset, store):
    pruning = Pruning(moments=at_step(2, 0.5))
    model = tied(chain, tie, "weight")
    run = train(model, dataset, recipe(dataset), pruning=pruning, store=store)
    kept = run.mask_at()
    assert list(kept) == ["1.weight", "3.weight", "7.weight"]
    loaded = run.model()
    weight, other = loaded[3].weight, loaded[5].weight
    assert torch.equal(weight != 0, kept["3.weight"])
    assert torch.equal(other, weight.T if tie is by_transposition else weight)


def test_a_tied_training_is_resumed_to_the_bit(dataset, tmp_path):
    model = tied(autoencoding, by_transposition, "weight")
    small = Recipe(epochs=3, batch_size=16, optimizer="adam")
    whole = train(model, dataset, small, store=Store(tmp_path / "whole"))
    with interrupted_at(5):
        train(model, dataset, small, store=Store(tmp_path / "broken"))
    assert content(train(model, dataset, small, store=Store(tmp_path / "broken"))) == content(whole)


def test_ties_and_their_kinds_are_in_the_key(dataset, store):
    models = [
        tied(chain, by_object, "weight"),
        tied(chain, by_object, "bias"),
        tied(chain, by_transposition, "weight"),
        copy.deepcopy(tied(chain, by_storage, "weight")),  # loosens the tie
    ]
    keys = {train(model, dataset, recipe(dataset), store=store).key for model in models}
    assert len(keys) == len(models)


def twice(kind: str) -> nn.Sequential:
    """A network with one module at two places."""
    torch.manual_seed(4)
    first, last = nn.Linear(16, 8), nn.Linear(8, 3)
    act, layer = nn.Tanh(), nn.Linear(8, 8)
    block, norm = nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.BatchNorm1d(8)
    pool, conv = nn.MaxPool2d(2, 1), nn.Conv2d(1, 1, 3, padding=1)
    return nn.Sequential(
        *{
            "activation": (nn.Flatten(), first, act, nn.Linear(8, 8), act, last),
            "layer": (nn.Flatten(), first, nn.Tanh(), layer, nn.Tanh(), layer, nn.Tanh(), last),
            "block": (nn.Flatten(), first, nn.Tanh(), block, nn.Sequential(block, block), last),
            "normalisation": (nn.Flatten(), first, norm, nn.ReLU(), nn.Linear(8, 8), norm, last),
            "pool": (conv, pool, conv, pool, nn.Flatten(), nn.Linear(4, 3)),
            "last": (nn.Flatten(), first, (relu := nn.ReLU()), last, relu),
            "middle": (nn.Flatten(), first, relu, nn.Linear(8, 8), relu, last),
        }[kind]
    )


@pytest.mark.parametrize(
    "kind", ["activation", "layer", "block", "normalisation", "pool", "last", "middle"]
)
def test_a_module_at_two_places_trains_as_in_pytorch(kind, dataset, store):
    model = twice(kind)
    before = [id(value) for value in model.parameters()]
    run = train(model, dataset, recipe(dataset), store=store)
    assert [id(value) for value in model.parameters()] == before
    own = pytorch(twice(kind).train(), dataset).eval()
    check_equal(run, own, 1e-5)
    loaded = run.model()
    assert str(loaded) == str(own)
    images, labels = dataset.test.images, dataset.test.labels
    assert torch.allclose(loaded(images), own(images), atol=1e-5)
    accuracy = (loaded(images).argmax(1) == labels).double().mean().item()
    assert accuracy == run.metrics()["test_accuracy"].to_pylist()[-1]


def test_networks_that_differ_in_a_second_place_have_two_keys(dataset, store):
    act, first, last = nn.ReLU(), nn.Linear(16, 8), nn.Linear(8, 3)
    models = [
        nn.Sequential(nn.Flatten(), first, act, last),
        nn.Sequential(nn.Flatten(), first, act, last, act),
        nn.Sequential(nn.Flatten(), first, act, last, act, act),
    ]
    assert dense_layers(models[0]) == ["1", "3"]
    assert [dense_layers(model) for model in models[1:]] == [None, None]
    runs = [train(model, dataset, recipe(dataset), store=store) for model in models]
    assert len({run.key for run in runs}) == 3
    assert [len(run.model()) for run in runs] == [4, 5, 6]


@pytest.mark.parametrize(
    "model",
    [
        tied(chain, by_storage, "weight"),
        tied(chain, by_transposition, "weight"),
        tied(chain, by_object, "bias"),
        twice("layer"),
    ],
)
def test_no_closed_form_where_parameters_are_tied(model):
    assert dense_layers(model) is None


class Logistic(nn.Linear):
    """A network that is one layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1))


def test_a_network_that_is_one_layer_is_trained_masked_and_read(dataset, store):
    torch.manual_seed(5)
    model = Logistic(16, 3)
    own = pytorch(copy.deepcopy(model), dataset)
    run = train(model, dataset, recipe(dataset), store=store)
    check_equal(run, own)
    assert run.layers == [""]
    assert torch.equal(run.weights("")[-1], run.model(into=Logistic(16, 3)).weight)
    kept = torch.rand(3, 16) > 0.5
    masked = train(model, dataset, recipe(dataset), mask={"weight": kept}, store=store)
    assert torch.equal(masked.weights("")[-1] != 0, kept)


@pytest.mark.parametrize(
    "model", [nn.Linear(64, 10), nn.Conv2d(1, 4, 3), nn.ConvTranspose1d(2, 3, 2), Logistic(4, 2)]
)
def test_a_network_that_is_one_layer_is_recorded(model, tmp_path):
    run = Recorder(model, tmp_path).finish()
    assert torch.equal(run.weights("")[0], weight_matrix_of(model, ""))
    built = run.model(into=Logistic(4, 2)) if type(model) is Logistic else run.model()
    assert digest(parameters(built)) == digest(parameters(model))


@pytest.mark.parametrize("tie", [by_object, by_storage, by_transposition])
def test_a_recorded_network_is_read_and_rebuilt_with_its_ties(tie, tmp_path):
    model = tied(chain, tie, "weight")
    with Recorder(model, tmp_path) as recorder:
        with torch.no_grad():
            model[3].weight.add_(1)
        recorder.record(1)
    run = Run(tmp_path)
    built = run.model()
    for layer in run.layers:
        weight = model.get_submodule(layer).weight
        assert torch.equal(run.weights(layer)[1], weight)
        assert torch.equal(built.get_submodule(layer).weight, weight)
        assert torch.equal(run.weights(layer)[0] + (layer in "35"), run.weights(layer)[1])
    # PyTorch's own conversion loosens all but one object: that is what was recorded.
    double = Recorder(tied(chain, tie, "weight").double(), tmp_path / "double").finish()
    assert double.model()[5].weight.dtype == torch.float64
    assert ties(double.model()).keys() == ({"5.weight"} if tie is by_object else set())


def computed(kind: str) -> nn.Module:
    torch.manual_seed(6)
    model = chain()
    if kind == "pruned":
        prune.l1_unstructured(model[3], "weight", 0.5)
    if kind == "parametrised":
        parametrizations.weight_norm(model[3])
    if kind == "normalised":
        with pytest.warns(FutureWarning):
            nn.utils.weight_norm(model[3])
    return model


@pytest.mark.parametrize("kind", ["pruned", "parametrised", "normalised"])
def test_computed_weights_train_as_in_pytorch(kind, dataset, store):
    model = computed(kind)
    model(dataset.train.images)  # leaves a weight behind that is no leaf
    run = train(model, dataset, recipe(dataset), store=store)
    check_equal(run, pytorch(computed(kind), dataset))


@pytest.mark.parametrize(
    ("part", "draws"),
    [
        *((kind(0.5), True) for kind in (nn.Dropout, nn.Dropout2d, nn.AlphaDropout)),
        *((kind(0.5), True) for kind in (nn.Dropout1d, nn.Dropout3d, nn.FeatureAlphaDropout)),
        (nn.RReLU(), True),
        (Logistic(8, 8), True),
        *((part, False) for part in (nn.SiLU(), nn.LayerNorm(8), nn.Tanh(), nn.PReLU())),
    ],
)
def test_what_may_draw_is_seen_at_any_depth_and_place(part, draws):
    shared = nn.Sequential(nn.ReLU(), nn.Sequential(part))
    assert may_draw(nn.Sequential(nn.Linear(8, 8), shared, shared)) == draws


def test_the_record_says_how_to_build_what_the_key_prints(dataset, store):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.SiLU(), nn.Linear(8, 3))
    run = train(model, dataset, recipe(dataset), store=store)
    assert run.config["architecture"]["class"].endswith("Sequential")
    assert torch.equal(run.model()[3].weight, run.tensors()["3.weight"])
    assert str(run.model()) == str(model)
