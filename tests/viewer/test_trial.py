"""What if these units go: what the page is told of a selection."""

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.data import load
from surfeit.models import Structure, conv_2, mlp
from surfeit.prune import removal_trial
from surfeit.store import Store
from surfeit.tables import counted_interval
from surfeit.train import Recipe, train
from surfeit.viewer.frames import trial
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.frames.removal import Measuring
from surfeit.viewer.frames.trial import trial_answer, units_in
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.networks import Network


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("trial")


@pytest.fixture(scope="module")
def run(root):
    model = mlp((12, 8), input_shape=(1, 8, 8), classes=10)
    return train(model, load("digits"), Recipe(epochs=2, lr=0.1), store=Store(root))


@pytest.fixture
def pictures(root, tmp_path):
    library = Library(Store(root), dataset_of=lambda _: load("digits"))
    return Pictures(library, Cache(tmp_path / "cache"))


def of(model, split, layer, units, **options):
    network = Network(model.eval(), Structure.of(model, split.inputs[:1]))
    return trial_answer(Measuring(network, split, **options), layer, torch.tensor(units))


def draw(*shape, name="draw"):
    return torch.randn(*shape, generator=Streams(4).get(name))


def test_a_selection_is_told_with_its_interval_beside_random_ones(run, pictures):
    answer = pictures.trial(Query(run.key, "fc1"), "0,3-5")
    split = load("digits").validation
    found = removal_trial(
        run.model(), "fc1", torch.tensor([0, 3, 4, 5]), split, dtype=torch.float32
    )
    assert (answer["removed"], answer["units"], answer["examples"]) == (4, 12, len(split))
    assert (answer["whole"], answer["without"]) == tuple(found.chosen.points.tolist())
    interval = counted_interval(int(found.chosen.lost[1]), int(found.chosen.gained[1]), len(split))
    assert answer["interval"] == [interval.lower, interval.upper]
    values = found.random_values
    assert answer["random"] == {
        "draws": 39,
        "least": values[0],
        "mean": sum(values) / 39,
        "most": values[-1],
        "as_good": found.as_good,
    }
    first, second = answer["words"]
    assert first.startswith("Without these 4 units ")
    assert f"of {len(split)} validation images are answered rightly" in first
    assert "95\N{NO-BREAK SPACE}% confidence" in first
    assert f"in 39 draws, of which {found.as_good} do as well or better." in second
    assert pictures.trial(Query(run.key, "fc1"), "5,4,3,0,3") == answer


def test_of_all_units_there_is_no_other_choice(run, pictures):
    answer = pictures.trial(Query(run.key, "fc2"), "0-7")
    assert answer["random"] is None
    assert len(answer["words"]) == 1
    assert answer["words"][0].startswith("Without all 8 units ")


def test_of_a_regression_the_loss_is_told():
    split = Split(draw(30, 5), draw(30, 1, name="targets"))
    model = mlp((6,), input_shape=(5,), classes=1)
    answer = of(model, split, "fc1", [2], objective=squared_error)
    assert (answer["measure"], answer["interval"]) == ("squared_error", None)
    assert answer["words"][0].startswith("Without this unit the loss (squared_error) on 30 ")
    assert answer["words"][1].startswith("Without another unit drawn at random it is ")


def test_a_large_network_is_tried_on_fewer_examples_and_draws(monkeypatch):
    model, split = conv_2(), Split(draw(80, 3, 32, 32), torch.zeros(80, dtype=torch.int64))
    monkeypatch.setattr(trial, "_OPERATIONS", 1e6)
    answer = of(model, split, "fc1", [0, 9])
    assert (answer["examples"], answer["random"]["draws"]) == (64, 19)
    monkeypatch.setattr(trial, "_OPERATIONS", 1e13)
    assert of(model, split, "fc1", [0])["examples"] == 80


def test_examples_of_several_answers_have_no_interval():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    split = Split(draw(20, 7, 4), torch.randint(0, 3, (20, 7)))
    answer = of(model, split, "0", [1])
    assert (answer["measure"], answer["interval"]) == ("accuracy", None)
    assert "% of the answers to 20 validation examples are right" in answer["words"][0]
    assert "confidence" not in answer["words"][0]


@pytest.mark.parametrize(
    "text", ["", "a", "3,", "5-3", "-1", "1;2", "0-9999999", "1.5", "99999999"]
)
def test_what_is_no_list_of_units_is_refused(text):
    with pytest.raises(ValueError, match="units must be a list such as 3,17-20"):
        units_in(text)


def test_a_list_of_units_is_read():
    assert units_in("17-20,3,18").tolist() == [3, 17, 18, 19, 20]


def test_what_cannot_be_tried_is_said(root, run, pictures):
    with pytest.raises(ValueError, match=r"the units of 'fc1' are 0 to 11, the selection names"):
        pictures.trial(Query(run.key, "fc1"), "12")
    bare = Pictures(Library(Store(root)), Cache(None))
    with pytest.raises(ValueError, match="are not given"):
        bare.trial(Query(run.key, "fc1"), "1")
