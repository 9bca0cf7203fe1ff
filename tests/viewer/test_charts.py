"""Spectra, removal orders and unit outputs, against the measurements that they show."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.models import Structure
from surfeit.models.structure import unit_outputs
from surfeit.prune import (
    CRITERIA,
    accepted_rise,
    curves_of_table,
    outputs_without,
    removal_curve,
    removal_order,
    removal_table,
)
from surfeit.spectra import eigenvalues, fit_marchenko_pastur
from surfeit.viewer.frames.outputs import sampled_outputs
from surfeit.viewer.frames.removal import Measuring, removal_frame
from surfeit.viewer.frames.spectrum import spectrum_frame
from surfeit.viewer.timelines.networks import Network
from surfeit.viewer.wire import decode


def draw(*shape, name="weights"):
    return torch.randn(*shape, generator=Streams(0).get(name))


def images(count=40, shape=(1, 6, 6), classes=3):
    labels = torch.arange(count) % classes
    return Split(draw(count, *shape, name="images"), labels)


def chain():
    torch.manual_seed(0)
    parts = OrderedDict(
        flatten=nn.Flatten(), fc1=nn.Linear(36, 8), relu=nn.ReLU(), fc2=nn.Linear(8, 3)
    )
    return nn.Sequential(parts).eval()


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 4, 3, padding=1),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc=nn.Linear(36, 3),
        )
    ).eval()


class Residual(nn.Module):
    """The outputs of two layers are added to what they read."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(36, 10)
        self.fc1 = nn.Linear(10, 6)
        self.fc2 = nn.Linear(6, 10)
        self.head = nn.Linear(10, 3)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.stem(x.flatten(1)).relu()
        return self.head(x + self.fc2(self.fc1(x).relu()))


