"""Averages of weights: equal shares, statistics of their own, and what is refused."""

import pytest
import torch

from surfeit.core import outputs_of, tensors_of
from surfeit.landscape import averaged_weights, batch_statistics

from .networks import draw, fully_connected, known


def disturbed(tensors, name):
    return {
        n: v + draw(*v.shape, name=f"{name} {n}").abs() if v.is_floating_point() else v + 1
        for n, v in tensors.items()
    }


def test_an_average_gives_every_snapshot_the_same_share():
    model, inputs = fully_connected(7)
    snapshots = [disturbed(tensors_of(model), str(n)) for n in range(3)]
    found = averaged_weights(model, iter(snapshots))
    for name, value in found.items():
        torch.testing.assert_close(value, torch.stack([s[name] for s in snapshots]).mean(0))
    assert outputs_of(model, found, inputs).shape == (24, 3)


def test_an_average_of_one_is_itself_and_of_opposites_is_nothing():
    model, _ = fully_connected(7)
    own = tensors_of(model)
    assert all(torch.equal(averaged_weights(model, [own])[n], v) for n, v in own.items())
    zero = averaged_weights(model, [own, {n: -v for n, v in own.items()}])
    assert not any(value.any() for value in zero.values())


def test_many_snapshots_lose_nothing_to_rounding():
    model, _ = fully_connected(7)
    own = tensors_of(model)
    found = averaged_weights(model, (own for _ in range(1000)))
    assert all(torch.equal(found[n], v) for n, v in own.items())


def test_batch_statistics_are_those_of_the_averaged_network():
    model, inputs = known("residual with batch normalisation")
    snapshots = [disturbed(tensors_of(model), str(n)) for n in range(2)]
    with pytest.raises(ValueError, match="averaged weights need statistics of their own"):
        averaged_weights(model, snapshots)
    found = averaged_weights(model, snapshots, statistics_from=inputs)
    expected = batch_statistics(model, found, inputs)
    for name, value in expected.items():
        assert torch.equal(found[name], value)
    naive = (snapshots[0]["bn1.running_mean"] + snapshots[1]["bn1.running_mean"]) / 2
    assert not torch.allclose(found["bn1.running_mean"], naive)


def test_no_snapshot_and_another_network_are_refused():
    (model, _), (other, _) = fully_connected(7), fully_connected(6)
    with pytest.raises(ValueError, match="at least one snapshot, got none"):
        averaged_weights(model, [])
    with pytest.raises(ValueError, match=r"fc1\.weight is"):
        averaged_weights(model, [tensors_of(other)])
