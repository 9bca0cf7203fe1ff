"""Spectra, removal orders and unit outputs, against the measurements that they show."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams
from surfeit.prune import CRITERIA, removal_curve, removal_order
from surfeit.spectra import eigenvalues, fit_marchenko_pastur
from surfeit.viewer.frames.outputs import unit_outputs
from surfeit.viewer.frames.removal import removal_frame
from surfeit.viewer.frames.spectrum import spectrum_frame
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
    """No chain: the layer's input is added to its output."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc1 = nn.Linear(36, 36)
        self.fc2 = nn.Linear(36, 3)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = x.flatten(1)
        return self.fc2(x + self.fc1(x).relu())


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


def test_removal_orders_and_accuracies_are_those_of_the_measurement():
    model, split = chain(), images()
    weight = model.fc1.weight.detach()
    frame = removal_frame(weight, model=model, layer="fc1", images=split)
    header, arrays = decode(frame.packed())
    assert header["criteria"] == ["magnitude", "frame_potential", "inner_product"]
    assert (header["units"], header["images"], header["split"]) == (8, 40, "validation")
    for number, name in enumerate(header["criteria"]):
        order = removal_order(weight, CRITERIA[name])
        assert arrays[f"order_{number}"].tolist() == order.tolist()
        curve = removal_curve(model, "fc1", order, split, dtype=torch.float32)
        np.testing.assert_allclose(arrays[f"accuracy_{number}"], curve, rtol=1e-6)


def test_without_images_there_are_orders_alone():
    header, arrays = decode(removal_frame(draw(5, 4), note="no data here").packed())
    assert (header["images"], header["note"]) == (0, "no data here")
    assert sorted(arrays) == ["order_0", "order_1", "order_2"]


def test_networks_that_are_no_chain_have_a_note():
    model = Residual()
    frame = removal_frame(model.fc1.weight.detach(), model=model, layer="fc1", images=images())
    header, arrays = decode(frame.packed())
    assert (
        "no accuracies: layer 'fc1' is inside a module that is no nn.Sequential" in header["note"]
    )
    assert header["images"] == 0
    assert "accuracy_0" not in arrays


def test_convolutions_are_measured_on_fewer_images():
    model = convolutional()
    split = images(300)
    frame = removal_frame(model.conv.weight.detach(), model=model, layer="conv", images=split)
    assert frame.images == 256


def test_outputs_are_what_the_next_layer_reads():
    model, split = chain(), images()
    outputs, note = unit_outputs(model, "fc1", split)
    expected = model.fc1(split.images.flatten(1)).relu()
    torch.testing.assert_close(outputs, expected.T)
    assert note is None
    last, _ = unit_outputs(model, "fc2", split)
    torch.testing.assert_close(last, model(split.images).T)


def test_outputs_of_a_convolution_are_pooled_and_at_eight_places():
    model, split = convolutional(), images()
    outputs, _ = unit_outputs(model, "conv", split)
    assert outputs.shape == (4, 40 * 8)
    pooled = nn.functional.max_pool2d(model.conv(split.images).relu(), 2).flatten(2)
    found = outputs.unflatten(1, (40, 8)).permute(1, 0, 2)
    places = [
        [at for at in range(9) if torch.allclose(pooled[:, :, at], found[:, :, place])]
        for place in range(8)
    ]
    assert all(len(at) == 1 for at in places)
    assert len({at[0] for at in places}) == 8


def test_outputs_take_the_first_512_images():
    outputs, _ = unit_outputs(chain(), "fc1", images(600))
    assert outputs.shape == (8, 512)


def test_outputs_of_a_network_that_is_no_chain_are_the_layers_own():
    model, split = Residual(), images()
    outputs, note = unit_outputs(model, "fc1", split)
    torch.testing.assert_close(outputs, model.fc1(split.images.flatten(1)).T)
    assert "before the activation" in note


def test_outputs_say_what_is_wrong():
    with pytest.raises(ValueError, match="no layer 'fc9'"):
        unit_outputs(chain(), "fc9", images())
    with pytest.raises(ValueError, match=r"takes no images of \[1, 5, 5\]"):
        unit_outputs(chain(), "fc1", images(shape=(1, 5, 5)))
    with pytest.raises(ValueError, match="'unused' is not used"):
        unit_outputs(Residual(), "unused", images())


def test_frames_refuse_weights_that_are_not_finite():
    weight = torch.tensor([[1.0, float("nan")], [1.0, 2.0]])
    for frame in (spectrum_frame, removal_frame):
        with pytest.raises(ValueError, match="weights must be finite"):
            frame(weight)