class Paired(nn.Module):
    """The second layer's outputs are added to the first half of the first one's."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.wide = nn.Linear(36, 8)
        self.narrow = nn.Linear(36, 4)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = x.flatten(1)
        wide = self.wide(x)
        return self.head(torch.cat([wide[:, :4] + self.narrow(x), wide[:, 4:]], dim=1).relu())


def followed(model, split):
    model.eval()
    return Network(model, Structure.of(model, split.inputs[:1]))


def measured(model, layer, split, **options):
    """The frame of a layer with what its removals cost, packed and read again."""
    weight = Structure.of(model, split.inputs[:1]).layer(layer).matrix(model)
    measuring = Measuring(followed(model, split), split, **options)
    return decode(removal_frame(weight, layer=layer, measuring=measuring).packed())


@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (20, 3, 2, 2)])
def test_spectrum_is_that_of_the_measurement(shape):
    weight = draw(*shape)
    frame = spectrum_frame(weight)
    header, arrays = decode(frame.packed())
    smaller = min(shape[0], weight[0].numel())
    expected = eigenvalues(weight)
    fit = fit_marchenko_pastur(expected, shape)
    np.testing.assert_allclose(arrays["eigenvalues"], expected[:smaller], rtol=1e-5)
    edges = {name: getattr(fit, name) for name in ("lower", "upper", "threshold", "fits")}
    assert header["fit"] == pytest.approx({**edges, "spikes": fit.spike_count})
    x, density = fit.curve(120)
    np.testing.assert_allclose(arrays["density_at"], x, rtol=1e-6)
    np.testing.assert_allclose(arrays["density"], density, rtol=1e-5)


def test_loadings_say_which_units_a_direction_is_in():
    weight = 0.01 * draw(10, 20)
    weight[3] += 5
    header, arrays = decode(spectrum_frame(weight).packed())
    squares = arrays["roots"].reshape(header["leading"], header["units"]).astype(float) ** 2
    loadings = squares / squares.sum(axis=1, keepdims=True)
    assert loadings.shape == (10, 10)
    assert loadings[0, 3] == pytest.approx(1, abs=0.01)
    _, vectors = np.linalg.eigh((weight @ weight.T).double().numpy())
    np.testing.assert_allclose(loadings, vectors[:, ::-1].T ** 2, atol=0.01)
    np.testing.assert_allclose(loadings**0.5, abs(vectors[:, ::-1].T), atol=0.01)


def test_spectra_without_a_fit_say_why():
    one = decode(spectrum_frame(torch.ones(1, 5)).packed())[0]
    assert one["fit"] is None
    assert one["note"].startswith("no noise is fitted: a fit needs at least 2 units")
    header, arrays = decode(spectrum_frame(torch.zeros(4, 5)).packed())
    assert "all eigenvalues are zero" in header["note"]
    assert header["leading"] == 0
    assert arrays["eigenvalues"].tolist() == [0] * 4
    constant = decode(spectrum_frame(torch.ones(4, 5)).packed())[0]
    assert (constant["fit"]["spikes"], constant["fit"]["fits"]) == (1, False)
    assert "descriptions only" in constant["note"]


def test_groups_have_the_eigenvalues_of_each_and_no_noise_of_the_whole():
    layer = nn.Conv2d(6, 12, 3, groups=3)
    weight = Structure.of(layer, draw(1, 6, 5, 5)).layer("").matrix(layer)
    header, arrays = decode(spectrum_frame(weight, groups=3).packed())
    assert header["fit"] is None
    assert "3 groups of units read different inputs" in header["note"]
    apart = torch.cat([eigenvalues(part) for part in layer.weight.detach().chunk(3)])
    expected = apart.sort(descending=True).values
    np.testing.assert_allclose(arrays["eigenvalues"], expected, rtol=1e-5)


def test_removal_orders_and_accuracies_are_those_of_the_measurement():
    model, split = chain(), images()
    weight = model.fc1.weight.detach()
    header, arrays = measured(model, "fc1", split)
    assert header["criteria"] == ["magnitude", "frame_potential", "inner_product"]
    assert (header["units"], header["examples"], header["split"]) == (8, 40, "validation")
    for number, name in enumerate(header["criteria"]):
        order = removal_order(weight, CRITERIA[name])
        assert arrays[f"order_{number}"].tolist() == order.tolist()
        curve = removal_curve(model, "fc1", order, split, dtype=torch.float32)
        np.testing.assert_allclose(arrays[f"accuracy_{number}"], curve, rtol=1e-6)


def test_the_band_is_of_the_random_orders_that_the_report_draws():
    model, split = chain(), images()
    _, arrays = measured(model, "fc1", split)
    table = removal_table(
        model,
        "fc1",
        {"validation": split},
        criteria={"random": CRITERIA["random"]},
        streams=Streams(0),
        repeats=5,
    )
    curves = [curve.accuracy for curve in curves_of_table(table).values()]
    assert len(curves) == 5
    points = torch.stack(curves).double()
    mean, spread = points.mean(dim=0), points.std(dim=0)
    np.testing.assert_allclose(arrays["random_low"], (mean - spread).clamp(min=0), atol=1e-6)
    np.testing.assert_allclose(arrays["random_high"], (mean + spread).clamp(max=1), atol=1e-6)
    assert arrays["random_low"].min() >= 0
    assert arrays["random_high"].max() <= 1
    assert arrays["random_low"][0] == pytest.approx(arrays["random_high"][0])


def test_random_orders_are_left_out_where_they_would_cost_much(monkeypatch):
    monkeypatch.setattr("surfeit.viewer.frames.removal._RANDOM_OPERATIONS", 1)
    _, arrays = measured(chain(), "fc1", images())
    assert "random_low" not in arrays


def test_what_is_accepted_is_a_point_of_accuracy_or_of_r2():
    header, arrays = measured(chain(), "fc1", images())
    assert header["accepted"] == pytest.approx(float(arrays["accuracy_0"][0]) - 0.01)
    split = images()
    real = Split(split.inputs, draw(len(split), 3, name="targets"))
    header, arrays = measured(chain(), "fc1", real, objective=squared_error)
    first = float(arrays["loss_0"][0])
    rise = accepted_rise(first, real.targets, squared_error, loss=0.01)
    assert header["accepted"] == pytest.approx(first + rise, rel=1e-5)
    assert header["guess"] is None
    assert arrays["random_low"].min() >= 0


def test_always_naming_the_commonest_class_is_a_guess():
    split = images()
    header, _ = measured(chain(), "fc1", split)
    assert header["guess"] == max(split.targets.tolist().count(one) for one in range(3)) / len(
        split
    )


def test_without_a_network_there_are_orders_alone():
    header, arrays = decode(removal_frame(draw(5, 4), note="no data here").packed())
    assert header["accepted"] is None
    assert "random_low" not in arrays
    assert (header["examples"], header["note"]) == (0, "no data here")
    assert sorted(arrays) == ["order_0", "order_1", "order_2"]


def test_removals_of_a_regression_show_its_losses():
    model, split = chain(), images()
    split = Split(split.inputs, draw(40, 3, name="targets"))
    header, arrays = measured(model, "fc1", split, objective=squared_error)
    assert header["objective"] == "squared_error"
    assert "accuracy_0" not in arrays
    for number in range(3):
        order = torch.from_numpy(arrays[f"order_{number}"].astype(np.int64))
        for removed in (0, 3, 8):
            outputs = outputs_without(model, "fc1", order[:removed], split.inputs)
            loss = float(squared_error.loss(outputs, split.targets.double()))
            assert arrays[f"loss_{number}"][removed] == pytest.approx(loss, rel=1e-4)


def test_units_of_a_residual_stream_go_with_the_others_and_the_note_says_so():
    model, split = Residual(), images()
    header, arrays = measured(model, "stem", split)
    assert header["note"] == "each unit goes together with those of 'fc2'"
    both = torch.cat([model.stem.weight, model.fc2.weight], dim=1).detach()
    for number, name in enumerate(header["criteria"]):
        assert arrays[f"order_{number}"].tolist() == removal_order(both, CRITERIA[name]).tolist()
        for removed in (0, 4, 10):
            gone = arrays[f"order_{number}"][:removed].astype(np.int64)
            with torch.no_grad():
                stem = model.stem(split.images.flatten(1)).relu()
                stream = stem + model.fc2(model.fc1(stem.index_fill(1, _of(gone), 0)).relu())
                outputs = model.head(stream.index_fill(1, _of(gone), 0))
            right = (outputs.argmax(1) == split.labels).double().mean()
            assert arrays[f"accuracy_{number}"][removed] == pytest.approx(float(right))


def test_inner_layers_of_residual_blocks_go_alone():
    header, arrays = measured(Residual(), "fc1", images())
    assert header["note"] is None
    assert arrays["accuracy_0"].shape == (7,)


def test_a_layer_smaller_than_its_group_shows_its_own_units():
    model, split = Paired(), images()
    header, arrays = measured(model, "narrow", split)
    assert header["units"] == 4
    network = followed(model, split)
    group = network.structure.group("narrow")
    assert (group.units, group.members["narrow"].tolist()) == (8, [0, 1, 2, 3])
    matrix = torch.zeros(8, 72)
    matrix[:, :36], matrix[:4, 36:] = model.wide.weight.detach(), model.narrow.weight.detach()
    order = removal_order(matrix, CRITERIA["magnitude"])
    curve = removal_curve(model, "narrow", order, split, dtype=torch.float32)
    gone = [place for place, unit in enumerate(order.tolist(), start=1) if unit < 4]
    assert arrays["order_0"].tolist() == [unit for unit in order.tolist() if unit < 4]
    np.testing.assert_allclose(arrays["accuracy_0"], curve[[0, *gone]], rtol=1e-6)


def test_layers_whose_units_cannot_be_removed_say_why_and_have_an_order():
    model = nn.Sequential(OrderedDict(fc=nn.Linear(36, 4), mix=nn.Softmax(1), head=nn.Linear(4, 3)))
    split = Split(images().inputs.flatten(1), images().targets)
    header, arrays = measured(model, "fc", split)
    assert "removals are not measured: units of 'fc' cannot be removed" in header["note"]
    assert header["examples"] == 0
    assert sorted(arrays) == ["order_0", "order_1", "order_2"]


def test_convolutions_are_measured_on_fewer_examples():
    assert measured(convolutional(), "conv", images(300))[0]["examples"] == 256


def test_large_networks_are_measured_on_fewer_examples(monkeypatch):
    split = images(300)
    operations = 2 * 3  # of one example and unit: what it adds to the next layer's outputs
    budget = 50 * operations * 8 * 3
    monkeypatch.setattr("surfeit.viewer.frames.removal._OPERATIONS", budget)
    assert measured(chain(), "fc1", split)[0]["examples"] == 50
    monkeypatch.setattr("surfeit.viewer.frames.removal._OPERATIONS", 1)
    assert measured(chain(), "fc1", split)[0]["examples"] == 32
    operations = 2 * 10 * 6 / 10 + 2 * 6 * 10 + 2 * 10 * 3  # fc1 reads a unit, the rest runs again
    monkeypatch.setattr("surfeit.viewer.frames.removal._OPERATIONS", 60 * operations * 10 * 3)
    assert measured(Residual(), "stem", split)[0]["examples"] == 60


def test_outputs_are_what_the_next_layer_reads():
    model, split = chain(), images()
    outputs, note = sampled_outputs(followed(model, split), "fc1", split)
    expected = model.fc1(split.images.flatten(1)).relu()
    torch.testing.assert_close(outputs, expected.T)
    assert note is None
    last, note = sampled_outputs(followed(model, split), "fc2", split)
    torch.testing.assert_close(last, model(split.images).T)
    assert note is None


def test_outputs_of_a_convolution_are_pooled_and_at_eight_places():
    model, split = convolutional(), images()
    outputs, _ = sampled_outputs(followed(model, split), "conv", split)
    assert outputs.shape == (4, 40 * 8)
    pooled = nn.functional.max_pool2d(model.conv(split.images).relu(), 2).flatten(2)
    found = outputs.unflatten(1, (40, 8)).permute(1, 0, 2)
    places = [
        [at for at in range(9) if torch.allclose(pooled[:, :, at], found[:, :, place])]
        for place in range(8)
    ]
    assert all(len(at) == 1 for at in places)
    assert len({at[0] for at in places}) == 8


def test_outputs_take_the_first_512_examples():
    split = images(600)
    outputs, _ = sampled_outputs(followed(chain(), split), "fc1", split)
    assert outputs.shape == (8, 512)


def test_outputs_of_a_residual_stream_are_the_layers_own_and_the_note_says_so():
    model, split = Residual(), images()
    network = followed(model, split)
    outputs, note = sampled_outputs(network, "fc2", split)
    stem = model.stem(split.images.flatten(1)).relu()
    torch.testing.assert_close(outputs, model.fc2(model.fc1(stem).relu()).T)
    assert "as the layer leaves them" in note
    assert "those of 'stem'" in note
    inner, note = sampled_outputs(network, "fc1", split)
    torch.testing.assert_close(inner, model.fc1(stem).relu().T)
    assert note is None


def test_long_groups_are_named_in_part():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = nn.ModuleList(nn.Linear(4, 4) for _ in range(7))
            self.head = nn.Linear(4, 3)

        def forward(self, x):
            for step in self.steps:
                x = x + step(x).relu()
            return self.head(x)

    split = Split(draw(40, 4), images().targets)
    _, note = sampled_outputs(followed(Deep(), split), "steps.0", split)
    assert "'steps.1', 'steps.2', 'steps.3' and 3 others" in note


def test_outputs_of_tokens_are_those_of_the_one_definition():
    tokens = torch.arange(40 * 6).reshape(40, 6) % 11
    model = nn.Sequential(
        OrderedDict(words=nn.Embedding(11, 5), mix=nn.Linear(5, 4), act=nn.ReLU())
    )
    model.add_module("tag", nn.Linear(4, 3))
    split = Split(tokens, tokens % 3)
    for layer, units in (("words", 5), ("mix", 4), ("tag", 3)):
        outputs, note = sampled_outputs(followed(model, split), layer, split)
        expected = unit_outputs(model, [layer], tokens)[layer]
        torch.testing.assert_close(outputs, expected.permute(1, 0, 2).flatten(1))
        assert (len(outputs), note) == (units, None)


def test_outputs_say_what_is_wrong():
    split = images()
    with pytest.raises(ValueError, match="no layer 'fc9'"):
        sampled_outputs(followed(chain(), split), "fc9", split)
    with pytest.raises(ValueError, match=r"takes no inputs of shape \[1, 5, 5\]"):
        sampled_outputs(followed(chain(), split), "fc1", images(shape=(1, 5, 5)))
    with pytest.raises(ValueError, match="no pass through the network runs 'unused'"):
        sampled_outputs(followed(Residual(), split), "unused", split)


def _of(units):
    return torch.from_numpy(units)


def test_frames_refuse_weights_that_are_not_finite():
    weight = torch.tensor([[1.0, float("nan")], [1.0, 2.0]])
    for frame in (spectrum_frame, removal_frame):
        with pytest.raises(ValueError, match="weights must be finite"):
            frame(weight)


def test_the_note_says_where_normalisation_makes_a_cut_another_network():
    parts = OrderedDict(
        flatten=nn.Flatten(),
        fc1=nn.Linear(36, 8),
        norm=nn.LayerNorm(8),
        fc2=nn.Linear(8, 5),
        batch=nn.BatchNorm1d(5),
        head=nn.Linear(5, 3),
    )
    network = nn.Sequential(parts)
    header, arrays = measured(network, "fc1", images())
    assert header["note"].startswith("removed units are zero where 'norm' normalises over units")
    assert arrays["accuracy_0"].shape == (9,)
    assert measured(network, "fc2", images())[0]["note"] is None


def test_a_pruned_layers_spikes_are_called_descriptions():
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(60, 90, generator=generator)
    assert spectrum_frame(weight).note is None
    holed = weight * (torch.rand(weight.shape, generator=generator) < 0.9)
    note = spectrum_frame(holed).note
    assert note is not None
    assert "descriptions only" in note
    dead = weight.clone()
    dead[:5] = 0  # dead units are left out of the bulk
    assert "pruned" not in (spectrum_frame(dead).note or "")
