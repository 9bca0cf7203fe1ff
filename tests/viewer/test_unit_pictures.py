"""What a unit is: the examples that drive it, its answers by class, its weights as a picture."""

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams
from surfeit.data import load
from surfeit.models import Structure, conv_2, mlp
from surfeit.models.structure import unit_outputs
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.frames.activity import activity_frame, example_pictures, pictured
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.frames.weight_pictures import weight_pictures, why_no_pictures
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.networks import Network
from surfeit.viewer.wire import decode


def draw(*shape, name="draw"):
    return torch.randn(*shape, generator=Streams(4).get(name))


def followed(model, examples):
    return Network(model.eval(), Structure.of(model, examples.inputs[:1]))


def classes_of(inputs, classes=3):
    return Split(inputs, torch.arange(len(inputs)) % classes)


def test_units_are_driven_by_the_examples_that_they_answer_to_most():
    examples = classes_of(draw(30, 1, 4, 4))
    network = followed(mlp((6, 5), input_shape=(1, 4, 4), classes=3), examples)
    frame = activity_frame(network, "fc1", examples)
    outputs = unit_outputs(network.model, ["fc1"], examples.inputs)["fc1"][..., 0]
    assert (frame.units, frame.examples, frame.classes) == (6, 30, 3)
    for unit in range(6):
        values, _ = outputs[:, unit].sort(descending=True)
        np.testing.assert_allclose(frame.answers[unit], values[:8])
        assert outputs[:, unit][frame.driving[unit].astype(int)].tolist() == values[:8].tolist()
        for label in range(3):
            mean = float(outputs[examples.targets == label, unit].mean())
            assert frame.by_class[unit, label] == pytest.approx(mean, rel=1e-5)


def test_a_filter_answers_by_its_largest_and_on_average_by_its_mean_position():
    examples = classes_of(draw(12, 3, 8, 8))
    network = followed(conv_2(input_shape=(3, 8, 8), classes=3), examples)
    frame = activity_frame(network, "conv1", examples)
    outputs = unit_outputs(network.model, ["conv1"], examples.inputs)["conv1"]
    assert outputs.shape[2] > 1
    np.testing.assert_allclose(frame.answers[:, 0], outputs.amax((0, 2)), rtol=1e-5)
    first = outputs[examples.targets == 0].mean((0, 2))
    np.testing.assert_allclose(frame.by_class[:, 0], first, rtol=1e-4)


def test_nothing_drives_a_silent_unit():
    examples = classes_of(draw(20, 1, 4, 4))
    model = mlp((6, 5), input_shape=(1, 4, 4), classes=3)
    with torch.no_grad():
        model.fc1.weight[2] = 0
        model.fc1.bias[2] = -1
    frame = activity_frame(followed(model, examples), "fc1", examples)
    assert np.isnan(frame.answers[2]).all()
    assert not np.isnan(frame.answers[[0, 1, 3, 4, 5]]).any()
    assert frame.by_class[2].tolist() == [0, 0, 0]


def test_without_classes_and_without_images_there_are_answers_alone():
    examples = Split(draw(5, 7), draw(5, 2, name="targets"))
    network = followed(nn.Sequential(nn.Linear(7, 4), nn.Tanh(), nn.Linear(4, 2)), examples)
    frame = activity_frame(network, "0", examples)
    assert frame.driving.shape == (4, 5)
    assert frame.by_class.shape == (4, 0)
    header, arrays = decode(example_pictures(examples))
    assert header == {"count": 5, "shape": None}
    assert len(arrays["pixels"]) == len(arrays["labels"]) == 0
    found = weight_pictures(draw(4, 7), None, network=network, layer="0", examples=examples)
    assert found.shape is None
    assert found.why == "the network's inputs are no images"


def test_a_class_without_examples_has_no_mean():
    inputs = draw(6, 1, 2, 2)
    examples = Split(inputs, torch.tensor([0, 0, 2, 2, 2, 0]))
    network = followed(mlp((4,), input_shape=(1, 2, 2), classes=3), examples)
    frame = activity_frame(network, "fc1", examples)
    assert np.isnan(frame.by_class[:, 1]).all()
    assert not np.isnan(frame.by_class[:, [0, 2]]).any()


