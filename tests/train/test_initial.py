"""Trainings whose networks are drawn from a named law: key, message, name, controls of tickets."""

import json
from functools import partial

import pytest
import torch
from torch import nn

from surfeit.core import Streams, copied, digest, tensors_of
from surfeit.execute import Local, train_many
from surfeit.models import Initial, OwnBuilder, RadialBasis, drawn_as, initialise_, mlp, resnet
from surfeit.procedures.tickets.drawing import drawn_like
from surfeit.store import Objects, Store
from surfeit.train import Job, Recipe, train_job
from surfeit.train.state import may_draw

from .conftest import make_dataset, normalised

RECIPE = Recipe(lr=0.05, steps=3, batch_size=20)
HE = Initial("he-normal", 2.0)
OWN = """
from torch import nn


def build(*, input_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.GRUCell(16, 5), nn.Linear(5, classes))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(16, 3)

    def forward(self, x):
        return self.body(x.flatten(1))


def foreign(*, input_shape, classes, generator):
    model = Net()
    nn.init.normal_(model.body.weight, generator=generator)
    return model
"""


@pytest.fixture
def dataset():
    return make_dataset()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own_laws.py"
    path.write_text(OWN)
    return path


def sent(job, store):
    objects = Objects(store.root)
    text = json.dumps(job.to_json(objects), allow_nan=False)
    return Job.from_json(json.loads(text), Objects(store.root))


def test_keys_without_a_law_are_what_they_were(dataset):
    # Of surfeit before there were other laws than Glorot's.
    job = Job(partial(mlp, (7, 5)), dataset, RECIPE, seed=3)
    assert job.identity["config"]["initial"] == "glorot-normal"
    same = Job(drawn_as(partial(mlp, (7, 5)), Initial()), dataset, RECIPE, seed=3)
    assert same.key == job.key


def test_laws_and_scales_tell_keys_apart(dataset):
    laws = [Initial(), HE, Initial("he-normal"), Initial("orthogonal"), Initial("normal", 0.01)]
    jobs = [Job(drawn_as(partial(mlp, (7,)), law), dataset, RECIPE) for law in laws]
    assert len({job.key for job in jobs}) == len(laws)
    assert jobs[1].identity["config"]["initial"] == "he-normal * 2.0"
    assert jobs[2].identity["config"]["initial"] == "he-normal"
    assert [job.names()["model"] for job in jobs[:3]] == [
        *("mlp-7", "mlp-7-he-normal-x2", "mlp-7-he-normal")
    ]
    assert [job.law for job in jobs] == laws


def test_replicates_are_drawn_anew_from_the_law(dataset):
    one, other = (Job(drawn_as(partial(mlp, (7,)), HE), dataset, RECIPE, seed=s) for s in (0, 1))
    assert not torch.equal(one.initial()["fc1.weight"], other.initial()["fc1.weight"])
    expected = initialise_(copied(other.network), Streams(1).get("init"), HE)
    assert digest(other.initial()) == digest(tensors_of(expected))


@pytest.mark.parametrize(
    "builder",
    [
        partial(mlp, (7, 5)),
        partial(mlp, (7,), activation="radial"),
        partial(mlp, (7,), activation="maxout", normalise="layer"),
        partial(resnet, 8),
        normalised,
    ],
    ids=["mlp", "radial", "maxout", "resnet", "own builder"],
)
@pytest.mark.parametrize("law", [Initial(), HE])
def test_jobs_of_a_law_are_sent_without_weights(builder, law, dataset, store):
    job = Job(drawn_as(builder, law), dataset, RECIPE, seed=3)
    arrived = sent(job, store)
    assert arrived.key == job.key
    assert arrived.names() == job.names()
    assert arrived.law == job.law == law
    assert digest(arrived.initial()) == digest(job.initial())
    files = list((store.root / "objects").glob("??/*"))
    assert len(files) == 1, "nothing is written but the data"


@pytest.mark.parametrize("law", [Initial(), HE])
@pytest.mark.parametrize("function", ["build", "foreign"])
def test_networks_of_the_users_own_are_drawn_from_a_law_elsewhere_too(
    law, function, own, dataset, store
):
    job = Job(drawn_as(OwnBuilder(f"{own}:{function}"), law), dataset, RECIPE, seed=3)
    arrived = sent(job, store)
    assert arrived.key == job.key
    assert digest(arrived.initial()) == digest(job.initial())
    assert arrived.names()["model"] == job.names()["model"]


def test_workers_train_networks_of_a_law_as_this_process_does(dataset, store, tmp_path):
    jobs = {
        "dense": Job(drawn_as(partial(mlp, (7,)), HE), dataset, RECIPE),
        "residual": Job(drawn_as(partial(resnet, 8), HE), dataset, RECIPE),
        "noisy": Job(partial(mlp, (7,), normalise="noisy-batch"), dataset, RECIPE),
    }
    runs = train_many(jobs, store=store, engine=Local(1))
    for name, job in jobs.items():
        here = train_job(job, store=Store(tmp_path / "here"))
        assert here.key == runs[name].key == job.key
        assert digest(here.tensors()) == digest(runs[name].tensors())
        again = runs[name].model()
        assert digest(tensors_of(again)) == digest(runs[name].tensors())


def test_a_training_with_shift_noise_is_repeated_bit_for_bit(dataset, tmp_path):
    builder = partial(mlp, (7,), normalise="noisy-batch")
    job = Job(builder, dataset, RECIPE)
    assert may_draw(job.network)
    assert not may_draw(mlp((7,), normalise="batch"))
    digests = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        run = train_job(job, store=Store(tmp_path / str(seed)))
        digests.append(digest(run.tensors()))
    assert digests[0] == digests[1]


def test_a_redrawn_control_is_of_the_law_of_its_ticket():
    builder = drawn_as(partial(mlp, (400,)), Initial("normal", 0.01))
    model = builder()
    initial = tensors_of(model)
    drawn = drawn_like(model, initial, Streams(5).get("reinit"), law=Initial("normal", 0.01))
    weight = drawn["fc1.weight"]
    assert not torch.equal(weight, initial["fc1.weight"])
    n = weight.numel()
    assert abs(weight.square().mean() / 1e-4 - 1) < 4 * (2 / n) ** 0.5


def test_the_law_of_weights_that_are_given_is_not_known(dataset):
    model = drawn_as(partial(mlp, (7,)), HE)(input_shape=(1, 4, 4), classes=3)
    assert Job(model, dataset, RECIPE).law is None
    assert Job(initialise_(model, Streams(4).get("init")), dataset, RECIPE, seed=4).law == Initial()


class Frozen(nn.Module):
    """A network whose class has an attribute of the name of a law's."""

    initial = "zero"

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), RadialBasis(16, 3))

    def forward(self, x):
        return self.body(x)


def test_a_module_with_an_attribute_called_initial_is_no_builder_of_a_law(dataset):
    assert Job(Frozen(), dataset, RECIPE).law is None
