"""Which examples a loss is the mean of."""

import torch

from surfeit.core import Split
from surfeit.curvature import loss_examples

SPLIT = Split(torch.arange(100.0)[:, None], torch.zeros(100, dtype=torch.long))


def test_fewer_examples_are_among_the_more_and_seeds_differ():
    many, few = (loss_examples(SPLIT, most, seed=3).inputs.ravel().tolist() for most in (50, 20))
    assert len(few) == 20
    assert set(few) < set(many) < set(range(100))
    assert few == sorted(few)
    assert few != loss_examples(SPLIT, 20, seed=4).inputs.ravel().tolist()


def test_no_more_than_there_are_is_the_split_itself():
    assert loss_examples(SPLIT, 100, seed=0) is SPLIT
