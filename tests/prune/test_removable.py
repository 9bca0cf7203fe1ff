"""How many units a curve says can go."""

import pytest
import torch

from surfeit.prune import removable


def curve(*accuracies):
    return torch.tensor(accuracies, dtype=torch.float64)


def test_removable_is_the_last_point_before_the_first_fall():
    assert removable(curve(0.98, 0.985, 0.975, 0.96, 0.98)) == 2


def test_a_fall_of_exactly_the_loss_is_allowed():
    assert removable(curve(0.98, 0.97, 0.9)) == 1
    assert removable(curve(0.98, 0.97, 0.9), loss=0.0) == 0


def test_a_curve_that_never_falls_allows_every_removal():
    assert removable(curve(0.5, 0.6, 0.5)) == 2
    assert removable(curve(0.5)) == 0
    assert removable(curve(0.9, 0.1, 0.0), loss=1) == 2


def test_errors_say_what_is_allowed():
    with pytest.raises(ValueError, match=r"accuracies must be \[removals \+ 1\], got \[0\]"):
        removable(torch.tensor([]))
    with pytest.raises(ValueError, match=r"got \[2, 2\]"):
        removable(torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"loss must be a fraction in \[0, 1\], got 1.5"):
        removable(curve(1.0), loss=1.5)
    with pytest.raises(ValueError, match=r"accuracies must be finite fractions"):
        removable(curve(0.9, float("nan")))
