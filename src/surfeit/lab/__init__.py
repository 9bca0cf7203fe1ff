"""The lab: what turns a claim of the literature into a table, a figure and a verdict.

A study is one file; its protocol is `surfeit.lab.study`. The lab gives it trainings and
measurements, each done once, and keeps what came out.
"""

from surfeit.lab.conjunction import all_exceed
from surfeit.lab.lab import Lab
from surfeit.lab.pool import POOL_DATA, POOL_MODEL, POOL_RECIPE
from surfeit.lab.study import BUDGETS, Claim, Study, study_of
from surfeit.lab.verdict import Ruling, Verdict, equals, exceeds

__all__ = [
    "BUDGETS",
    "POOL_DATA",
    "POOL_MODEL",
    "POOL_RECIPE",
    "Claim",
    "Lab",
    "Ruling",
    "Study",
    "Verdict",
    "all_exceed",
    "equals",
    "exceeds",
    "study_of",
]
