"""What every allocation does: checking what it is given, and keeping the largest scores."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surfeit.core import check_tensor, unknown
from surfeit.core.parameters import check_mask_kind
from surfeit.prune.checks import check_alike, collapse
from surfeit.prune.prunable import Mask


class Allocation(Protocol):
    """A function from scores by parameter name and one density to a mask."""

    def __call__(
        self,
        scores: Mapping[str, Tensor],
        density: float,
        /,
        *,
        mask: Mapping[str, Tensor] | None = None,
    ) -> Mask: ...


def candidates(scores: Mapping[str, Tensor], mask: Mapping[str, Tensor] | None) -> Mask:
    """What may be kept: all, or what `mask` keeps; every candidate has a score.

    Raises:
        ValueError: if there are no scores, they and the mask differ in names or shapes, or a
            candidate's score is NaN.
    """
    check_scores(scores)
    found = {name: torch.ones(value.shape, dtype=torch.bool) for name, value in scores.items()}
    if mask is not None:
        check_mask_kind(mask)
        check_alike(found, mask, what=("the scores", "the mask"))
        found = {name: mask[name].detach().cpu() for name in scores}
    for name, value in scores.items():
        bad = int((value.detach().isnan().cpu() & found[name]).sum())
        if bad:
            raise ValueError(
                f"scores must be numbers, but {bad:,} of {name!r} are NaN: the network has "
                "diverged, or the score is undefined there"
            )
    return found


def check_scores(scores: object) -> None:
    """Checks that scores are tensors by parameter name.

    Raises:
        ValueError: if they are not, or there are none.
    """
    if not isinstance(scores, Mapping):
        raise ValueError(
            f"scores must be tensors by parameter name, such as {{'fc1.weight': ...}}, got "
            f"{scores!r:.200}"
        )
    if not scores:
        raise ValueError("there are no scores to choose by: pass scores by parameter name")
    for name, value in scores.items():
        check_tensor(f"the scores of {name!r}", value)


def keep_counts(scores: Mapping[str, Tensor], counts: Mapping[str, int], found: Mask) -> Mask:
    """The mask of the `counts[name]` largest candidates of each parameter.

    Raises:
        ValueError: if fewer candidates survive than a count asks for.
        CollapseError: if a count is 0.
    """
    result: Mask = {}
    for name, candidate in found.items():
        if counts[name] == 0:
            raise collapse(name, candidate.numel())
        check_enough(repr(name), counts[name], int(candidate.sum()))
        kept = torch.from_numpy(largest(numbers(scores[name], candidate), counts[name]))
        result[name] = torch.zeros_like(candidate).masked_scatter_(candidate, kept)
    return result


def numbers(score: Tensor, candidate: Tensor) -> NDArray[Any]:
    """The candidates' scores, flattened by position."""
    value = score.detach().cpu()[candidate]
    if value.dtype not in (torch.float32, torch.float64):
        value = value.double()
    return value.numpy()


def largest(values: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """True at the `count` largest values, at least 1; of equal ones at the first."""
    place = len(values) - count
    threshold = np.partition(values, place)[place]
    kept = values > threshold
    equal = np.flatnonzero(values == threshold)
    kept[equal[: count - int(kept.sum())]] = True
    return kept


def check_enough(where: str, count: int, survivors: int) -> None:
    """Checks that no more is asked for than survives.

    Raises:
        ValueError: if it is.
    """
    if count > survivors:
        raise ValueError(
            f"the density asks for {count:,} of {where}, but the mask keeps only {survivors:,}: a "
            "density is of all there are, and masks only shrink"
        )


def check_names(kind: str, given: Iterable[str], wanted: Iterable[str]) -> None:
    """Checks that there is a density, rate, ... for each name and for no other.

    Raises:
        ValueError: if not; for a name too many the nearest are suggested.
    """
    given, wanted = list(given), list(wanted)
    for name in given:
        if name not in wanted:
            raise unknown("parameter", name, wanted)
    missing = [name for name in wanted if name not in given]
    if missing:
        raise ValueError(f"every parameter needs a {kind}, but {', '.join(missing)} got none")
