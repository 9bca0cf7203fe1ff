"""Claim B5 on planted tables."""

import pyarrow as pa
import pytest

from surfeit.studies import removal_moment as study

CONFIG = study.PAPER
SPREAD = (-1.0, 0.7, 0.1, -0.5, 0.9)


def planted(accuracy, jitter):
    """Percent by score and moment, each seed off by its own share of `jitter` points."""
    rows = []
    places = [
        ("none", None),
        *((score, m) for score in ("filter_norm", "random") for m in CONFIG.moments),
    ]
    for number, (score, moment) in enumerate(places):
        for seed in CONFIG.seeds:
            off = jitter * SPREAD[(seed + number) % 5] * (1 + number % 3)
            rows.append(
                {
                    "score": score,
                    "moment": moment,
                    "seed": seed,
                    "accuracy": (accuracy(score, moment) + off) / 100,
                    "run": "0" * 64,
                }
            )
    return pa.Table.from_pylist(rows)


def holds(score, moment):
    if score == "none" or moment is None:
        return 98.0
    return (95.0 + 4 * moment if moment <= 0.5 else 90.0) - 3 * moment * (score == "random")


def fails(score, moment):
    if score == "none" or moment is None:
        return 98.0
    return 97.0 + 2 * moment * (score == "random") * (moment == 1)


@pytest.mark.parametrize(
    ("accuracy", "jitter", "ruling"),
    [(holds, 0.02, "supported"), (fails, 0.02, "contradicted"), (fails, 8, "inconclusive")],
)
def test_verdicts_of_planted_tables(accuracy, jitter, ruling):
    found = study.verdicts(planted(accuracy, jitter), CONFIG)
    assert {one.claim: one.ruling for one in found} == dict.fromkeys(("B5a", "B5b", "B5c"), ruling)
    assert [claim.id for claim in study.CLAIMS] == [one.claim for one in found]


def test_b5a_tells_the_moment_that_differs_most():
    found = study.verdicts(planted(holds, 0.02), CONFIG)[0]
    assert found.effect == pytest.approx(2.0, abs=0.1)
    assert "at 50 %" in found.says


def test_the_figure_draws_both_scores_and_the_whole_network():
    (axes,) = study.figure(planted(holds, 0.5)).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["nothing removed", "the smallest removed", "random ones removed"]
