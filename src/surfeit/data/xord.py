"""XORD: pairs of signs; in a positive example some are equal, in a negative one none."""

from functools import cache
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import check_size
from surfeit.data.own import from_tensors

if TYPE_CHECKING:
    from surfeit.data.dataset import Dataset

PATTERNS = ((1, 1), (-1, -1), (1, -1), (-1, 1))
"""The four pairs of signs; the first two are equal ones."""

POSITIVE, NEGATIVE = frozenset({0, 1}), frozenset({2, 3})
"""The places among `PATTERNS` of equal and of unequal pairs."""

PatternSet = frozenset[int]
"""Which of `PATTERNS` an input has, by their places."""


def xord_data(
    pairs: int, examples: int, generator: torch.Generator, *, diverse: float = 1.0
) -> "Dataset":
    """Examples of the XORD problem: inputs in {+1, −1}^(2·pairs), of class 1 if a pair is equal.

    An input is read as `pairs` pairs; it is positive (class 1) if one of them is (1, 1) or
    (−1, −1), else negative (class 0). A positive input is *diverse* if both equal pairs are in it,
    a negative one if both unequal pairs are. Half of the training examples, rounded up, are
    positive; of each class `round(diverse · n)` are drawn uniformly among all diverse inputs of the
    class, with replacement, the others among all that are not.

    The validation split is drawn like the training split. The test split holds one input for each
    set of patterns that an input can have, in the order of `pattern_sets`: a network that
    takes a maximum over pairs answers by the set alone, so that these are all its answers.

    Args:
        pairs: at least 2.
        examples: in the training split, and in the validation split; at least 2.
        generator: draws the examples.
        diverse: share of the examples, in (0, 1].

    Raises:
        ValueError: if a number is out of range, or no example of a class would be diverse.

    Source: Brutzkus and Globerson 2019, for the problem; what is diverse is our definition.
    """
    check_xord(pairs, examples, diverse)
    splits = {}
    for name in ("train", "validation"):
        drawn = [
            _examples(pairs, count, positive, diverse, generator)
            for positive, count in ((True, -(-examples // 2)), (False, examples // 2))
        ]
        labels = torch.tensor([1] * len(drawn[0]) + [0] * len(drawn[1]))
        splits[name] = (torch.cat(drawn), labels)
    sets = pattern_sets(pairs)
    inputs = torch.stack([_in_order(pattern_set, pairs) for pattern_set in sets])
    labels = torch.tensor([int(is_positive(pattern_set)) for pattern_set in sets])
    return from_tensors(
        f"xord-{pairs}-pairs",
        **splits,
        test=(_signs(inputs), labels),
        class_names=("no pair is equal", "a pair is equal"),
    )


def check_xord(pairs: int, examples: int, diverse: float) -> None:
    """Says so if no examples can be drawn with these arguments of `xord_data`.

    Raises:
        ValueError: then.
    """
    check_size("pairs", pairs, 2)
    check_size("examples", examples, 2)
    if isinstance(diverse, str) or not 0 < diverse <= 1:
        raise ValueError(
            f"the share of diverse examples must be in (0, 1], got {diverse}: without any no "
            "network could know all patterns"
        )


@cache
def pattern_sets(pairs: int) -> tuple[PatternSet, ...]:
    """All sets of patterns that an input of so many pairs can have, smaller ones first."""
    sizes = range(1, min(pairs, len(PATTERNS)) + 1)
    return tuple(
        frozenset(chosen) for size in sizes for chosen in combinations(range(len(PATTERNS)), size)
    )


def is_positive(pattern_set: PatternSet) -> bool:
    """Whether an input with these patterns has an equal pair."""
    return bool(pattern_set & POSITIVE)


def is_diverse(pattern_set: PatternSet) -> bool:
    """Whether an input with these patterns has all that its label is about: see `xord_data`."""
    return pattern_set >= (POSITIVE if is_positive(pattern_set) else NEGATIVE)


def inputs_with(pattern_set: PatternSet, pairs: int) -> int:
    """How many of the `4^pairs` inputs have exactly these patterns.

    `Σ_j (−1)^j C(s, j) (s − j)^pairs` of s patterns: the maps of pairs onto patterns.
    """
    size = len(pattern_set)
    return sum((-1) ** j * comb(size, j) * (size - j) ** pairs for j in range(size + 1))


def _examples(
    pairs: int, count: int, positive: bool, diverse: float, generator: torch.Generator
) -> Float[Tensor, "examples signs"]:
    """So many inputs of a class, the diverse ones first."""
    many = round(diverse * count)
    if many == 0:
        kind = "positive" if positive else "negative"
        raise ValueError(
            f"a share of {diverse:g} of {count} {kind} examples is no diverse one: take more "
            "examples, or a share nearer to 1"
        )
    drawn = []
    for wanted, number in ((True, many), (False, count - many)):
        if number:
            sets = [
                one
                for one in pattern_sets(pairs)
                if is_positive(one) == positive and is_diverse(one) == wanted
            ]
            law = torch.tensor([inputs_with(one, pairs) for one in sets], dtype=torch.float64)
            chosen = torch.multinomial(law, number, replacement=True, generator=generator)
            drawn += [_shuffled(sets[int(one)], pairs, generator) for one in chosen]
    return _signs(torch.stack(drawn))


def _shuffled(pattern_set: PatternSet, pairs: int, generator: torch.Generator) -> Tensor:
    """The patterns of an input, drawn uniformly from those that have exactly these: int64 [pairs].

    Sequences that lack one are drawn again; of four patterns at four pairs one in eleven has all.
    """
    patterns = torch.tensor(sorted(pattern_set))
    while True:
        places = torch.randint(len(patterns), (pairs,), generator=generator)
        if len(places.unique()) == len(patterns):
            return patterns[places]


def _in_order(pattern_set: PatternSet, pairs: int) -> Tensor:
    """An input with exactly these patterns: one after another, and again: int64 [pairs]."""
    patterns = sorted(pattern_set)
    return torch.tensor([patterns[place % len(patterns)] for place in range(pairs)])


def _signs(patterns: Tensor) -> Float[Tensor, "examples signs"]:
    return torch.tensor(PATTERNS, dtype=torch.float32)[patterns].flatten(1)
