"""Networks, data and objectives of every kind: each is shown, or a sentence says why not."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import (
    Split,
    Streams,
    buffers,
    cross_entropy,
    own_objective,
    parameters,
    squared_error,
)
from surfeit.data import Dataset, from_tensors
from surfeit.models import describe, mlp
from surfeit.models.structure import layer_records
from surfeit.similarity import chance_inner_product
from surfeit.store import Run, RunWriter, Store, key_of
from surfeit.train import Recipe, Recorder, train
from surfeit.viewer.bundles.bundle import bundle
from surfeit.viewer.bundles.contents import contents, opened, still
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.networks import Networks, objective_of
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 5)
        self.lstm = nn.LSTM(5, 4, batch_first=True)
        self.tag = nn.Linear(4, 3)

    def forward(self, tokens):
        return self.tag(self.lstm(self.words(tokens))[0])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2)
        self.tag = nn.Linear(8, 3)

    def forward(self, tokens):
        return self.tag(self.body(self.words(tokens)))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.conv1 = nn.Conv2d(4, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = self.stem(x).relu()
        x = x + self.conv2(self.norm(self.conv1(x)).relu())
        return self.head(x.mean((2, 3)))


class UShaped(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = nn.Conv2d(1, 4, 3, padding=1)
        self.down2 = nn.Conv2d(4, 6, 3, 2, 1)
        self.up = nn.ConvTranspose2d(6, 4, 2, 2, groups=2)
        self.out = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x):
        wide = self.down1(x).relu()
        deep = self.down2(wide).relu()
        return self.out(torch.cat([wide, self.up(deep).relu()], dim=1)).flatten(1)


class Tied(nn.Module):
    """An autoencoder whose decoder's weight is the encoder's, transposed in memory."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(16, 5)
        self.decode = nn.Linear(5, 16)
        self.decode.weight.data = self.encode.weight.data.T

    def forward(self, x):
        return self.decode(self.encode(x).relu())


def computed():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(16, 5))
    return nn.Sequential(OrderedDict(fc=layer, act=nn.ReLU(), head=nn.Linear(5, 3)))


def depthwise():
    parts = {
        "flat/in": nn.Conv2d(1, 4, 3),
        "act 1": nn.ReLU(),
        "depth": nn.Conv2d(4, 8, 3, groups=4),
        "act 2": nn.ReLU(),
        "flatten": nn.Flatten(),
        "block1/unit_1 é": nn.Linear(32, 3),
    }
    model = nn.Sequential()
    for name, part in parts.items():
        model.add_module(name, part)
    return model


def images(generator, count):
    inputs = torch.randn(count, 1, 6, 6, generator=generator)
    return Split(inputs, torch.arange(count) % 3)


def blurred(generator, count):
    inputs = torch.randn(count, 1, 6, 6, generator=generator)
    return Split(inputs, inputs.flatten(1) / 2)


def vectors(generator, count):
    return Split(torch.randn(count, 16, generator=generator), torch.arange(count) % 3)


def copies(generator, count):
    inputs = torch.randn(count, 16, generator=generator)
    return Split(inputs, inputs.clone())


def tokens(generator, count):
    words = torch.randint(0, 9, (count, 6), generator=generator)
    return Split(words, words % 3)


def line(generator, count):
    inputs = torch.rand(count, 1, generator=generator)
    return Split(inputs, 2 * inputs - 1)


def dataset(make) -> Dataset:
    splits = (make(Streams(0).get(name), 40) for name in ("train", "validation", "test"))
    named = dict(zip(("train", "validation", "test"), splits, strict=True))
    classes = named["train"].task == "classes"
    return from_tensors(make.__name__, **named, class_names=tuple("abc") if classes else None)


NETWORKS = {
    "tagger": (Tagger, tokens, ["embedding", "recurrent", "linear"]),
    "residual": (Residual, images, ["convolution", "convolution", "convolution", "linear"]),
    "u-shaped": (UShaped, blurred, ["convolution"] * 2 + ["transposed convolution", "convolution"]),
    "tied": (Tied, copies, ["linear", "linear"]),
    "computed": (computed, vectors, ["linear", "linear"]),
    "depthwise": (depthwise, images, ["convolution", "convolution", "linear"]),
    "single": (lambda: nn.Linear(16, 3), vectors, ["linear"]),
}


