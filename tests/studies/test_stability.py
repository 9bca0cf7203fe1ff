"""F13: verdicts from planted lines, failures, and the figure."""

from dataclasses import replace

import pyarrow as pa
import pytest

from surfeit.core import SurfeitError
from surfeit.execute import InProcess
from surfeit.lab import Lab, study_of
from surfeit.procedures.instability import LINES
from surfeit.store import Store
from surfeit.studies import stability
from surfeit.studies.stability import PAPER
from surfeit.train import Recipe

from .conftest import plant, plant_three

THREE = ("supported", "contradicted", "inconclusive")
KINDS = {"small": 0, "deep": 0, "later": PAPER.later, "ticket": 0, "reinit": 0}


def table(ends=None, **barriers):
    """Lines of three points: ends of this error, and a middle that is worse by the barrier."""
    rows = []
    for name, step in KINDS.items():
        values = barriers.get(name, plant(0.01, 0.001))
        errors = (ends or {}).get(name, [0.05] * 5)
        for seed, barrier, error in zip(PAPER.seeds, values, errors, strict=True):
            for split, worse in (("test", barrier), ("train", 0.4)):
                for t, value in ((0.0, error), (0.5, error + worse), (1.0, error)):
                    of = "deep" if name == "later" else name
                    row = {"of": of, "network": "net deep" if of == "deep" else "net"}
                    row |= {"replicate": seed, "step": step, "split": split, "t": t}
                    rows.append(row | {"loss": value, "error": value, "trunk": "a"})
    columns = [pa.field("of", pa.string()), pa.field("network", pa.string()), *LINES]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


def ruling(claim, ends=None, **barriers):
    found = stability.verdicts(table(ends, **barriers), PAPER)
    return next(one for one in found if one.claim == claim).ruling


@pytest.mark.parametrize("expected", THREE)
def test_stable_is_a_barrier_below_two_points(expected):
    below = [0.02 - value for value in plant_three(0.0, 1e-3)[expected]]
    assert ruling("F13a", small=below) == expected


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize(
    ("claim", "first", "second"), [("F13b", "deep", "later"), ("F13c", "reinit", "ticket")]
)
def test_barriers_are_compared_seed_by_seed(claim, first, second, expected):
    base = plant(0.2, 0.05, seed=9)
    higher = [a + b for a, b in zip(base, plant_three(0.0, 1e-3)[expected], strict=True)]
    assert ruling(claim, **{first: higher, second: base}) == expected


@pytest.mark.parametrize("expected", THREE)
def test_a_ticket_as_accurate_as_the_dense_network_errs_half_a_point_more_at_most(expected):
    dense = plant(0.1, 0.02, seed=9)
    less = plant_three(-0.005, 1e-4)[expected]
    ticket = [error - more for error, more in zip(dense, less, strict=True)]
    assert ruling("F13d", ends={"small": dense, "ticket": ticket}) == expected


def test_a_training_that_failed_is_an_error(tmp_path):
    wild = replace(stability.QUICK, recipe=Recipe(lr=1e30, steps=9), small="mlp-6", seeds=(0,))
    with pytest.raises(SurfeitError, match=r"failed:\n.*diverged"):
        list(stability.rows(wild, Lab(Store(tmp_path), engine=InProcess())))


def test_the_figure_draws_a_line_and_a_row_for_each_network_and_step():
    left, right = stability.figure(table()).axes
    labels = [label.get_text() for label in right.get_yticklabels()]
    assert labels == [
        "net, step 0",
        "net deep, step 0",
        "net deep, step 2,000",
        "net, ticket, step 0",
        "net, ticket redrawn, step 0",
    ]
    assert len(left.lines) == 5
    assert [claim.id for claim in study_of(stability).claims] == ["F13a", "F13b", "F13c", "F13d"]
