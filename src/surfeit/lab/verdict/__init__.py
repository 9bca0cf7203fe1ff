"""Verdicts on claims, and the judges that reach them.

A judge takes one value for each replicate and a margin that was set before the run. It errs on each
side once in forty at most (`equals`: once in twenty), at three replicates as at thirty, where the
values are normal or differences of two of one shape; the tests measure it. Where trainings end in
one of two ways three seeds all end alike once in eight, and a mean says what is not so: judge their
rate of success. What cannot be judged is inconclusive and says why.

| judge | the claim | supported where |
| --- | --- | --- |
| `exceeds` | a mean is above a margin | Student's interval lies above it |
| `not_worse` | no loss that matters | the interval lies above −margin |
| `equals` | no difference that matters | two one-sided tests put it within ± margin |
| `agrees` | a published figure could be ours | a narrow prediction interval holds it |
| `ranks` | y rises, or falls, with x | rank correlation beyond chance and beyond its interval |
| `succeeds`, `succeeds_more` | a rate of success is high, or higher | exact interval and test |
| `faster` | fewer steps are needed | as `exceeds`; bounds or known orders where censored |
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.lab.verdict.means import agrees, equals, exceeds, not_worse
    from surfeit.lab.verdict.ranks import ranks
    from surfeit.lab.verdict.rates import succeeds, succeeds_more
    from surfeit.lab.verdict.several import all_of, holm_corrected, not_judged
    from surfeit.lab.verdict.stops import faster
    from surfeit.lab.verdict.verdict import RULINGS, Ruling, Verdict

__all__ = [
    "RULINGS",
    "Ruling",
    "Verdict",
    "agrees",
    "all_of",
    "equals",
    "exceeds",
    "faster",
    "holm_corrected",
    "not_judged",
    "not_worse",
    "ranks",
    "succeeds",
    "succeeds_more",
]

lazy_front(__name__)
