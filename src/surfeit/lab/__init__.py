"""The lab: what turns a claim of the literature into a table, a figure and a verdict.

A study is one file; its protocol is `surfeit.lab.study`. The lab gives it trainings and
measurements, each done once, and keeps what came out.
"""

from surfeit.lab.conjunction import all_exceed
from surfeit.lab.lab import Lab
from surfeit.lab.pool import (
    POOL_DATA,
    POOL_MODEL,
    POOL_RECIPE,
    POOL_SEARCH,
    POOL_TICKET_RECIPE,
)
from surfeit.lab.study import BUDGETS, Claim, Study, study_of
from surfeit.lab.verdict import (
    RULINGS,
    Ruling,
    Verdict,
    agrees,
    all_of,
    equals,
    exceeds,
    faster,
    holm_corrected,
    not_judged,
    not_worse,
    ranks,
    succeeds,
    succeeds_more,
)

__all__ = [
    "BUDGETS",
    "POOL_DATA",
    "POOL_MODEL",
    "POOL_RECIPE",
    "POOL_SEARCH",
    "POOL_TICKET_RECIPE",
    "RULINGS",
    "Claim",
    "Lab",
    "Ruling",
    "Study",
    "Verdict",
    "agrees",
    "all_exceed",
    "all_of",
    "equals",
    "exceeds",
    "faster",
    "holm_corrected",
    "not_judged",
    "not_worse",
    "ranks",
    "study_of",
    "succeeds",
    "succeeds_more",
]
