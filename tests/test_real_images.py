"""MNIST itself, where its folder is given: `SURFEIT_TEST_DATA=<data root> make test`."""

import os
from pathlib import Path

import pytest

from surfeit.data import load, subset
from surfeit.models import lenet_300_100
from surfeit.prune import magnitude, removable, removal_curve, removal_order
from surfeit.store import Store
from surfeit.train import Recipe, train

ROOT = os.environ.get("SURFEIT_TEST_DATA")
needs_images = pytest.mark.skipif(
    not ROOT, reason="needs MNIST: set SURFEIT_TEST_DATA to a data root that holds it"
)


@needs_images
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_images_load_as_published(name):
    data = load(name, ROOT)
    assert [len(split) for split in data.splits.values()] == [55_000, 5_000, 10_000]
    assert data.input_shape == (1, 28, 28)
    assert abs(float(data.train.images.mean())) < 0.01
    assert abs(float(data.train.images.std()) - 1) < 0.01
    counts = data.test.labels.bincount()
    assert int(counts.sum()) == 10_000
    if name == "mnist":
        assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@needs_images
def test_lenet_learns_mnist_and_half_of_its_units_can_go(tmp_path: Path):
    data = load("mnist", ROOT)
    run = train(lenet_300_100, data, Recipe(lr=0.01, momentum=0.9, epochs=1), store=Store(tmp_path))
    last = run.metrics().to_pylist()[-1]
    assert last["test_accuracy"] > 0.93
    order = removal_order(run.weights("fc1")[-1], magnitude)
    few = subset(data, 1_000)
    curve = removal_curve(run.model(), "fc1", order, few.validation[:2_000])
    assert 30 < removable(curve, loss=0.01) < 300
    assert curve[-1] < 0.25
