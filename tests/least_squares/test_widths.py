import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams, SurfeitError
from surfeit.least_squares import (
    FEATURES,
    RandomFeatures,
    check_fits,
    check_widths,
    fits_by_width,
    widths,
)

EXAMPLES, INPUTS, OUTPUTS = 40, 6, 3


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(widths, "_BLOCK", 7)


@pytest.fixture
def data():
    generator = Streams(0).get("data")
    return tuple(
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((EXAMPLES, INPUTS), (EXAMPLES, OUTPUTS), (9, INPUTS))
    )


def drawn(kind="relu", count=90):
    return RandomFeatures.draw(kind, count, INPUTS, Streams(1).get(kind), bandwidth=2.0)


@pytest.mark.parametrize("kind", FEATURES)
def test_each_width_has_the_least_norm_solution(data, kind):
    inputs, targets, others = data
    features = drawn(kind)
    given = [90, 3, 39, 41, 40, 25, 60]
    fits = list(fits_by_width(features, inputs, targets, others, given))
    assert [fit.width for fit in fits] == sorted(given)
    for fit in fits:
        matrix = features.of(inputs, 0, fit.width).numpy()
        solution = np.linalg.pinv(matrix, rcond=1e-14) @ targets.numpy()
        close = {"rtol": 1e-5, "atol": 1e-6}
        assert np.allclose(fit.train, matrix @ solution, **close)
        assert np.allclose(fit.other, features.of(others, 0, fit.width).numpy() @ solution, **close)
        assert fit.norm == pytest.approx(fit.width**0.5 * np.linalg.norm(solution), rel=1e-5)
        exact = np.linalg.cond(matrix)
        assert 0.9 * exact < fit.condition < 1.0001 * exact


def test_widths_above_or_below_the_examples_alone_are_as_among_others(data):
    features = drawn()
    every = {fit.width: fit for fit in fits_by_width(features, *data, [10, 30, 50, 80])}
    for some in ([10], [30], [50], [80], [10, 80]):
        for fit in fits_by_width(features, *data, some):
            assert torch.allclose(fit.other, every[fit.width].other, atol=1e-9)


def test_dependent_features_share_the_least_norm(data):
    inputs, targets, others = data
    features = drawn()
    features.weights[4] = features.weights[2]
    below, beyond = fits_by_width(features, inputs, targets, others, [4, 30])
    assert math.isfinite(below.condition)
    assert math.isinf(beyond.condition)
    matrix = features.of(inputs, 0, 30).numpy()
    solution = np.linalg.pinv(matrix, rcond=1e-12) @ targets.numpy()
    assert np.allclose(beyond.other, features.of(others, 0, 30).numpy() @ solution, atol=1e-9)
    assert np.allclose(beyond.train, matrix @ solution, atol=1e-9)


def test_dependent_examples_are_refused_above_their_number(data):
    inputs, targets, others = data
    inputs = torch.cat([inputs, inputs[:1]])
    targets = torch.cat([targets, targets[:1] + 1])
    assert len(list(fits_by_width(drawn(), inputs, targets, others, [20]))) == 1
    with pytest.raises(SurfeitError, match=r"the 41 examples .* leave out duplicates among the ex"):
        list(fits_by_width(drawn(), inputs, targets, others, [20, 60]))


def test_what_memory_does_not_hold_is_refused_before_anything_is_computed(data, monkeypatch):
    monkeypatch.setattr(RandomFeatures, "of", None)
    sizes = {"others": 9, "inputs": INPUTS, "outputs": OUTPUTS}
    needed = [widths.bytes_needed(count, [20, 90], **sizes) for count in range(EXAMPLES)]
    fits = max(count for count, bytes_ in enumerate(needed) if bytes_ <= 40_000)
    with pytest.raises(
        ValueError,
        match="random features at widths up to 90 of 40 examples need 5.5e-05 GB of memory, and "
        f"4e-05 GB are free: {fits} examples would fit",
    ):
        fits_by_width(drawn(), *data, [20, 90], memory=40_000)


def test_ten_thousand_images_fit_into_four_gigabytes():
    sizes = {"others": 15_000, "inputs": 784, "outputs": 10}
    assert widths.bytes_needed(10_000, [500, 10_000, 40_000], **sizes) < 4 * 2**30
    check_fits(10_000, [500, 10_000, 40_000], **sizes, memory=4 * 2**30)
    with pytest.raises(ValueError, match=r"of 60,000 examples need .* GB are free: .* would fit"):
        check_fits(60_000, [120_000], **sizes, memory=16 * 10**9)
    with pytest.raises(ValueError, match="not even one example would fit"):
        check_fits(60_000, [120_000], **sizes, memory=1000)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([0], "a width must be a whole number of at least 1, got 0"),
        ([3, -2], "a width must be a whole number of at least 1, got -2"),
        ([2.5], r"a width must be a whole number of at least 1, got 2\.5"),
        ([], "widths must hold at least one number of features, got none"),
        ([4, 5, 4], "widths holds 4 twice: give each once"),
        ([91], "widths must be at most 90, as many features as were drawn, got 91"),
    ],
)
def test_widths_out_of_range_are_refused(data, given, words):
    with pytest.raises(ValueError, match=words):
        fits_by_width(drawn(), *data, given)


def test_data_that_do_not_fit_are_refused(data):
    inputs, targets, others = data
    with pytest.raises(ValueError, match=r"one row an example, got \[40, 6\], \[39, 3\] and"):
        fits_by_width(drawn(), inputs, targets[:39], others, [3])
    with pytest.raises(ValueError, match="the features are of 6 inputs, got examples of 6 and 5"):
        fits_by_width(drawn(), inputs, targets, others[:, :5], [3])


def test_fewer_examples_than_classes_are_refused():
    with pytest.raises(ValueError, match="got 9 examples of 10 classes"):
        check_widths([3], 9, 10)
    check_widths([3], 10, 10)
