"""A job there and back: what arrives is trained to the same run."""

import json
from functools import partial

import pytest
import torch
from torch import nn

from surfeit.core import (
    DataError,
    Streams,
    SurfeitError,
    copied,
    digest,
    own_objective,
    own_parameters,
    parameters,
    squared_error,
    ties,
)
from surfeit.core.importing import named_object
from surfeit.data import subset
from surfeit.models import (
    OwnBuilder,
    conv_2,
    initialise_,
    lenet_300_100,
    mlp,
    name_of,
)
from surfeit.prune.schedules import at_step
from surfeit.store import Objects, Store
from surfeit.train import (
    Job,
    Numerics,
    Origin,
    Pruning,
    Recipe,
    Rewound,
    Snapshots,
    train,
    train_job,
)

from ..store.conftest import flip
from .conftest import make_dataset, normalised, small
from .kinds import curve

RECIPE = Recipe(lr=0.05, steps=4, batch_size=20)
OWN = """
import torch
from torch import nn


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(16, 3)

    def forward(self, x):
        return self.body(x.flatten(1))


def build(*, input_shape, classes, generator):
    model = Own()
    nn.init.normal_(model.body.weight, generator=generator)
    nn.init.zeros_(model.body.bias)
    return model


def careless(input_shape, classes):
    return Own()


def unruly(*, input_shape, classes, generator):
    model = Own()
    nn.init.normal_(model.body.weight)
    return model


def loss(outputs, targets):
    return (torch.nn.functional.one_hot(targets, 3) - outputs).square().sum(1)


def right(outputs, targets):
    return outputs.argmax(1) == targets


def checked(job, run):
    if run.config["seed"] != 1:
        raise ValueError("this seed is not to be trained")
"""


@pytest.fixture
def own(tmp_path):
    """The path of a file of the user's own, in a folder with a space."""
    path = tmp_path / "my code" / "own_networks.py"
    path.parent.mkdir()
    path.write_text(OWN)
    return path


@pytest.fixture
def objects(store):
    return Objects(store.root)


def sent(job, objects):
    """The job as another process has it: nothing but text goes over."""
    text = json.dumps(job.to_json(objects), allow_nan=False)
    return Job.from_json(json.loads(text), Objects(objects.root))


def check_same(job, objects):
    arrived = sent(job, objects)
    assert arrived.key == job.key
    assert arrived.names() == job.names()
    assert digest(arrived.initial()) == digest(job.initial())
    assert arrived.frozen == job.frozen
    assert arrived.recipe == job.recipe
    assert (arrived.snapshots, arrived.origin) == (job.snapshots, job.origin)
    assert arrived.role == job.role
    assert arrived.dataset.fingerprint == job.dataset.fingerprint
    assert arrived.dataset.name == job.dataset.name
    return arrived


@pytest.mark.parametrize(
    "model",
    [lenet_300_100, partial(mlp, (7, 5)), partial(mlp, [7]), conv_2, small, normalised],
    ids=["lenet", "mlp", "list", "conv-2", "own builder", "batch normalisation"],
)
def test_networks_that_are_drawn(model, dataset, objects):
    job = Job(model, dataset, RECIPE, seed=3, snapshots=Snapshots(at=(2,)), role={"level": 1})
    assert check_same(job, objects).identity["config"]["initial"] == "glorot-normal"
    files = list((objects.root / "objects").glob("??/*"))
    assert len(files) == 1, "nothing is written but the data"


@pytest.mark.parametrize(
    "model", [lenet_300_100, partial(mlp, (7, 5)), conv_2, partial(mlp, ()), partial(mlp, (3,))]
)
def test_the_catalogs_names_stand_for_their_builders(model):
    name = name_of(model)
    widths = model.args[0] if isinstance(model, partial) else None
    assert (name is None) == (widths == ())  # `mlp-` is no name
    assert name_of(partial(mlp, (3,), classes=4)) is None
    assert name_of(partial(mlp, (0,))) is None
    assert name_of(small) is None


def test_a_module_with_weights_of_its_own(dataset, objects):
    torch.manual_seed(0)
    layer = nn.Linear(16, 16)
    model = nn.Sequential(
        nn.Flatten(), layer, nn.ReLU(), layer, nn.BatchNorm1d(16), nn.Linear(16, 3)
    )
    model[5].bias.requires_grad_(False)
    arrived = check_same(Job(model, dataset, RECIPE), objects)
    assert arrived.frozen == ["5.bias"]
    assert arrived.network[1] is arrived.network[3]


