"""A judge of speed: which of two trainings needs fewer steps, where some only bound theirs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from surfeit.lab.verdict.means import exceeds
from surfeit.lab.verdict.sample import LARGEST, Values, missing_in_words, paired_numbers
from surfeit.lab.verdict.verdict import Ruling, Verdict
from surfeit.tables import Stops, difference_bounds, exact_interval, shared_confidence, stop_orders

Flags = Sequence[bool] | np.ndarray


def faster(
    claim: str,
    first: Values,
    second: Values,
    *,
    censored: tuple[Flags, Flags] = ((), ()),
    margin: float = 0.0,
    comparisons: int = 1,
    unit: str = "steps",
    says: str = "",
) -> Verdict:
    """Whether the first of two paired trainings needs fewer steps, by more than a margin.

    A censored step is a lower bound: the loss was still falling at the end. What can be said then
    depends on whose steps they are:

    - none: as `exceeds` of second − first;
    - of the second alone: every difference is a lower bound, and so is their mean. The claim may be
      supported, and never contradicted;
    - of the first alone: the reverse;
    - of both: the means are open. The share of pairs in which the first is sooner is judged over
      the pairs whose order is known, by the exact interval; it takes six that agree.

    Args:
        claim: its id.
        first, second: steps, in the same order of seeds; None or NaN where one is missing, which
            leaves the claim undecided.
        censored: of each side, whether each step is censored; none is if empty.
        margin: in steps, set before the run.
        comparisons, unit, says: as of `exceeds`.

    Returns:
        the effect is second − first in steps, or a bound of it, with one end of the interval; of
        both the share of pairs, its unit `of pairs`.

    Raises:
        ValueError: if the sides differ in length, and as `exceeds`.
    """
    one, other = paired_numbers(first, second)
    lost = ~(np.maximum(np.abs(one), np.abs(other)) <= LARGEST)
    missing = int(lost.sum())
    if missing or len(one) == 0:
        known = np.where(lost, np.nan, other) - np.where(lost, np.nan, one)
        found = exceeds(claim, known, comparisons=comparisons, unit=unit, says=says)
        doubt = missing_in_words(missing, len(one), "pair") or found.doubt
        # The mean of those that are there would be one of censored steps.
        return replace(found, effect=None, doubt=doubt)
    stops = Stops(steps=one, censored=censored[0]), Stops(steps=other, censored=censored[1])
    lower, upper = difference_bounds(*stops)
    both = not np.isfinite(lower).all() and not np.isfinite(upper).all()
    if both:
        return _by_order(claim, stops, margin, shared_confidence(comparisons), says)
    bounds = lower if np.isfinite(lower).all() else upper
    found = exceeds(claim, bounds, margin=margin, comparisons=comparisons, unit=unit, says=says)
    return _bounded(found, stops)


def _bounded(found: Verdict, stops: tuple[Stops, Stops]) -> Verdict:
    """The verdict on differences that are all bounds on one side, as far as it holds for them."""
    counts = [sum(side.censored) for side in stops]
    if not any(counts):
        return found
    late, whose, open_end = (
        (counts[1], "second", "upper") if counts[1] else (counts[0], "first", "lower")
    )
    holds: Ruling = "supported" if counts[1] else "contradicted"
    doubt = f"{late} of {found.n} steps of the {whose} censored, so the difference is a bound"
    if found.ruling != holds:
        doubt = f"{found.doubt}; {doubt}" if found.doubt else doubt
        found = replace(found, ruling="inconclusive", p=None)
    return replace(found, doubt=doubt, **{open_end: None})


def _by_order(
    claim: str, stops: tuple[Stops, Stops], margin: float, confidence: float, says: str
) -> Verdict:
    """The share of pairs in which the first is sooner, of those whose order is known."""
    later = Stops(steps=np.subtract(stops[1].steps, margin), censored=stops[1].censored)
    orders, n = stop_orders(stops[0], later), len(stops[0].steps)
    known = orders.first + orders.second
    doubt = f"steps of both censored: the order of {known} of {n} pairs is known"
    if known < 2:
        return Verdict(
            claim=claim, ruling="inconclusive", effect=None, lower=None, upper=None, n=n,
            unit="of pairs", says=says, doubt=doubt, signed=False,
        )  # fmt: skip
    found = exact_interval(orders.first, known, confidence=confidence)
    ruling: Ruling = "inconclusive"
    if found.lower > 0.5 or found.upper < 0.5:
        ruling = "supported" if found.lower > 0.5 else "contradicted"
    return Verdict(
        claim=claim,
        ruling=ruling,
        effect=found.estimate,
        lower=found.lower,
        upper=found.upper,
        n=n,
        unit="of pairs",
        says=says,
        doubt=doubt,
        p=orders.p(),
        signed=False,
    )