def recorded(build, make, folder, **settings) -> tuple[Run, Dataset]:
    """Three snapshots of a network, written by a loop of its own."""
    torch.manual_seed(0)
    model, data = build(), dataset(make)
    recorder = Recorder(model, folder, data=data, settings=settings)
    for step in (1, 2):
        with torch.no_grad():
            for value in model.parameters():
                value.mul_(1.1)
        recorder.record(step, validation_loss=1 / step)
    return recorder.finish(), data


def pictures_of(run, data, model=None) -> Pictures:
    store = Store(run.path.parent / "store")
    library = Library(store, [run], dataset_of=lambda _: data, model=model)
    return Pictures(library, Cache(None))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_any_network_is_shown(name, tmp_path):
    build, make, kinds = NETWORKS[name]
    run, data = recorded(build, make, tmp_path / "run", objective="squared_error")
    if data.task == "classes":
        run, data = recorded(build, make, tmp_path / "other")
    pictures = pictures_of(run, data, build())
    (found,) = pictures.catalog()["timelines"]
    assert [layer["kind"] for layer in found["layers"]] == kinds
    assert found["objective"] is None
    for layer in found["layers"]:
        query = Query(run.key, layer["name"])
        weight = run.weights(layer["name"])[-1]
        assert (layer["units"], layer["inputs"]) == weight.shape
        header, arrays = decode(pictures.graph(query))
        np.testing.assert_allclose(arrays["norm"], weight.norm(dim=1), rtol=1e-5)
        assert header["note"] is None
        outputs, _ = decode(pictures.graph(Query(run.key, layer["name"], "outputs")))
        assert outputs["units"] == layer["units"]
        decode(pictures.spectrum(query))
        removal, curves = decode(pictures.removal(query))
        assert removal["examples"] == 40
        kind = "accuracy_0" if data.task == "classes" else "loss_0"
        assert curves[kind].shape == (layer["units"] + 1,)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_exported_and_has_a_still_picture(name, tmp_path):
    build, make, _ = NETWORKS[name]
    run, data = recorded(build, make, tmp_path / "run", objective="squared_error")
    timeline = opened(run, into=build())
    names = [layer.name for layer in timeline.layers]
    content = contents(timeline, names, dataset=data)
    header, _ = decode(content.bundle)
    assert [film["layer"] for film in header["films"]] == 2 * names
    assert [film["source"] for film in header["films"]] == [
        source for source in ("weights", "updates") for _ in names
    ]
    assert header["films"][0]["problems"] == {}
    for layer in timeline.layers:
        assert still(timeline, layer.name).title.startswith(f"{layer.label} of ")


def test_a_network_that_is_one_layer_is_called_the_network(tmp_path):
    run, _ = recorded(*NETWORKS["single"][:2], tmp_path / "run")
    timeline = opened(run)
    assert contents(timeline, "").title == "the network of Linear on vectors"
    assert still(timeline, "").title == "the network of Linear on vectors"


def test_attention_is_shown_and_says_what_cannot_be(tmp_path):
    run, data = recorded(Encoder, tokens, tmp_path / "run")
    pictures = pictures_of(run, data, Encoder())
    query = Query(run.key, "body.layers.0.self_attn.q")
    header, _ = decode(pictures.removal(query))
    assert "queries, keys and values meet" in header["note"]
    with pytest.raises(ValueError, match="leave MultiheadAttention nowhere apart"):
        pictures.graph(Query(run.key, query.layer, "outputs"))
    header, _ = decode(pictures.removal(Query(run.key, "words")))
    assert "goes together with those of 'body.layers.0.self_attn.out_proj'" in header["note"]
    assert "'body.layers.0.norm1' normalises over units" in header["note"]


