"""SGD's stability at a minimum, against all batches of small quadratic losses."""

import math
from itertools import combinations

import pytest
import torch

from surfeit.curvature import expected_growth, largest_nonuniformity

from .conftest import draw

H = draw(6, 1).square()[:, 0]  # second derivatives of six examples' losses in one weight


def grown(hessians: torch.Tensor, rate: float, batch: int) -> torch.Tensor:
    """`E (I − η H_B)²` over all batches of the examples."""
    one = torch.eye(hessians.shape[-1], dtype=torch.float64)
    steps = [
        one - rate * hessians[list(some)].mean(0)
        for some in combinations(range(len(hessians)), batch)
    ]
    return torch.stack([step @ step for step in steps]).mean(0)


@pytest.mark.parametrize("batch", [1, 2, 5, 6])
@pytest.mark.parametrize("rate", [0.1, 3.0])
def test_growth_is_that_over_all_batches_of_one_weight(batch, rate):
    found = expected_growth(
        H.mean().item(), H.std(correction=0).item(), rate=rate, batch=batch, examples=6
    )
    truth = grown(H[:, None, None], rate, batch).item()
    assert found == pytest.approx(truth, rel=1e-12)


def test_of_many_weights_it_is_exact_where_one_vector_belongs_to_both():
    hessians = torch.diag_embed(torch.stack([3 * H, H / 3], 1))
    top = hessians[:, 0, 0]
    rate, batch = 2 / top.mean().item(), 2  # the second weight falls
    found = expected_growth(
        top.mean().item(), top.std(correction=0).item(), rate=rate, batch=batch, examples=6
    )
    assert found == pytest.approx(torch.linalg.eigvalsh(grown(hessians, rate, batch))[-1].item())


@pytest.mark.parametrize("batch", [1, 3])
def test_the_bound_is_where_noise_alone_takes_up_the_growth(batch):
    about = {"rate": 0.25, "batch": batch, "examples": 6}
    most = largest_nonuniformity(**about)
    assert most == pytest.approx(4 * math.sqrt(batch * 5 / (6 - batch)))
    assert expected_growth(4.0, most, **about) == pytest.approx(1)
    assert expected_growth(4.0, 1.01 * most, **about) > 1


def test_full_batches_have_no_noise():
    about = {"rate": 0.1, "batch": 6, "examples": 6}
    assert largest_nonuniformity(**about) == math.inf
    assert expected_growth(20.0, 1e9, **about) == pytest.approx(1)  # a = 2 / η
    assert expected_growth(3.0, 1.0, rate=0.1, batch=1, examples=1) == pytest.approx(0.49)


def test_a_simulation_stays_below_the_bound_and_leaves_above_it():
    generator = torch.Generator().manual_seed(0)
    a, s = H.mean().item(), H.std(correction=0).item()
    for rate in (0.9, 1.1):
        rate = rate * 2 * a / (a**2 + s**2)  # where single examples keep the distance
        growth = expected_growth(a, s, rate=rate, batch=1, examples=6)
        assert (growth > 1) == (rate > 2 * a / (a**2 + s**2))
        drawn = H[torch.randint(6, (200_000, 4), generator=generator)]
        squares = (1 - rate * drawn).prod(1).square()
        error = squares.std().item() / math.sqrt(len(squares))
        assert abs(squares.mean().item() - growth**4) < 4 * error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 0.0}, "rate must be above 0 and finite, got 0.0"),
        ({"rate": math.inf}, "rate must be above 0 and finite, got inf"),
        ({"batch": 0}, r"batch must be in \[1, 6\], the examples, got 0"),
        ({"batch": 7}, r"batch must be in \[1, 6\], the examples, got 7"),
    ],
)
def test_arguments_out_of_range_are_refused(change, words):
    about = {"rate": 0.1, "batch": 2, "examples": 6} | change
    with pytest.raises(ValueError, match=words):
        largest_nonuniformity(**about)
    with pytest.raises(ValueError, match=words):
        expected_growth(1.0, 1.0, **about)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_nonuniformity_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="nonuniformity must be at least 0 and finite"):
        expected_growth(1.0, value, rate=0.1, batch=2, examples=6)
