"""Which graphs of a report move, and what stands there of those that do not."""

import pytest
import torch

from surfeit.data import load
from surfeit.models import mlp
from surfeit.report import ReportConfig
from surfeit.report.live import live_graphs
from surfeit.similarity import inner_product_of
from surfeit.train import Recorder
from surfeit.viewer.assets import BuildError
from surfeit.viewer.wire import decode

VIEWER = "export {};"
WIDTHS = (9, 8, 7, 6)


@pytest.fixture
def built(monkeypatch):
    monkeypatch.setattr("surfeit.report.live.viewer_script", lambda: VIEWER)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def run(tmp_path):
    model = mlp(WIDTHS, input_shape=(1, 8, 8), classes=10, generator=torch.Generator())
    return Recorder(model, tmp_path / "run").finish()


def test_each_of_the_first_layers_has_a_bundle_of_its_own(built, run, digits):
    told = []
    live = live_graphs(run, digits, ["fc1", "fc2"], ReportConfig(), tell=lambda *s: told.append(s))
    assert live.viewer == VIEWER
    assert (dict(live.notes), live.missing, live.cut) == ({}, None, None)
    for name, found in live.bundles.items():
        header, packs = decode(found)
        assert [layer["name"] for layer in header["timeline"]["layers"]] == [name]
        charts = [f"chart_{place}" for place in range(len(header["charts"]))]
        costs = [arrays for chart in charts for _, arrays in (decode(packs[chart].tobytes()),)]
        assert any("accuracy_0" in arrays for arrays in costs), "what removing units costs"
    assert list(live.bundles) == ["fc1", "fc2"]
    assert told == [("packing graphs", done, 2) for done in range(3)]


def test_the_view_begins_at_the_reports_own_threshold(built, run, digits):
    live = live_graphs(run, digits, ["fc1"], ReportConfig(link=0.5))
    assert inner_product_of(live.cut, 0.5) == pytest.approx(0.5, abs=4e-5)
    assert live.state("block.1/fc 1") == f"#v=1&layer=block.1/fc%201&cut={live.cut:.5g}"


def test_further_and_large_layers_keep_a_still_picture_and_say_why(built, run, digits, monkeypatch):
    monkeypatch.setattr("surfeit.report.live.MOST_UNITS", 8)
    live = live_graphs(run, digits, ["fc1", "fc2", "fc3", "fc4"], ReportConfig())
    assert list(live.bundles) == ["fc2", "fc3"]
    assert "9 units over all snapshots are too much for a page" in live.notes["fc1"]
    assert "moves in 3 layers" in live.notes["fc4"]
    for words in live.notes.values():
        assert f"'surfeit view {run.key[:12]}'" in words


def test_layers_without_a_picture_leave_the_others_theirs(built, run, digits, monkeypatch):
    def broken(run, layers, **_):
        if layers == ("fc1",):
            raise ValueError("the weights are not finite")
        return b"fine"

    monkeypatch.setattr("surfeit.viewer.bundles.contents.bundle", broken)
    live = live_graphs(run, digits, ["fc1", "fc2"], ReportConfig())
    assert live.bundles == {"fc2": b"fine"}
    assert live.notes["fc1"] == "A still picture of fc1: the weights are not finite."
    assert live_graphs(run, digits, ["fc1"], ReportConfig()).viewer is None


def test_a_viewer_that_was_not_built_is_said_once_and_nothing_is_packed(run, digits, monkeypatch):
    def missing():
        raise BuildError("the viewer was not built: 'pip install --editable /src/mine' builds it")

    monkeypatch.setattr("surfeit.report.live.viewer_script", missing)
    monkeypatch.setattr("surfeit.viewer.bundles.contents.bundle", pytest.fail)
    live = live_graphs(run, digits, ["fc1"], ReportConfig())
    assert "The graphs below do not move: the viewer was not built" in live.missing
    assert "/src/" not in live.missing
    assert live.viewer is None