def test_side_by_side_encoders_give_what_they_give_alone(tmp_path):
    run, data = recorded(Encoder, tokens, tmp_path / "run")
    pictures = pictures_of(run, data, Encoder())
    queries = [
        (kind, Query(run.key, layer, source, at=at))
        for layer in ("words", "body.layers.0.linear1", "body.layers.1.linear1")
        for at in (0, 1, 2)
        for kind, source in ((pictures.graph, "outputs"), (pictures.removal, "weights"))
    ]
    alone = [kind(query) for kind, query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: one[0](one[1]), queries))
    assert together == alone
    assert torch.backends.mha.get_fastpath_enabled()


def test_only_code_of_ones_own_builds_some_networks(tmp_path):
    run, data = recorded(Residual, images, tmp_path / "run")
    note = decode(pictures_of(run, data).removal(Query(run.key, "stem")))[0]["note"]
    assert "a Residual cannot be built from its description alone" in note
    assert "--model package.module:function" in note
    own = Residual()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    pictures = pictures_of(run, data, own)
    assert decode(pictures.removal(Query(run.key, "stem")))[0]["examples"] == 40
    assert all(torch.equal(own.state_dict()[name], value) for name, value in before.items())
    other = pictures_of(run, data, Tagger())
    note = decode(other.removal(Query(run.key, "stem")))[0]["note"]
    assert "the model and the weights differ" in note


def test_a_given_network_is_that_of_those_runs_that_it_fits(tmp_path):
    own, _ = recorded(Residual, images, tmp_path / "own")
    plain, _ = recorded(*NETWORKS["single"][:2], tmp_path / "plain")
    networks = Networks(Residual())
    assert isinstance(networks.model(own, 2), Residual)
    assert isinstance(networks.model(plain, 2), nn.Linear)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_networks_in_half_precision_are_measured_in_single(kind, tmp_path):
    data = dataset(vectors)
    model = nn.Sequential(nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3)).to(kind)
    run = Recorder(model, tmp_path / "run", data=data).finish()
    pictures = pictures_of(run, data)
    header, arrays = decode(pictures.removal(Query(run.key, "0")))
    assert header["note"] is None
    outputs = model.float()(data.validation.inputs)
    right = (outputs.argmax(1) == data.validation.labels).double().mean()
    assert arrays["accuracy_0"][0] == pytest.approx(float(right))
    assert decode(pictures.graph(Query(run.key, "0", "outputs")))[0]["units"] == 6


def test_a_trained_regression_shows_loss_and_what_is_explained(tmp_path):
    data = dataset(line)
    network = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))
    recipe = Recipe(epochs=2, lr=0.1)
    run = train(network, data, recipe, objective=squared_error, store=Store(tmp_path / "store"))
    timeline = RunTimeline(run)
    assert timeline.objective == "squared_error"
    columns = timeline.learning().columns
    assert {"validation_loss", "validation_r2"} <= columns.keys()
    assert "validation_accuracy" not in columns
    pictures = pictures_of(run, data)
    header, arrays = decode(pictures.removal(Query(run.key, "0")))
    assert header["objective"] == "squared_error"
    row = run.metrics().to_pylist()[-1]
    assert arrays["loss_0"][0] == pytest.approx(row["validation_loss"], rel=1e-4)
    packed = bundle(timeline, ["0"], dataset=data)
    assert decode(packed)[0]["timeline"]["objective"] == "squared_error"


def test_what_nobody_says_suits_the_targets(tmp_path):
    run, data = recorded(Tied, copies, tmp_path / "run")
    assert objective_of(run, data.validation) is squared_error
    header, arrays = decode(pictures_of(run, data, Tied()).removal(Query(run.key, "encode")))
    assert header["objective"] == "squared_error"
    assert "loss_0" in arrays
    assert objective_of(run, dataset(vectors).validation) is cross_entropy
    other, _ = recorded(Tied, copies, tmp_path / "other", objective="squared-error")
    assert objective_of(other, data.validation) is squared_error
    wrong, _ = recorded(Tied, copies, tmp_path / "wrong", objective="squared_eror")
    note = decode(pictures_of(wrong, data, Tied()).removal(Query(wrong.key, "encode")))[0]["note"]
    assert "did you mean 'squared_error'" in note


def absolute(outputs, targets):
    return (outputs - targets).abs().mean()


