"""Claims G4a to G4d on planted tables, and what the rows are of."""

from dataclasses import replace

import pyarrow as pa
import pytest

from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.procedures.connections import PATHS
from surfeit.procedures.curves import CurveConfig
from surfeit.store import Store
from surfeit.studies import connected_minima as study

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
SHARES = {"segment": 1.0, "matched": 0.3, "repaired": 0.15, "curve": 0.1}


def _table(planted, shares=None, falls=True):
    """Barriers by path as shares of the straight line's, which is 1 nat at every width.

    `shares`: by path, one a seed, in place of `SHARES`.
    """
    rows = []
    for at, path in enumerate(PATHS):
        own = (shares or {}).get(path) or planted(SHARES[path], 0.01, SEEDS, at)
        for place, width in enumerate(CONFIG.widths):
            narrow = place if falls else -place
            for seed in CONFIG.seeds:
                barrier = own[seed] + (0.02 * (3 - narrow) if path == "matched" else 0)
                for t in (0.0, 0.5, 1.0):
                    high = barrier if t == 0.5 else 0.0
                    rows.append(
                        {
                            "width": width,
                            "seed": seed,
                            "path": path,
                            "t": t,
                            "length": t,
                            "train_loss": 0.02 + high,
                            "train_error": 0.01,
                            "test_loss": 0.1 + high,
                            "test_error": 0.03 + high / 10,
                            "first": "0" * 64,
                            "second": "1" * 64,
                        }
                    )
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_each_path_is_lower_than_the_last(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 4
    assert found[0].effect == pytest.approx(0.9, abs=0.01)
    assert "worst test error on the way is 13.00 % and 4.00 %" in found[0].says
    assert "0.36, 0.34, 0.32, 0.3 nats (units matched)" in found[1].says


@pytest.mark.parametrize("ruling", THREE)
def test_a_curve_must_have_less_than_half_the_barrier(planted, planted_three, ruling):
    gone = planted_three(0.5, 0.01, SEEDS)[ruling]
    shares = {"segment": [1.0] * SEEDS, "curve": [1 - share for share in gone]}
    assert _judged(_table(planted, shares), "G4a").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_matching_must_lower_the_barrier(planted, planted_three, ruling):
    gone = planted_three(0, 0.02, SEEDS)[ruling]
    shares = {"matched": [1 - share - 0.03 for share in gone], "segment": [1.0] * SEEDS}
    assert _judged(_table(planted, shares, falls=True), "G4b").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_repair_must_lower_it_further(planted, planted_three, ruling):
    gone = planted_three(0, 0.02, SEEDS)[ruling]
    rows = _table(planted).to_pylist()
    matched = {(r["width"], r["seed"], r["t"]): r for r in rows if r["path"] == "matched"}
    for row in rows:
        if row["path"] == "repaired" and row["t"] == 0.5:
            like = matched[row["width"], row["seed"], 0.5]["train_loss"] - 0.02
            row["train_loss"] = 0.02 + like * (1 - gone[row["seed"]])
    assert _judged(pa.Table.from_pylist(rows), "G4c").ruling == ruling


def test_the_barrier_must_fall_with_width(planted):
    assert _judged(_table(planted), "G4d").ruling == "supported"
    assert _judged(_table(planted, falls=False), "G4d").ruling == "contradicted"
    rows = _table(planted).to_pylist()
    for row in rows:  # some seeds one way, some the other
        if row["path"] == "matched" and row["t"] == 0.5 and row["seed"] % 2:
            row["train_loss"] = 1 - row["train_loss"]
    assert _judged(pa.Table.from_pylist(rows), "G4d").ruling == "inconclusive"


def test_one_width_without_the_effect_is_enough_to_contradict(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["path"] == "curve" and row["width"] == 64 and row["t"] == 0.5:
            row["train_loss"] += 0.7
    assert _judged(pa.Table.from_pylist(rows), "G4a").ruling == "contradicted"


def test_without_a_barrier_there_is_nothing_to_lower(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["path"] == "segment" and row["width"] == 64:
            row["train_loss"] = 0.02
    assert _judged(pa.Table.from_pylist(rows), "G4a").ruling == "inconclusive"


def test_the_figure_shows_all_four_paths(planted):
    left, right = study.figure(_table(planted)).axes
    for axes in (left, right):
        assert len([line for line in axes.lines if len(line.get_xdata()) < 12]) >= 4
    assert right.get_yscale() == "log"
    assert [text.get_text() for text in left.figure.legends[0].get_texts()] == [
        "straight line",
        "units matched",
        "matched, repaired",
        "Bezier curve",
    ]


def test_the_figure_shows_a_barrier_of_nothing(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["path"] == "repaired":
            row["train_loss"] = 0.02
    assert study.figure(pa.Table.from_pylist(rows)).axes[1].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widths": (64,)}, "widths must be 2 or more whole numbers"),
        ({"points": 1}, "points must be at least 2"),
        ({"measured": 1}, "images must be a whole number of at least 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_rows_are_of_pairs_that_share_their_images_and_nothing_else(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    config = replace(
        study.QUICK,
        images=60,
        widths=(4, 6),
        recipe=replace(study.QUICK.recipe, epochs=1),
        curve=CurveConfig(epochs=1, batch_size=60),
        points=3,
        measured=40,
        seeds=(3,),
    )
    rows = list(study.rows(config, lab))
    assert len(rows) == 2 * len(PATHS) * 3
    first, second = (lab.store.find(rows[0][side]) for side in ("first", "second"))
    assert (first.config["seed"], second.config["seed"]) == (6, 7)
    assert first.identity["data"] == second.identity["data"]
    ends = {(r["path"], r["t"]): r["train_loss"] for r in rows if r["width"] == 4}
    for path in PATHS:
        assert ends[path, 0.0] == pytest.approx(ends["segment", 0.0], rel=1e-6)
        assert ends[path, 1.0] == pytest.approx(ends["segment", 1.0], rel=1e-4)
