"""`surfeit landscape`: what it prints and writes, and what it refuses."""

import json
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from torch import nn

from surfeit.core import Streams, evaluate
from surfeit.data import load
from surfeit.models import initialise_, mlp
from surfeit.store import Store
from surfeit.train import Recipe, train

from .conftest import call

SMALL = ("--points", "3", "--examples", "40", "--on", "here")
NAMES = ("landscape.html", "landscape.svg", "landscape.png", "landscape.pdf")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A store with three small runs of one network, one of another and a batch-normalised one."""
    root, recipe = tmp_path_factory.mktemp("store"), Recipe(lr=0.1, epochs=3)
    store, digits = Store(root), load("digits")
    for seed in range(3):
        train(partial(mlp, (6,)), digits, recipe, seed=seed, store=store)
    train(partial(mlp, (7,)), digits, recipe, store=store)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.Linear(5, 10))
    train(initialise_(model, Streams(0).get("network")), digits, Recipe(steps=2), store=store)
    return root


@pytest.fixture(scope="module")
def keys(root) -> dict[str, str]:
    """The runs' keys by what they are."""
    found = {}
    for run in Store(root).runs():
        layers = run.about["layers"]
        name = {6: "mlp", 7: "wide", 5: "batch"}[layers[0]["shape"][0]]
        found[f"{name} {run.config['seed']}" if name == "mlp" else name] = run.key
    return found


