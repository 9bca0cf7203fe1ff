"""`surfeit anatomy` and `surfeit instability`: what they print and write of small searches."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from surfeit.cli.instability import barrier_rows
from surfeit.procedures.instability import STABLE
from surfeit.store import Store

from .conftest import call

VERDICTS = ("stable", "unstable", "undecided")
SMALL = ["--model", "mlp-12", "--data", "digits", "--steps", "40", "--workers", "1"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> tuple[Path, Path]:
    """The folder and the store of a search of two levels, two replicates."""
    folder, root = tmp_path_factory.mktemp("tickets"), tmp_path_factory.mktemp("store")
    few = ["--levels", "2", "--replicates", "2", "--controls", "random", "--rate", "0.5"]
    assert call("tickets", *SMALL, *few, "--out", folder, "--root", root, "--quiet") == 0
    return folder, root


def test_anatomy_prints_a_row_a_layer_and_writes_all_levels(searched, capsys):
    folder, root = searched
    assert call("anatomy", folder, "--root", root, "--over", "inputs") == 0
    printed = capsys.readouterr()
    lines = [line.split("\t") for line in printed.out.splitlines()]
    assert [line[0] for line in lines] == ["layer", "fc1", "fc2"]
    assert lines[1][1] == "25 %"
    assert "tickets of level 2" in printed.err
    table = pq.read_table(folder / "anatomy.parquet")
    assert set(table["level"].to_pylist()) == {1, 2}
    assert set(table["replicate"].to_pylist()) == {0, 1}
    values = [
        row["value"]
        for row in table.to_pylist()
        if (row["level"], row["arm"], row["layer"], row["quantity"])
        == (2, "ticket", "fc1", "travel")
    ]
    assert lines[1][4].startswith(f"{sum(values) / 2:.2f} (")
    assert (folder / "anatomy.svg").stat().st_size > 1000
    assert call("anatomy", folder, "--root", root, "--level", "1", "--quiet") == 0
    assert "50 %" in capsys.readouterr().out


def test_anatomy_refuses_what_is_not_there(searched, tmp_path, capsys):
    folder, root = searched
    assert call("anatomy", tmp_path, "--root", root) == 1
    assert "'surfeit tickets --out" in capsys.readouterr().err
    assert call("anatomy", folder, "--root", root, "--level", "3") == 1
    assert "level must be one of 1 to 2, got 3" in capsys.readouterr().err
    assert call("anatomy", folder, "--root", tmp_path) == 1
    assert "no run" in capsys.readouterr().err


def test_anatomy_refuses_a_file_that_is_no_table_of_tickets(searched, tmp_path, capsys):
    folder, root = searched
    path, table = tmp_path / "tickets.parquet", pq.read_table(folder / "tickets.parquet")
    pq.write_table(table, path)
    whole, text = path.read_bytes(), table["level"].cast("string")
    others = [table.drop_columns(["arm"]), table.drop_columns(["run"])]
    others += [table.drop_columns(["level"]).append_column("level", text)]
    for other, column in zip(others, ("arm", "run", "level"), strict=True):
        pq.write_table(other, path)
        assert call("anatomy", tmp_path, "--root", root) == 1
        words = f"{path} is no table of tickets, see its column {column}: 'surfeit tickets --out"
        assert words in capsys.readouterr().err
    half = len(whole) // 4
    for damaged in (b"", whole[:half], b"\xff" * half + whole[half:], whole[:-40] + bytes(40)):
        path.write_bytes(damaged)
        assert call("anatomy", tmp_path, "--root", root) == 1
        words = f"{path} is damaged or no Parquet file: 'surfeit tickets --out {tmp_path}' writes"
        assert words in capsys.readouterr().err


def test_instability_prints_a_barrier_a_step_and_writes_lines(tmp_path, capsys):
    parts = ["--part-at", "0", "20", "--replicates", "2", "--points", "5"]
    assert call("instability", *SMALL, *parts, "--out", tmp_path / "out") == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["parted at", "0", "20"]
    assert all("points (" in line[1] and line[3].startswith(VERDICTS) for line in lines[1:])
    assert pq.read_table(tmp_path / "out" / "lines.parquet").num_rows == 2 * 2 * 2 * 5
    assert pq.read_table(tmp_path / "out" / "barriers.parquet").num_rows == 2 * 2 * 2
    assert (tmp_path / "out" / "lines.svg").stat().st_size > 1000


def test_all_trainings_of_an_instability_begin_with_the_law_of_initial_weights(tmp_path, capsys):
    parts = ["--part-at", "0", "--replicates", "1", "--points", "2", "--steps", "3", "--on", "here"]
    law = ["--initial", "he-normal", "--initial-scale", "0.5"]
    places = ["--root", tmp_path / "store", "--out", tmp_path / "out"]
    assert call("instability", "--model", "mlp-4", *parts, *law, *places) == 0
    runs = Store(tmp_path / "store").runs()
    assert {run.about["model"] for run in runs} == {"mlp-4-he-normal-x0.5"}
    trunk, *_ = [run for run in runs if run.config["seed"] == 0]
    assert trunk.config["initial"] == "he-normal * 0.5"


@pytest.mark.parametrize(
    ("barriers", "word"),
    [
        ([0.001, 0.002, 0.0], "stable"),
        ([0.1, 0.11, 0.12], "unstable"),
        ([0.0, 0.001, 0.05], "undecided"),  # the mean alone would say stable
        ([0.03, 0.001, 0.04], "undecided"),
        ([0.019], "stable in one replicate"),
        ([0.02], "unstable in one replicate"),
        ([0.0014, 0.0014], "stable in 2 equal replicates, too few"),
        ([0.05, 0.05], "unstable in 2 equal replicates, too few"),
        ([None, None], "–"),
    ],
)
def test_a_training_is_called_stable_only_where_its_interval_is(barriers, word):
    row = {"step": 0, "split": "test"}
    rows = [row | {"replicate": at, "barrier": one} for at, one in enumerate(barriers)]
    rows += [one | {"split": "train"} for one in rows]
    _, ((*_, said),) = barrier_rows(pa.Table.from_pylist(rows), STABLE)
    assert said == word


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--part-at", "40"], "--part-at holds step 40, but the training has 40 steps"),
        ([], "--part-at holds step 100, but the training has 40 steps"),
        (["--part-at", "20", "0"], "ascending integers >= 0, got (20, 0)"),
        (["--points", "1"], "points must be at least 2"),
        (["--replicates", "0"], "replicates must be at least 1, got 0"),
    ],
)
def test_instability_refuses_before_any_training(tmp_path, capsys, flags, words):
    assert call("instability", *SMALL, *flags, "--out", tmp_path, "--root", tmp_path / "s") == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