def test_outputs_that_are_no_numbers_are_refused():
    examples = classes_of(draw(6, 1, 2, 2))
    network = followed(mlp((4,), input_shape=(1, 2, 2), classes=3), examples)
    examples.inputs[4] = float("nan")
    with pytest.raises(ValueError, match="not all finite numbers"):
        activity_frame(network, "fc1", examples)


def test_pictures_of_examples_run_from_each_channels_least_to_its_largest():
    inputs = draw(9, 3, 4, 5)
    header, arrays = decode(example_pictures(classes_of(inputs)))
    assert header == {"count": 9, "shape": [3, 4, 5]}
    pixels = arrays["pixels"].reshape(9, 3, 4, 5)
    for channel in range(3):
        assert (pixels[:, channel].min(), pixels[:, channel].max()) == (0, 255)
        values = inputs[:, channel]
        expected = (values - values.min()) / (values.max() - values.min()) * 255
        np.testing.assert_allclose(pixels[:, channel], expected, atol=0.51)
    assert arrays["labels"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2]


def test_large_images_are_fewer_and_blank_ones_are_black():
    large = Split(torch.zeros(100, 3, 224, 224), torch.zeros(100, dtype=torch.int64))
    assert pictured(large) == 32
    assert pictured(classes_of(draw(900, 1, 28, 28))) == 512
    _, arrays = decode(example_pictures(large[:2]))
    assert not arrays["pixels"].any()


def test_weight_vectors_of_what_reads_the_image_are_pictures():
    examples = classes_of(draw(4, 1, 4, 6))
    model = mlp((5, 3), input_shape=(1, 4, 6), classes=3)
    network = followed(model, examples)
    weight = model.fc1.weight.detach()
    found = weight_pictures(weight, weight / 2, network=network, layer="fc1", examples=examples)
    assert found.shape == (1, 4, 6)
    expected = weight / weight.abs().amax(1, keepdim=True) * 127
    np.testing.assert_allclose(found.weight, expected, atol=0.51)
    np.testing.assert_allclose(found.update, found.weight, atol=1)
    np.testing.assert_allclose(found.weight_largest, weight.abs().amax(1))
    np.testing.assert_allclose(found.update_largest, weight.abs().amax(1) / 2)
    assert found.pooled == 1
    second = weight_pictures(
        model.fc2.weight.detach(), None, network=network, layer="fc2", examples=examples
    )
    assert (second.shape, second.why) == (None, "the layer does not read the image itself")


