"""The lab: what turns a claim of the literature into a table, a figure and a verdict.

A study is one file; its protocol is `surfeit.lab.study`. The lab gives it trainings and
measurements, each done once, and keeps what came out.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.lab.catalog import library_studies, study_named, study_names
    from surfeit.lab.choosing import chosen
    from surfeit.lab.conjunction import all_exceed
    from surfeit.lab.lab import Lab
    from surfeit.lab.pool import (
        POOL_DATA,
        POOL_MODEL,
        POOL_RECIPE,
        POOL_SEARCH,
        POOL_TICKET_RECIPE,
    )
    from surfeit.lab.protocol import config_of, study_of
    from surfeit.lab.results import Result, all_results, read_result, results_root
    from surfeit.lab.run import result_of, run_study
    from surfeit.lab.study import BUDGETS, Budget, Claim, Study
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
    "Budget",
    "Claim",
    "Lab",
    "Result",
    "Ruling",
    "Study",
    "Verdict",
    "agrees",
    "all_exceed",
    "all_of",
    "all_results",
    "chosen",
    "config_of",
    "equals",
    "exceeds",
    "faster",
    "holm_corrected",
    "library_studies",
    "not_judged",
    "not_worse",
    "ranks",
    "read_result",
    "result_of",
    "results_root",
    "run_study",
    "study_named",
    "study_names",
    "study_of",
    "succeeds",
    "succeeds_more",
]

lazy_front(__name__)
