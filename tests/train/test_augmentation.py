"""Augmentation against a slow loop over the images."""

import pytest
import torch
import torch.nn.functional as F

from surfeit.core import Streams
from surfeit.train.batches import shifted


def slowly(images, pixels, black, flip, generator):
    count, _, height, width = images.shape
    draws = torch.randint(0, 2 * pixels + 1, (2, count, 1), generator=generator)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    result = []
    for i, image in enumerate(images):
        # Padding with black is padding the difference from black with zeros.
        padded = F.pad(image - black, [pixels] * 4) + black
        top, left = int(draws[0, i]), int(draws[1, i])
        crop = padded[:, top : top + height, left : left + width]
        result.append(crop.flip(2) if flip and mirrored[i] else crop)
    return torch.stack(result)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("pixels", [1, 3, 9])
def test_shifted_equals_pad_crop_and_mirror_one_by_one(flip, pixels):
    images = torch.randn(12, 2, 5, 6, generator=Streams(0).get("i"), dtype=torch.float64)
    black = torch.tensor([-1.0, -2.0], dtype=torch.float64).view(2, 1, 1)
    options = {"pixels": pixels, "black": black, "flip": flip}
    found = shifted(images, generator=Streams(1).get("a"), **options)
    expected = slowly(images, *options.values(), Streams(1).get("a"))
    assert torch.allclose(found, expected, atol=1e-12)
    assert found.shape == images.shape


def test_every_shift_and_both_sides_come_equally_often():
    count, pixels = 9000, 1
    images = torch.zeros(count, 1, 3, 3)
    images[:, 0, 1, 1] = 1
    images[:, 0, 1, 2] = 2
    found = shifted(
        images, pixels=pixels, black=torch.zeros(1, 1, 1), flip=True, generator=Streams(0).get("a")
    )
    places = (found[:, 0] == 1).flatten(1).double().mean(0)
    assert torch.allclose(places, torch.full((9,), 1 / 9).double(), atol=4 * (1 / 9 / count) ** 0.5)
    row = found[:, 0, 1]
    left, right = (row[:, 0] == 2).double().mean(), (row[:, 2] == 2).double().mean()
    assert abs(left - right) < 4 * (2 / 9 / count) ** 0.5
