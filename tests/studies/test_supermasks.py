"""F9: verdicts from planted tables, and the figure."""

import pyarrow as pa
import pytest

from surfeit.lab import study_of
from surfeit.studies import supermasks
from surfeit.studies.supermasks import PAPER, PUBLISHED

from .conftest import plant, plant_three

METHODS = [*PUBLISHED, "edge-popup"]


def table(**accuracies):
    """A table of the paper's network; methods that are not given classify alike."""
    rows = []
    for method in METHODS:
        values = accuracies.get(method.replace("-", "_"), [0.95] * len(PAPER.seeds))
        for seed, value in zip(PAPER.seeds, values, strict=True):
            row = {"replicate": seed, "method": method, "density": 0.5, "test_accuracy": value}
            setting = {"model": PAPER.model, "data": PAPER.data, "classes": 10}
            rows.append(row | setting | {"published": PUBLISHED.get(method)})
    return pa.Table.from_pylist(rows)


def rulings(table):
    return {one.claim: one.ruling for one in supermasks.verdicts(table, PAPER)}


THREE = ("supported", "contradicted", "inconclusive")


@pytest.mark.parametrize("ruling", THREE)
def test_far_above_chance_is_measured_from_chance(ruling):
    # Chance is 10 %, far above it 30 %.
    masked = plant_three(0.3, 0.01)[ruling]
    assert rulings(table(mask_constant=masked))["F9a"] == ruling


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize(
    ("claim", "first", "second", "margin"),
    [
        ("F9b", "learned_constant", "learned_initial", -0.005),
        ("F9c", "rescaled_initial", "learned_initial", 0.0),
        ("F9d", "rescaled_constant", "trained", -0.005),
    ],
)
def test_differences_are_paired_by_seed_and_as_well_has_a_margin(
    claim, first, second, margin, ruling
):
    # Seeds vary far more than the difference, which only pairing shows.
    base = plant(0.9, 0.05, seed=9)
    better = [one + more for one, more in zip(base, plant_three(margin, 1e-4)[ruling], strict=True)]
    found = supermasks.verdicts(table(**{first: better, second: base}), PAPER)
    verdict = next(one for one in found if one.claim == claim)
    assert verdict.ruling == ruling
    assert verdict.unit == "points"
    assert verdict.effect == pytest.approx(
        100 * sum(b - a for a, b in zip(base, better, strict=True)) / 5
    )


def test_equal_seeds_leave_a_claim_open():
    assert rulings(table())["F9c"] == "inconclusive"


def test_the_figure_shows_published_figures_of_the_published_setting_alone():
    axes = supermasks.figure(table()).axes[0]
    assert sum(line.get_marker() == "D" for line in axes.lines) == len(PUBLISHED)
    other = (
        table()
        .drop_columns(["published"])
        .append_column("published", pa.nulls(len(METHODS) * 5, pa.float64()))
    )
    axes = supermasks.figure(other).axes[0]
    assert not any(line.get_marker() == "D" for line in axes.lines)


def test_the_study_has_the_protocols_names():
    study = study_of(supermasks)
    assert [claim.id for claim in study.claims] == ["F9a", "F9b", "F9c", "F9d"]
    assert study.cost.startswith("quick")