def test_two_networks_have_a_row_each_and_files(root, keys, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = (*SMALL, "--curvature", "2", "--curvature-examples", "20", "--out", out)
    assert call("landscape", keys["mlp 0"], keys["wide"], *arguments, "--root", root) == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert rows[0][:4] == ["network", "loss at the origin", "least loss", "largest loss"]
    assert [row[0].split()[-1] for row in rows[1:]] == [keys["mlp 0"][:8], keys["wide"][:8]]
    assert rows[1][4] == "0 of 9"
    assert all(row[column].endswith(" %") for row in rows[1:] for column in (5, 6, 7))
    assert "measuring: done" in printed.err
    assert {path.name for path in out.iterdir()} == {
        *NAMES,
        *(f"convexity.{kind}" for kind in ("svg", "png", "pdf", "parquet")),
        "heights.parquet",
        "path.parquet",
    }
    table = pq.read_table(out / "heights.parquet")
    assert table.num_rows == 18
    run = Store(root).find(keys["mlp 0"])
    split = load("digits").train.some(40, Streams(0).get("landscape", "examples"))
    expected = evaluate(run.model(), run.tensors(), split).loss
    assert float(rows[1][1]) == pytest.approx(expected, rel=1e-3)


def test_curvature_at_the_origin_is_what_the_other_commands_find(root, keys, tmp_path, capsys):
    common = ("--examples", "40", "--seed", "2", "--json", "--quiet", "--root", root)
    own = ("--points", "3", "--curvature", "3", "--curvature-examples", "40", "--on", "here")
    assert call("landscape", keys["mlp 0"], *own, *common, "--out", tmp_path / "out") == 0
    middle = json.loads(capsys.readouterr().out)["convexity"][4]
    assert call("curvature", keys["mlp 0"], "--k", "1", "--smallest", "0", *common) == 0
    record = json.loads(capsys.readouterr().out)
    assert (middle["first"], middle["second"]) == (0, 0)
    assert middle["loss"] == pytest.approx(record["loss"], rel=1e-5)
    assert middle["largest"] == pytest.approx(record["eigenvalues"][0]["eigenvalue"], rel=0.01)


def test_json_has_every_point(root, keys, tmp_path, capsys):
    options = ("--line", "--split", "test", "--json", "--quiet", "--out", tmp_path / "out")
    assert call("landscape", keys["mlp 0"], *SMALL, *options, "--root", root) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    record = json.loads(printed.out)
    assert [row["first"] for row in record["heights"]] == [-1, 0, 1]
    assert record["settings"]["split"] == "test"
    assert record["networks"][0]["nonconvex_share"] is None
    assert record["convexity"] == []
    told = (Path(__file__).parents[2] / "docs" / "landscapes.md").read_text(encoding="utf-8")
    for name in record["networks"][0].keys() - {"name"} | record.keys():
        assert f"`{name}`" in told


def test_every_column_of_the_table_is_explained(capsys):
    from surfeit.cli.landscape import _COLUMNS

    told = (Path(__file__).parents[2] / "docs" / "landscapes.md").read_text(encoding="utf-8")
    for name in _COLUMNS[1:]:
        assert name in told
    assert call("landscape", "--help") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "the median, over its points, of the convexity lost" in words


def test_without_out_it_writes_into_this_folder(root, keys, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ("--directions", "between", "--root", root)
    assert call("landscape", keys["mlp 0"], keys["mlp 1"], *SMALL, *options) == 0
    (folder,) = tmp_path.iterdir()
    assert folder.name == f"surfeit-landscape-{keys['mlp 0'][:12]}"
    assert " – " in capsys.readouterr().out
    assert pq.read_table(folder / "path.parquet").num_rows == 2


def test_a_trajectory_says_what_its_plane_leaves_out(root, keys, tmp_path, capsys):
    options = ("--directions", "trajectory", "--out", tmp_path / "out", "--root", root)
    assert call("landscape", keys["mlp 0"], *SMALL, *options) == 0
    assert "lies off the plane" in capsys.readouterr().err
    page = (tmp_path / "out" / "landscape.html").read_text()
    assert "Where the snapshots lie" in page


def test_a_mode_of_batch_normalisation_is_chosen(root, keys, tmp_path):
    options = ("--statistics", "recomputed", "--line", "--out", tmp_path / "out", "--root", root)
    assert call("landscape", keys["batch"], *SMALL, *options) == 0


@pytest.mark.parametrize(
    ("runs", "arguments", "message"),
    [
        (["mlp 0"], ["--points", "1"], "points must be a whole number of at least 2, got 1"),
        (["mlp 0", "wide"], ["--directions", "between"], "are of different networks"),
        (["mlp 0"], ["--directions", "between"], "takes two runs and the plane"),
        (["mlp 0", "mlp 1", "mlp 2"], [], "one or two runs make a picture"),
        (["batch"], [], "a batch-normalised network (2) whose mode was not chosen"),
        (["mlp 0"], ["--directions", "trajectory", "--line"], "span a plane"),
        (["mlp 0"], ["--step", "7"], "has no snapshot at step 7"),
        (["mlp 0"], ["--extent", "-1"], "extent must be above 0"),
        (["mlp 0"], ["--on", "nowhere"], "nowhere"),
        (["mlp 0"], ["--objective", "hnge"], "did you mean 'hinge'"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(runs, arguments, message, root, keys, capsys):
    given = [keys[name] for name in runs]
    assert call("landscape", *given, *arguments, "--root", root) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_the_page_asks_for_nothing_and_names_escape(root, keys, tmp_path):
    from surfeit.core import cross_entropy
    from surfeit.execute import InProcess
    from surfeit.procedures.landscape import LandscapeConfig, landscape
    from surfeit.report.landscape import Drawing, render

    run = Store(root).find(keys["mlp 0"])
    config = LandscapeConfig(points=3, examples=20)
    found = landscape(
        [run],
        load("digits"),
        config,
        objective=cross_entropy,
        store=Store(tmp_path),
        engine=InProcess(),
    )
    page = render(found, ["</script><b>"], {"landscape": Drawing(svg="<svg ></svg>")}, data="<i>")
    assert "default-src 'none'" in page
    assert "</script><b>" not in page
    assert "<i>" not in page.replace("<i></i>", "")
    for reach in ("http://", "https://", "src=", "@import", "url("):
        assert reach not in page