@pytest.mark.parametrize(("most", "side"), [(240, 1), (239, 2), (60, 2), (59, 3), (1, 6)])
def test_too_many_numbers_are_means_of_squares_of_pixels(most, side):
    examples = classes_of(draw(4, 1, 4, 6))
    model = mlp((5,), input_shape=(1, 4, 6), classes=3)
    network = followed(model, examples)
    weight = model.fc1.weight.detach()
    found = weight_pictures(
        weight, None, network=network, layer="fc1", examples=examples, most=most
    )
    assert found.pooled == side
    expected = [
        [
            float(picture[top : top + side, left : left + side].mean())
            for top in range(0, 4, side)
            for left in range(0, 6, side)
        ]
        for picture in weight.reshape(5, 4, 6)
    ]
    assert found.shape == (1, -(-4 // side), -(-6 // side))
    largest = np.abs(expected).max(axis=1, keepdims=True)
    np.testing.assert_allclose(found.weight_largest, largest[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found.weight, expected / largest * 127, atol=0.51)
    assert len(found.update) == len(found.update_largest) == 0


def test_halves_and_empty_units_are_pictures_and_empty_ones_are_blank():
    examples = classes_of(draw(4, 1, 2, 2))
    network = followed(mlp((3,), input_shape=(1, 2, 2), classes=3), examples)
    weight = draw(3, 4).half()
    weight[1] = 0
    found = weight_pictures(weight, weight, network=network, layer="fc1", examples=examples)
    assert not found.weight[1].any()
    assert found.weight_largest[1] == 0
    assert found.weight_largest.dtype == np.float32
    assert np.abs(found.weight[[0, 2]]).max(axis=1).tolist() == [127, 127]


class Turned(nn.Module):
    """Reads the image's numbers in another order."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(12, 3)

    def forward(self, inputs):
        return self.fc(inputs.transpose(2, 3).flatten(1))


@pytest.mark.parametrize(
    ("model", "layer", "channels", "why"),
    [
        (Turned(), "fc", 1, "does not read the image itself"),
        (nn.Sequential(nn.Conv2d(4, 6, 3), nn.Flatten(), nn.LazyLinear(3)), "0", 4, "4 channels"),
        (
            nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.Flatten(), nn.LazyLinear(3)),
            "0",
            3,
            "different groups",
        ),
        (
            nn.Sequential(nn.ConvTranspose2d(1, 2, 3), nn.Flatten(), nn.LazyLinear(3)),
            "0",
            1,
            "transposed convolution are no pictures",
        ),
    ],
)
def test_what_is_no_picture_says_why(model, layer, channels, why):
    examples = classes_of(draw(4, channels, 3, 4))
    model(examples.inputs)
    network = followed(model, examples)
    weight = network.structure.layer(layer).matrix(network.model)
    found = weight_pictures(weight, None, network=network, layer=layer, examples=examples)
    assert found.shape is None
    assert why in str(found.why)
    assert why_no_pictures(network, layer, examples) == found.why


def test_filters_of_images_are_pictures_and_bad_weights_are_none():
    examples = classes_of(draw(4, 3, 8, 8))
    network = followed(conv_2(input_shape=(3, 8, 8), classes=3), examples)
    weight = network.structure.layer("conv1").matrix(network.model)
    found = weight_pictures(weight, None, network=network, layer="conv1", examples=examples)
    assert found.shape == (3, 3, 3)
    assert found.weight.shape == (64, 27)
    weight[3, 2] = float("inf")
    found = weight_pictures(weight, None, network=network, layer="conv1", examples=examples)
    assert (found.shape, found.why) == (None, "not all weights are finite numbers")


def test_they_are_served_of_a_run_at_each_moment(tmp_path):
    store = Store(tmp_path / "store")
    model = mlp((7, 5), input_shape=(1, 8, 8), classes=10)
    run = train(model, load("digits"), Recipe(epochs=1, lr=0.1), store=store)
    library = Library(store, dataset_of=lambda _: load("digits"))
    pictures = Pictures(library, Cache(tmp_path / "cache"))
    for at in (run.steps()[0], run.steps()[-1]):
        header, arrays = decode(pictures.activity(Query(run.key, "fc1", at=at)))
        assert (header["units"], header["classes"]) == (7, 10)
        header, arrays = decode(pictures.weight_pictures(Query(run.key, "fc1", at=at)))
        assert header["shape"] == [1, 8, 8]
        weight = run.model(at).fc1.weight.detach()
        largest = weight.abs().amax(1, keepdim=True)
        np.testing.assert_allclose(
            arrays["weight"].reshape(7, 64), weight / largest * 127, atol=0.51
        )
        assert bool(arrays["update"].any()) == (at > 0)
        np.testing.assert_allclose(arrays["weight_largest"], largest[:, 0])
    assert pictures.pictured(Query(run.key, "fc1")) == {"why": None}
    why = "the layer does not read the image itself"
    assert pictures.pictured(Query(run.key, "fc2")) == {"why": why}
    header, _ = decode(pictures.examples(run.key))
    assert header["count"] == len(load("digits").validation)
    bare = Pictures(Library(store), Cache(None))
    for ask in (bare.activity, bare.weight_pictures):
        with pytest.raises(ValueError, match="are not given"):
            ask(Query(run.key, "fc1"))
    assert "are not given" in bare.pictured(Query(run.key, "fc1"))["why"]
