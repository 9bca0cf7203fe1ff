import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import angles, hardly_moved, movement, normalised


def draw(*shape, name="weights"):
    return torch.randn(*shape, generator=Streams(0).get(name), dtype=torch.float64)


def test_movement_equals_the_textbook_formulas():
    weight, initial = draw(6, 2, 3, 1), draw(6, 2, 3, 1, name="initial")
    found = movement(weight, initial)
    for unit in range(6):
        w, z = weight[unit].flatten(), initial[unit].flatten()
        cosine = (w @ z / (w.norm() * z.norm())).item()
        assert found.cosine[unit].item() == pytest.approx(cosine)
        assert found.angle[unit].item() == pytest.approx(math.acos(cosine))
        assert found.norm[unit].item() == pytest.approx(w.norm().item())
        assert found.initial_norm[unit].item() == pytest.approx(z.norm().item())
        assert found.norm_ratio[unit].item() == pytest.approx((w.norm() / z.norm()).item())
        assert found.distance[unit].item() == pytest.approx((w - z).norm().item())


@pytest.mark.parametrize("angle", [0.0, 1e-5, 0.5, math.pi / 2, 3.0, math.pi])
def test_angle_is_exact_in_float32_however_small(angle):
    initial = torch.tensor([[1.0, 0.0]])
    weight = 5 * torch.tensor([[math.cos(angle), math.sin(angle)]])
    found = movement(weight, initial)
    assert found.angle.item() == pytest.approx(angle, rel=1e-5, abs=1e-7)
    assert found.norm_ratio.item() == pytest.approx(5)


def test_movement_ignores_a_rotation_and_a_common_scale():
    weight, initial = draw(5, 4), draw(5, 4, name="initial")
    rotation = torch.linalg.qr(draw(4, 4, name="rotation")).Q * 3
    first, second = movement(weight, initial), movement(weight @ rotation, initial @ rotation)
    torch.testing.assert_close(first.angle, second.angle)
    torch.testing.assert_close(first.norm_ratio, second.norm_ratio)
    torch.testing.assert_close(3 * first.distance, second.distance)


def test_directions_of_zero_rows_are_nan():
    weight = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    initial = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    found = movement(weight, initial)
    assert found.angle.isnan().all()
    assert found.cosine.isnan().all()
    assert found.norm_ratio[:2].tolist() == [0.0, math.inf]
    assert found.norm_ratio[2].isnan()
    assert found.distance.tolist() == [1.0, 1.0, 0.0]
    assert hardly_moved(weight, initial).tolist() == [False, False, True]


def test_hardly_moved_asks_for_the_direction_and_for_the_norm_if_told():
    def at(degrees, norm):
        radians = math.radians(degrees)
        return [norm * math.cos(radians), norm * math.sin(radians)]

    weight = torch.tensor([at(0, 1), at(25, 1), at(26, 1), at(5, 1.24), at(5, 1.26), at(5, 0.74)])
    initial = torch.tensor([[1.0, 0.0]]).expand(6, 2)
    assert hardly_moved(weight, initial).tolist() == [True, True, False, True, True, True]
    strict = hardly_moved(weight, initial, max_norm_change=0.25)
    assert strict.tolist() == [True, True, False, True, False, False]
    assert hardly_moved(weight, initial, max_angle=0.5).tolist() == [True] * 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: movement(w, w[:2]), r"one shape, got \[3, 4\] and \[2, 4\]"),
        (lambda w: movement(w, w * math.nan), "weights must be finite"),
        (lambda w: hardly_moved(w, w.clone(), max_angle=4.0), r"max_angle must be in \[0, pi\]"),
        (
            lambda w: hardly_moved(w, w.clone(), max_norm_change=-0.1),
            "max_norm_change must be at least 0",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(draw(3, 4))


def test_angles_of_directions_are_those_of_the_movement():
    weight, initial = draw(6, 5), draw(6, 5, name="initial")
    weight[2] = 0
    found = angles(normalised(weight), normalised(initial))
    torch.testing.assert_close(found, movement(weight, initial).angle, equal_nan=True)
    assert found.isnan().tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("measure", [movement, hardly_moved])
def test_a_snapshot_beside_itself_says_nothing_of_movement(measure):
    snapshots = draw(1, 3, 4)  # Run.weights of a run with a single one
    with pytest.raises(ValueError, match=r"two snapshots, got one tensor \[3, 4\] as both"):
        measure(snapshots[-1], snapshots[0])
    two = torch.cat([snapshots, snapshots])  # a layer that training left alone
    assert hardly_moved(two[-1], two[0]).all()