def test_tied_weights(dataset, objects):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.SiLU(), nn.Linear(8, 16))
    model[3].weight.data = model[1].weight.data.T
    arrived = check_same(Job(nn.Sequential(*model, nn.Linear(16, 3)), dataset, RECIPE), objects)
    assert ties(arrived.network).keys() == {"3.weight"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_in_double_precision(dataset, objects, dtype):
    double = small(generator=Streams(0).get("init")).double()
    numerics = Numerics(dtype=dtype)
    arrived = check_same(Job(double, dataset, RECIPE, numerics=numerics), objects)
    assert all(one.dtype == torch.float64 for one in own_parameters(arrived.network).values())


def test_a_builder_in_double_precision_is_not_drawn_anew_in_single(dataset, objects):
    def build(*, input_shape, classes, generator):
        return initialise_(small().double(), generator)

    check_same(Job(build, dataset, RECIPE), objects)
    torch.set_default_dtype(torch.float64)
    try:
        job = Job(partial(mlp, (4,)), dataset, RECIPE)
        record = job.to_json(objects)
    finally:
        torch.set_default_dtype(torch.float32)
    assert digest(Job.from_json(record, objects).initial()) == digest(job.initial())


def test_masks_pruning_and_origin(dataset, objects):
    network = small()
    mask = {"fc1.weight": network.fc1.weight.abs() > 0.2}
    job = Job(
        network,
        dataset,
        RECIPE,
        mask=mask,
        origin=Origin(step=1, parents=("ab" * 32,)),
        pruning=Pruning(moments=at_step(2, 0.3), score="snip", options={"mode": "evaluation"}),
        numerics=Numerics(threads=2),
    )
    arrived = check_same(job, objects)
    assert digest(arrived.mask) == digest(mask)
    assert arrived.pruning == job.pruning
    assert arrived.numerics == job.numerics


def test_the_weights_of_a_run_at_a_step_are_read_from_the_run(dataset, objects, store):
    torch.manual_seed(0)
    model = small()
    nn.init.normal_(model[1].weight)
    model[1].bias.requires_grad_(False)
    run = train(model, dataset, RECIPE, store=store, snapshots=Snapshots(at=(2,)))
    job = Job(Rewound(run, 2), dataset, RECIPE, origin=Origin(step=2, parents=(run.key,)))
    arrived = check_same(job, objects)
    assert digest(parameters(arrived.network)) == digest(
        {name: run.tensors(2)[name] for name in parameters(model)}
    )
    assert job.to_json(objects)["network"] == {"run": run.key, "step": 2}
    plain = run.model(2)
    plain[1].bias.requires_grad_(False)
    assert job.key == Job(plain, dataset, RECIPE, origin=job.origin).key


def test_objectives(objects, own, dataset):
    regression = curve()
    check_same(Job(partial(mlp, (4,)), regression, RECIPE, objective=squared_error), objects)
    loss, right = (named_object(f"{own}:{name}") for name in ("loss", "right"))
    for correct in (None, right):
        job = Job(small, dataset, RECIPE, objective=own_objective(loss, correct))
        arrived = check_same(job, objects)
        assert arrived.objective.in_key() == job.objective.in_key()
    record = job.to_json(objects)
    own.write_text(OWN.replace("sum(1)", "mean(1)"))
    with pytest.raises(ValueError, match="reads otherwise here than where it was sent"):
        Job.from_json(record, Objects(objects.root))


def test_an_objective_that_cannot_be_imported_is_refused(dataset, objects, monkeypatch):
    monkeypatch.setattr(unimportable, "__module__", "__main__")
    job = Job(small, dataset, RECIPE, objective=own_objective(unimportable))
    with pytest.raises(
        ValueError, match=r"cannot have the objective .* in the script itself.*InPr"
    ):
        job.to_json(objects)


def unimportable(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets)


@pytest.mark.parametrize("name", ["build", "careless"])
def test_networks_that_only_their_own_code_builds_go_by_its_name(name, own, dataset, objects):
    builder = OwnBuilder(f"{own}:{name}")
    job = Job(builder, dataset, RECIPE, seed=2)
    arrived = check_same(job, objects)
    assert arrived.names()["model"] == name
    if name == "build":
        plain = Job(named_object(f"{own}:build"), dataset, RECIPE, seed=2)
        assert plain.to_json(objects)["network"] == {"function": f"{own}:build"}
        check_same(plain, objects)


def test_a_file_is_found_from_any_folder(own, dataset, objects, monkeypatch):
    monkeypatch.chdir(own.parent)
    record = Job(OwnBuilder("own_networks.py:build"), dataset, RECIPE).to_json(objects)
    monkeypatch.chdir("/")
    Job.from_json(record, Objects(objects.root))


def test_a_builder_that_draws_from_elsewhere_is_told(own, dataset, objects):
    torch.manual_seed(0)
    record = Job(named_object(f"{own}:unruly"), dataset, RECIPE).to_json(objects)
    with pytest.raises(SurfeitError, match=r"is another here.*draw from its generator alone"):
        Job.from_json(record, Objects(objects.root))


def test_networks_that_cannot_be_built_elsewhere_are_refused(own, dataset, objects):
    module = OwnBuilder(f"{own}:careless")()
    with pytest.raises(ValueError, match=r"a Own cannot be built in another process.*InProcess"):
        Job(module, dataset, RECIPE).to_json(objects)
    with pytest.raises(ValueError, match=r"a Own cannot be built.*is a lambda"):
        Job(lambda **_: module, dataset, RECIPE).to_json(objects)


def test_the_check_travels_and_is_made_where_the_run_is(own, dataset, objects, store):
    check = named_object(f"{own}:checked")
    good, bad = (Job(small, dataset, RECIPE, seed, check=check) for seed in (1, 2))
    train_job(sent(good, objects), store=store)
    for _ in range(2):  # of a run that is there, too
        with pytest.raises(ValueError, match="this seed is not to be trained"):
            train_job(sent(bad, objects), store=store)
    assert good.key == Job(small, dataset, RECIPE, seed=1).key


def test_data_are_told_apart_by_all_that_a_record_holds(dataset, objects):
    other = make_dataset(wrong_test_labels=True)
    fewer = subset(dataset, 30, generator=Streams(0).get("subset"))
    names = {Job(small, one, RECIPE).to_json(objects)["data"] for one in (dataset, other, fewer)}
    assert len(names) == 3


def test_damaged_data_are_refused(dataset, objects):
    record = Job(small, dataset, RECIPE).to_json(objects)
    flip(objects.path_of(record["data"]))
    with pytest.raises(DataError, match="it holds other data than its name says"):
        Job.from_json(record, Objects(objects.root))
    again = Job(small, dataset, RECIPE).to_json(Objects(objects.root))
    Job.from_json(again, Objects(objects.root))


def test_equal_messages_are_one_job(dataset, objects):
    record = Job(small, dataset, RECIPE).to_json(objects)
    worker = Objects(objects.root)
    first = Job.from_json(record, worker)
    other = Job.from_json(record | {"seed": 1, "key": Job(small, dataset, RECIPE, 1).key}, worker)
    assert Job.from_json(dict(record), worker) is first
    assert other.dataset is first.dataset


def test_what_arrives_trains_to_the_same_run(dataset, objects, tmp_path):
    job = Job(normalised, dataset, RECIPE, seed=1)
    runs = [
        train_job(one, store=Store(tmp_path / place))
        for one, place in ((job, "here"), (sent(job, objects), "there"))
    ]
    assert runs[0].key == runs[1].key == job.key
    assert digest(runs[0].tensors()) == digest(runs[1].tensors())
    assert runs[0].about["model"] == runs[1].about["model"] == "normalised"


def test_a_network_is_drawn_once_a_process(dataset, objects, store, monkeypatch):
    from surfeit.train import job as module

    drawn, real = [], module.built

    def built(*given):
        drawn.append(given)
        return real(*given)

    def draws_again(*given):
        raise AssertionError("it was drawn already")

    monkeypatch.setattr(module, "built", built)
    monkeypatch.setattr(module, "initialise_", draws_again)
    monkeypatch.setattr("surfeit.train.building.initialise_", draws_again)
    job = Job(partial(mlp, (7,)), dataset, RECIPE)
    record = job.to_json(objects)
    assert len(drawn) == 1
    worker = Objects(objects.root)
    for _ in range(2):
        train_job(Job.from_json(record, worker), store=store)
    assert len(drawn) == 2


def test_redrawn_tells_weights_that_the_seed_gives(dataset):
    model = initialise_(small(), Streams(5).get("init"))
    assert Job(model, dataset, RECIPE, seed=5).is_redrawn()
    assert not Job(model, dataset, RECIPE, seed=6).is_redrawn()
    assert not Job(copied(model).double(), dataset, RECIPE, seed=5).is_redrawn()
    assert Job(lenet_300_100, dataset, RECIPE, seed=6).is_redrawn()
