import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import minimum_norm


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=Streams(seed).get("normal"), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (12, 12), (1, 5), (5, 1), (1, 1)])
def test_it_is_the_pseudoinverse_times_the_targets(shape):
    features, targets = normal(*shape), normal(shape[0], 3, seed=1)
    expected = np.linalg.pinv(features.numpy()) @ targets.numpy()
    assert np.allclose(minimum_norm(features, targets), expected, rtol=1e-9, atol=1e-12)


def test_dependent_rows_and_columns_take_the_least_norm():
    features = normal(20, 6)
    features = torch.cat([features, features[:, :2], torch.zeros(20, 1)], dim=1)
    for matrix in (features, features.T.contiguous()):
        targets = normal(len(matrix), 2, seed=1)
        expected = np.linalg.lstsq(matrix.numpy(), targets.numpy(), rcond=None)[0]
        assert np.allclose(minimum_norm(matrix, targets), expected, atol=1e-10)


def test_of_many_systems_those_of_lower_rank_take_the_least_norm_too():
    features, targets = normal(5, 12, 12), normal(5, 12, 2, seed=1)
    features[1, :, 4] = features[1, :, 2]
    features[3] = 0
    for given in (features, features[..., :9], features[:, :9], features[1]):
        wanted = targets[..., : given.shape[-2], :] if given.dim() == 3 else targets[1]
        expected = np.linalg.pinv(given.numpy(), rcond=1e-13) @ wanted.numpy()
        for _ in range(2):  # what one call leaves behind must not change the next
            assert np.allclose(minimum_norm(given, wanted), expected, rtol=1e-7, atol=1e-9)


def test_nothing_is_squared_near_as_many_features_as_examples():
    left, right = (torch.linalg.qr(normal(30, 30, seed=seed)).Q for seed in (2, 3))
    spectrum = torch.logspace(0, -9, 30, dtype=torch.float64)  # squared it would be lost
    features = left * spectrum @ right.T
    wanted = normal(30, 1, seed=4)
    found = minimum_norm(features, features @ wanted)
    assert (found - wanted).norm() / wanted.norm() < 1e-6


def test_many_systems_are_solved_as_each_alone():
    features, targets = normal(4, 3, 7, 10), normal(4, 3, 7, 2, seed=1)
    found = minimum_norm(features, targets)
    assert found.shape == (4, 3, 10, 2)
    assert torch.allclose(found[2, 1], minimum_norm(features[2, 1], targets[2, 1]), atol=1e-12)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (9, 9)])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 50.0])
def test_a_ridge_is_as_many_examples_that_say_zero(shape, ridge):
    features, targets = normal(*shape), normal(shape[0], 2, seed=1)
    held = torch.cat([features, ridge**0.5 * torch.eye(shape[1], dtype=torch.float64)])
    more = torch.cat([targets, targets.new_zeros(shape[1], 2)])
    expected = np.linalg.lstsq(held.numpy(), more.numpy(), rcond=None)[0]
    assert np.allclose(minimum_norm(features, targets, ridge=ridge), expected, atol=1e-10)


def test_a_small_ridge_comes_to_the_least_norm():
    features, targets = normal(6, 15), normal(6, 1, seed=1)
    near = minimum_norm(features, targets, ridge=1e-9)
    assert torch.allclose(near, minimum_norm(features, targets), atol=1e-7)


def test_half_precision_is_computed_with_in_double():
    features, targets = normal(5, 9).half(), normal(5, 1, seed=1).float()
    features.requires_grad_()
    found = minimum_norm(features, targets)
    assert found.dtype == torch.float64
    assert not found.requires_grad
    assert torch.allclose(features.double() @ found, targets.double(), atol=1e-10)


@pytest.mark.parametrize(
    ("features", "targets", "words"),
    [
        (torch.ones(3, 2), torch.ones(4, 1), r"got \[3, 2\] and \[4, 1\]"),
        (torch.ones(3, 2), torch.ones(3), r"got \[3, 2\] and \[3\]"),
        (torch.ones(3), torch.ones(3), r"got \[3\] and \[3\]"),
        (torch.ones(3, 0), torch.ones(3, 1), r"at least one example and one feature, got \[3, 0\]"),
        (torch.ones(0, 3), torch.ones(0, 1), r"at least one example and one feature, got \[0, 3\]"),
        (torch.full((1, 1), torch.nan), torch.ones(1, 1), "the features must be real and finite"),
        (torch.ones(1, 1), torch.full((1, 1), torch.inf), "the targets must be real and finite"),
        (torch.ones(1, 1, dtype=torch.cfloat), torch.ones(1, 1), "features must be real and"),
    ],
)
def test_what_is_no_system_is_refused(features, targets, words):
    with pytest.raises(ValueError, match=words):
        minimum_norm(features, targets)


def test_a_negative_ridge_is_refused():
    with pytest.raises(ValueError, match="ridge must be at least 0 and finite, got -1"):
        minimum_norm(torch.ones(1, 1), torch.ones(1, 1), ridge=-1)
