"""NC1: the definition by brute force, two classes by hand, and what changes nothing."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import within_over_between


def draw(*shape, name="outputs"):
    return torch.randn(*shape, generator=Streams(0).get("collapse", name), dtype=torch.float64)


def by_definition(outputs, labels):
    """tr(Σ_W Σ_B⁺) / C, example by example."""
    classes = sorted(set(labels.tolist()))
    means = {one: outputs[labels == one].mean(0) for one in classes}
    centre = sum(means.values()) / len(classes)
    units = outputs.shape[1]
    within, between = torch.zeros(2, units, units, dtype=torch.float64)
    for one in classes:
        off = means[one] - centre
        between += torch.outer(off, off) / len(classes)
        members = outputs[labels == one]
        for example in members:
            apart = example - means[one]
            within += torch.outer(apart, apart) / len(members) / len(classes)
    return float((within @ torch.linalg.pinv(between, rtol=1e-12)).trace()) / len(classes)


@pytest.mark.parametrize(("examples", "units", "classes"), [(40, 7, 4), (30, 2, 5), (12, 20, 3)])
def test_it_is_the_definition_whatever_the_sizes_of_classes(examples, units, classes):
    labels = torch.arange(examples) % classes
    labels[: examples // 3] = 0
    outputs = draw(examples, units) + 2 * draw(classes, units, name="means")[labels]
    assert within_over_between(outputs, labels) == pytest.approx(by_definition(outputs, labels))


def test_two_classes_on_a_line():
    """Means ±3, spread ±1: Σ_W = 1, Σ_B = 9, and half of their ratio."""
    outputs = torch.tensor([[2.0], [4.0], [-2.0], [-4.0]])
    assert within_over_between(outputs, torch.tensor([0, 0, 5, 5])) == pytest.approx(1 / 18)


def test_collapsed_classes_have_none():
    labels = torch.arange(30) % 3
    assert within_over_between(draw(3, 8)[labels], labels) == pytest.approx(0, abs=1e-25)


def test_scale_rotation_shift_dead_units_and_order_change_nothing():
    labels = torch.arange(40) % 4
    outputs = draw(40, 6) + 3 * draw(4, 6, name="means")[labels]
    rotation = torch.linalg.qr(draw(6, 6, name="rotation")).Q
    order = torch.randperm(40, generator=Streams(0).get("collapse", "order"))
    changed = torch.cat([5 * outputs @ rotation + 7, torch.zeros(40, 3)], 1)[order]
    found = within_over_between(outputs, labels)
    assert within_over_between(changed, labels[order]) == pytest.approx(found)


@pytest.mark.parametrize(
    ("outputs", "labels", "words"),
    [
        (torch.ones(4, 2), torch.zeros(4, dtype=torch.int64), "two classes or more, got 1"),
        (torch.ones(4, 2), torch.arange(4) % 2, "all classes have one mean"),
        (torch.ones(4, 2), torch.arange(3), "with a label each, got"),
        (torch.ones(4), torch.arange(4), "with a label each, got"),
        (torch.full((4, 2), math.nan), torch.arange(4) % 2, "outputs must be finite"),
    ],
)
def test_what_has_no_ratio_is_refused(outputs, labels, words):
    with pytest.raises(ValueError, match=words):
        within_over_between(outputs, labels)


def test_an_offset_of_all_outputs_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 10
    outputs = (
        torch.randn(400, 64, generator=generator)
        + 0.3 * torch.randn(10, 64, generator=generator)[labels]
    )
    found = within_over_between(outputs.double(), labels)
    assert within_over_between(outputs.double() + 1_000, labels) == pytest.approx(found, rel=1e-6)
    constant = torch.cat([outputs.double(), torch.full((400, 1), 3.7)], 1)
    assert within_over_between(constant, labels) == pytest.approx(found, rel=1e-9)


def test_equal_means_beside_a_large_offset_are_refused():
    half = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)).double()
    outputs = torch.cat([half, half.flip(0)]) + 100
    with pytest.raises(ValueError, match="all classes have one mean"):
        within_over_between(outputs, torch.arange(2).repeat_interleave(50))