def test_a_function_of_ones_own_is_named_and_not_measured(tmp_path):
    data = dataset(line)
    network = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))
    objective = own_objective(absolute)
    store = Store(tmp_path / "store")
    run = train(network, data, Recipe(epochs=1, lr=0.1), objective=objective, store=store)
    header, _ = decode(pictures_of(run, data).removal(Query(run.key, "0")))
    assert "a function that the store cannot make again" in header["note"]
    assert "absolute" in header["note"]
    assert RunTimeline(run).objective.endswith("absolute")


def written(model, folder, mask) -> RunTimeline:
    """A run of one snapshot under a mask."""
    identity = {"config": {"architecture": describe(model)}, "data": None, "parents": []}
    about = {"model": "made", "layers": layer_records(model)}
    writer = RunWriter(folder, key=key_of(identity), identity=identity, about=about, mask=mask)
    tensors = parameters(model) | buffers(model)
    for name, kept in mask.items():
        tensors[name] = tensors[name] * kept
    writer.snapshot(0, tensors)
    return RunTimeline(writer.finish({"steps": 0}))


def test_masks_of_grouped_layers_count_the_units_own_weights(tmp_path):
    model = depthwise()
    mask = torch.ones(8, 1, 3, 3, dtype=torch.bool)
    mask[2, 0, 0] = False
    timeline = written(model, tmp_path / "run", {"depth.weight": mask})
    _, kept = timeline.weights("depth", 0)
    assert kept.shape == (8, 36)
    shape = timeline.layer("depth")
    assert shape.groups == 4
    expected = torch.ones(8).index_fill(0, torch.tensor(2), 6 / 9)
    torch.testing.assert_close(shape.kept_shares(kept), expected)
    pictures = Pictures(Library(Store(tmp_path / "store"), [tmp_path / "run"]), Cache(None))
    _, arrays = decode(pictures.graph(Query(timeline.id, "depth")))
    np.testing.assert_allclose(arrays["kept"], expected)


def test_masks_of_one_of_a_layers_tensors_keep_all_of_the_other(tmp_path):
    mask = torch.zeros(16, 4, dtype=torch.bool)
    timeline = written(Tagger(), tmp_path / "run", {"lstm.weight_hh_l0": mask})
    _, kept = timeline.weights("lstm", 0)
    assert kept.shape == (4, 4 * 5 + 4 * 4)
    assert (kept.sum(dim=1) == 20).all()
    assert timeline.weights("tag", 0)[1] is None


def test_masks_of_tied_layers_are_those_of_the_weight_that_they_share(tmp_path):
    mask = torch.arange(80).reshape(5, 16) % 3 > 0
    timeline = written(Tied(), tmp_path / "run", {"encode.weight": mask})
    assert torch.equal(timeline.weights("encode", 0)[1], mask)
    assert torch.equal(timeline.weights("decode", 0)[1], mask.T)
    assert not timeline.weights("decode", 0)[0][~mask.T].any()


def test_links_of_grouped_layers_begin_where_chance_ends_within_a_group(tmp_path):
    run, data = recorded(*NETWORKS["depthwise"][:2], tmp_path / "run")
    (_, depth, _) = pictures_of(run, data).catalog()["timelines"][0]["layers"]
    assert depth["chance"] == chance_inner_product(8, 36, groups=4)
    title = still(opened(run), "depth")
    assert title.links.shape[1] == 2


def test_what_a_network_is_found_once_for_all_moments(tmp_path, monkeypatch):
    run, data = recorded(mlp_of_images, images, tmp_path / "run")
    networks, passes = Networks(), []
    from surfeit.models.structure import structure as module

    found = module.traced
    monkeypatch.setattr(module, "traced", lambda *given: passes.append(1) or found(*given))
    for step in (0, 1, 2):
        network = networks.network(run, step, data.validation)
        assert network.structure.outputs == ["fc2"]
        matrix = network.structure.layer("fc1").matrix(network.model)
        assert torch.equal(matrix, run.weights("fc1", [step])[0])
    assert len(passes) == 1


def mlp_of_images():
    return mlp((5,), input_shape=(1, 6, 6), classes=3)
