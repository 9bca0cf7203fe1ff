"""How many units a curve says can go."""

import pytest
import torch

from surfeit.core import cross_entropy, own_objective, squared_error
from surfeit.prune import (
    RemovalCurve,
    accepted_rise,
    explained_variance,
    removable,
    removable_by_loss,
)


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


def test_losses_may_rise_until_the_first_that_is_too_large():
    assert removable_by_loss(curve(0.1, 0.05, 0.15, 0.3, 0.1), rise=0.1) == 2
    assert removable_by_loss(curve(0.1, 0.2, 0.3), rise=0.1) == 1  # 0.2 − 0.1 is not quite 0.1
    assert removable_by_loss(curve(0.1, 0.1), rise=0.0) == 1
    assert removable_by_loss(curve(-3.0, -2.98, -2.5), rise=0.03) == 1
    assert removable_by_loss(curve(1e-12, 3e-12), rise=1e-12) == 0


def test_a_point_of_r2_is_a_hundredth_of_the_targets_variance():
    generator = torch.Generator().manual_seed(0)
    targets = torch.randn(50, 2, generator=generator) * 3 + 1
    mean = targets.mean(0).expand_as(targets)
    variance = explained_variance(targets, squared_error)
    assert variance == pytest.approx(squared_error.loss(mean, targets).item())
    assert accepted_rise(0.4, targets, squared_error, loss=0.01) == pytest.approx(0.01 * variance)


def absolute(outputs, targets):
    return (outputs - targets).abs().mean()


def test_other_losses_may_rise_by_a_share_of_themselves():
    labels, targets = torch.tensor([0, 1]), torch.tensor([[1.0], [2.0]])
    assert accepted_rise(0.4, labels, cross_entropy, loss=0.05) == pytest.approx(0.02)
    assert accepted_rise(-0.4, targets, own_objective(absolute), loss=0.05) == pytest.approx(0.02)
    # Targets that never change have no R².
    assert explained_variance(torch.ones(4, 1), squared_error) is None
    assert explained_variance(labels, squared_error) is None
    assert accepted_rise(0.4, torch.ones(4, 1), squared_error, loss=0.05) == pytest.approx(0.02)


def test_errors_of_losses_say_what_is_allowed():
    with pytest.raises(ValueError, match=r"losses must be \[removals \+ 1\], got \[0\]"):
        removable_by_loss(torch.tensor([]), rise=0.1)
    with pytest.raises(ValueError, match="losses must be finite"):
        removable_by_loss(curve(0.1, float("nan")), rise=0.1)
    with pytest.raises(ValueError, match="rise must be at least 0, got -1"):
        removable_by_loss(curve(0.1), rise=-1)


def test_a_curve_says_itself_whether_it_is_of_accuracies():
    rising = curve(0.1, 0.3, 0.9)
    assert removable(RemovalCurve(accuracy=rising, loss=None)) == 2
    assert removable_by_loss(RemovalCurve(accuracy=None, loss=rising), rise=0.2) == 1
    both = RemovalCurve(accuracy=curve(0.9, 0.5), loss=curve(0.1, 0.2))
    assert (removable(both), removable_by_loss(both, rise=0.1)) == (0, 1)
    with pytest.raises(ValueError, match=r"of losses, got no accuracies: take removable_by_loss"):
        removable(RemovalCurve(accuracy=None, loss=rising))
    with pytest.raises(ValueError, match=r"of accuracies, got no losses: take removable\("):
        removable_by_loss(RemovalCurve(accuracy=rising, loss=None), rise=0.1)


def test_losses_are_not_taken_for_accuracies():
    with pytest.raises(ValueError, match=r"got 0.1 at first and 0.9 at last: of losses take"):
        removable(curve(0.1, 0.3, 0.9))
    assert removable(curve(0.5, 0.7, 0.51)) == 2  # within what may be lost, as chance may have it


@pytest.mark.parametrize("loss", ["x", None, True, [0.01]])
def test_what_may_be_lost_is_a_number(loss):
    with pytest.raises(ValueError, match=r"loss must be a number such as 0.01, got"):
        removable(curve(0.9), loss=loss)
    with pytest.raises(ValueError, match=r"rise must be a number such as 0.01, got"):
        removable_by_loss(curve(0.9), rise=loss)
    with pytest.raises(ValueError, match=r"loss must be a number such as 0.01, got"):
        accepted_rise(0.4, torch.tensor([0]), cross_entropy, loss=loss)
    with pytest.raises(ValueError, match=r"accuracies must be a torch tensor, got a list"):
        removable([0.9, 0.8])
    with pytest.raises(ValueError, match="loss must be at least 0, got -1"):
        accepted_rise(0.4, torch.tensor([0]), cross_entropy, loss=-1)
