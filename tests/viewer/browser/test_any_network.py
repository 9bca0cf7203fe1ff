"""Regressions, residual networks, tokens and odd names, as their reader sees them."""

import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.data import from_tensors
from surfeit.store import Store
from surfeit.train import Recipe, Recorder, train

pytestmark = pytest.mark.usefixtures("built")


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(12, 9)
        self.inner = nn.Linear(9, 5)
        self.back = nn.Linear(5, 9)
        self.head = nn.Linear(9, 3)

    def forward(self, x):
        x = self.stem(x).relu()
        return self.head(x + self.back(self.inner(x).relu()))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 6)
        self.lstm = nn.LSTM(6, 7, batch_first=True)
        self.tag = nn.Linear(7, 3)

    def forward(self, tokens):
        return self.tag(self.lstm(self.words(tokens))[0])


def dataset(name, make):
    parts = ("train", "validation", "test")
    splits = {part: make(Streams(0).get(name, part)) for part in parts}
    classes = splits["train"].task == "classes"
    return from_tensors(name, **splits, class_names=("a", "b", "c") if classes else None)


def line(generator):
    inputs = torch.rand(60, 1, generator=generator)
    return Split(inputs, 2 * inputs - 1)


def vectors(generator):
    return Split(torch.randn(60, 12, generator=generator), torch.arange(60) % 3)


def tokens(generator):
    words = torch.randint(0, 9, (60, 5), generator=generator)
    return Split(words, words % 3)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_a_regression_shows_its_losses_and_what_is_explained(serve, viewer, store):
    data = dataset("line", line)
    network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    train(network, data, Recipe(epochs=3, lr=0.1), objective=squared_error, store=store)
    viewer.open(serve(store, dataset=data))
    learning = viewer.chart_words("learning")
    expect(learning).to_contain_text("squared error of")
    expect(learning.get_by_role("button", name="accuracy")).to_be_hidden()
    learning.get_by_role("button", name="R²").click()
    expect(learning).to_contain_text("A validation R² of")
    removal = viewer.chart_words("removal")
    expect(removal).to_contain_text("with a loss of at most")
    expect(removal).to_contain_text("60 validation examples")


def test_a_residual_network_says_which_units_go_together(serve, viewer, store, tmp_path):
    data = dataset("vectors", vectors)
    run = Recorder(Residual(), tmp_path / "run", data=data).finish()
    address = serve(store, run, dataset=data, model=Residual())
    viewer.open(f"{address}#v=1&layer=stem")
    expect(viewer.chart_words("removal")).to_contain_text("Each unit goes together with those of")
    viewer.choose("layer", "inner")
    expect(viewer.chart_words("removal")).to_contain_text("any unit of inner can go")
    viewer.choose("layer", "back")
    viewer.likeness("unit outputs").click()
    expect(viewer.page.get_by_text("as the layer leaves them")).to_be_visible()


def test_a_network_on_tokens_shows_its_recurrent_units(serve, viewer, store, tmp_path):
    data = dataset("tokens", tokens)
    run = Recorder(Tagger(), tmp_path / "run", data=data).finish()
    viewer.open(f"{serve(store, run, dataset=data, model=Tagger())}#v=1&layer=lstm&source=outputs")
    expect(viewer.page.get_by_role("heading", level=1)).to_contain_text("a unit of lstm")
    expect(viewer.chart_words("removal")).to_contain_text("of 7 units go")


def test_layers_of_any_name_can_be_chosen_and_shared(serve, viewer, store, tmp_path):
    model = nn.Sequential()
    model.add_module("first layer", nn.Linear(4, 5))
    model.add_module("block1/unit_1", nn.Linear(5, 6))
    model.add_module("größe & a=b#c", nn.Linear(6, 3))
    run = Recorder(model, tmp_path / "run").finish()
    viewer.open(serve(store, run))
    for name in ("block1/unit_1", "größe & a=b#c"):
        viewer.choose("layer", name)
        viewer.expect_state(layer=name)
        expect(viewer.page.get_by_role("heading", level=1)).to_contain_text(f"a unit of {name};")
        viewer.page.reload()
        viewer.shown()
        expect(viewer.page.get_by_role("heading", level=1)).to_contain_text(f"a unit of {name};")


def test_the_only_layer_without_a_name_is_the_network(serve, viewer, store, tmp_path):
    run = Recorder(nn.Linear(12, 6), tmp_path / "run").finish()
    viewer.open(f"{serve(store, run)}#v=1&layer=")
    expect(viewer.page.get_by_role("heading", level=1)).to_contain_text("a unit of the network;")
    assert viewer.saved()["title"].startswith("Linear, the network, ")
