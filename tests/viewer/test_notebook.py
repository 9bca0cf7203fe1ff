"""`surfeit.show`: what the widget carries, and the picture that a notebook keeps."""

import base64
import gzip
import subprocess
import sys

import nbformat
import pytest
import torch

import surfeit
from surfeit.core import StoreError
from surfeit.data import load
from surfeit.models import mlp
from surfeit.train import Recorder
from surfeit.viewer.assets import BuildError
from surfeit.viewer.wire import decode

pytest.importorskip("anywidget", reason="the notebook extra is not installed")

VIEWER = "export default { render() {} };"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(autouse=True)
def viewer(monkeypatch):
    monkeypatch.setattr("surfeit.viewer.assets.viewer_script", lambda: VIEWER)


def recorded(folder, seed=0):
    """A run of a network with twelve units in fc1, two of them alike, and three snapshots."""
    generator = torch.Generator().manual_seed(seed)
    model = mlp((12, 6), input_shape=(1, 4, 8), classes=3, generator=generator)
    recorder = Recorder(model, folder, settings={"seed": seed})
    with torch.no_grad():
        weight = model.get_parameter("fc1.weight")
        weight[1] = weight[0]
        for step in (1, 2):
            weight *= 1.5
            recorder.record(step)
    return recorder.finish()


@pytest.fixture
def run(tmp_path):
    return recorded(tmp_path / "run")


def test_the_widget_carries_the_viewer_and_all_snapshots(run):
    widget = surfeit.show(run, "fc1", height=300)
    assert widget._esm == VIEWER
    assert widget._height == 300
    header, _ = decode(gzip.decompress(widget._bundle))
    assert [moment["at"] for moment in header["timeline"]["moments"]] == [0, 1, 2]
    assert [layer["name"] for layer in header["timeline"]["layers"]] == ["fc1"]


def test_a_run_is_named_by_its_folder_too(run):
    assert surfeit.show(run.path)._bundle == surfeit.show(run)._bundle
    assert surfeit.show(str(run.path))._bundle == surfeit.show(run)._bundle


def test_maps_are_carried_on_request(run):
    kinds = []
    for maps in (False, True):
        header, _ = decode(gzip.decompress(surfeit.show(run, "fc1", maps=maps)._bundle))
        kinds.append({chart["kind"] for chart in header["charts"]})
    assert kinds[1] - kinds[0] == {"tsne"}


def test_another_run_is_merged(run, tmp_path):
    widget = surfeit.show(run, merged=recorded(tmp_path / "other", seed=1))
    header, _ = decode(gzip.decompress(widget._bundle))
    assert header["merged"] is not None
    assert ", with " in repr(widget)


class Own(torch.nn.Module):
    """A network that only this file builds."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(64, 7)
        self.last = torch.nn.Linear(7, 10)

    def forward(self, x):
        return self.last(self.first(x.flatten(1)).relu())


def test_a_network_of_ones_own_is_measured_where_it_is_given(tmp_path):
    run = Recorder(Own(), tmp_path / "run", data=load("digits")).finish()
    widget = surfeit.show(run, into=Own(), dataset=load("digits"))
    header, arrays = decode(gzip.decompress(widget._bundle))
    assert [film["layer"] for film in header["films"]] == ["first"]
    (removal,) = [n for n, chart in enumerate(header["charts"]) if chart["kind"] == "removal"]
    about, curves = decode(arrays[f"chart_{removal}"].tobytes())
    assert (about["examples"], about["note"]) == (360, None)
    assert curves["accuracy_0"].shape == (8,)


def test_the_data_that_were_kept_with_a_run_are_measured_on(tmp_path):
    model = mlp((7,), input_shape=(1, 8, 8), classes=10)
    runs = [
        Recorder(model, tmp_path / name, data=load("digits"), keep_data=kept).finish()
        for name, kept in (("a", False), ("b", True))
    ]
    notes = []
    for run in runs:
        _, arrays = decode(gzip.decompress(surfeit.show(run)._bundle))
        charts = [decode(value.tobytes())[0] for n, value in arrays.items() if "chart" in n]
        notes.append([chart.get("examples") for chart in charts])
    assert 360 not in notes[0]
    assert 360 in notes[1]


def test_a_network_without_layers_has_nothing_to_show(tmp_path):
    run = Recorder(torch.nn.Sequential(torch.nn.BatchNorm1d(3)), tmp_path / "run").finish()
    with pytest.raises(ValueError, match="Sequential has no units to show: no layer of it"):
        surfeit.show(run)


def test_the_state_can_be_given_and_is_kept_in_step(run):
    widget = surfeit.show(run, state="#v=1&t=1")
    assert widget.state == "#v=1&t=1"
    assert "state" in widget.keys
    widget.set_state({"state": "#v=1&t=2"})  # as the page does
    assert surfeit.show(run, state=widget.state).state == "#v=1&t=2"


def _displayed(widget, monkeypatch):
    shown = []
    monkeypatch.setattr("surfeit.viewer.widget.display", lambda data, **_: shown.append(data))
    widget._ipython_display_()
    return shown


def test_a_picture_stands_beside_the_widget_under_the_class_that_the_widget_hides(run, monkeypatch):
    widget = surfeit.show(run)
    live, still = _displayed(widget, monkeypatch)
    assert live[WIDGET]["model_id"] == widget.model_id
    assert WIDGET not in still
    assert base64.b64decode(still["image/png"]).startswith(b"\x89PNG")
    assert still["image/png"] in still["text/html"]
    assert f'class="{widget._still}"' in still["text/html"]
    assert 'alt="fc1 of ' in still["text/html"]
    assert surfeit.show(run)._still != widget._still


def test_show_says_what_is_wrong(run, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no layer 'fc11': did you mean 'fc1'"):
        surfeit.show(run, "fc11")
    with pytest.raises(ValueError, match="height must be at least 200 pixels, got 20"):
        surfeit.show(run, height=20)
    with pytest.raises(StoreError, match="no run 'abcdef'"):
        surfeit.show("abcdef")
    monkeypatch.setattr("surfeit.store.Run.steps", lambda _: [])
    with pytest.raises(StoreError, match="has no snapshots"):
        surfeit.show(run)


def test_show_needs_a_viewer_that_was_built(run, monkeypatch):
    def missing():
        raise BuildError("the viewer was not built")

    monkeypatch.setattr("surfeit.viewer.assets.viewer_script", missing)
    with pytest.raises(BuildError, match="not built"):
        surfeit.show(run)


def test_without_anywidget_one_sentence_says_what_to_install(run, monkeypatch):
    monkeypatch.delitem(sys.modules, "surfeit.viewer.widget", raising=False)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=r"pip install anywidget$"):
        surfeit.show(run)


def test_importing_surfeit_stays_cheap():
    code = "import sys, surfeit; surfeit.__version__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "numpy", "matplotlib", "anywidget", "surfeit.viewer"} & set(loaded)
    assert surfeit.show.__module__ == "surfeit.viewer.notebook"
    with pytest.raises(AttributeError, match="no attribute 'shew'"):
        _ = surfeit.shew


def test_an_executed_notebook_exported_as_html_keeps_the_picture(run, tmp_path):
    """The whole way: a kernel runs the cell, nbconvert writes the page."""
    pytest.importorskip("nbconvert", reason="nbconvert is not installed")
    pytest.importorskip("ipykernel", reason="there is no Python kernel here")
    cell = (
        "import surfeit, surfeit.viewer.assets as assets\n"
        f"assets.viewer_script = lambda: {VIEWER!r}\n"
        f"surfeit.show({str(run.path)!r}, 'fc1')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    path = tmp_path / "view.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = path.with_suffix(".html").read_text()
    still = base64.b64encode(_png_of(run)).decode()
    assert f'src="data:image/png;base64,{still}"' in page
    assert page.count(still) == 1


def _png_of(run):
    from surfeit.viewer.bundles.contents import opened, still
    from surfeit.viewer.fallback import picture

    return picture(still(opened(run), "fc1"))


@pytest.mark.parametrize("given", [3, [], None, "", b"run"])
def test_what_is_no_run_is_refused(run, given):
    with pytest.raises(ValueError, match=r"^run must be a Run such as"):
        surfeit.show(given)
    if given is not None:
        with pytest.raises(ValueError, match=r"^merged must be a Run such as"):
            surfeit.show(run, merged=given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"layer": 3}, 'layer must be the name of one layer, such as "fc1", got 3'),
        ({"layer": ["fc1"]}, "layer must be the name of one layer"),
        ({"height": "a"}, "height must be at least 200 pixels, got 'a': pass a whole number"),
        ({"height": 300.5}, "height must be at least 200 pixels"),
        ({"dataset": "digits"}, "dataset must be a surfeit.data.Dataset .*, got 'digits'"),
        ({"dataset": 0}, "dataset must be a surfeit.data.Dataset"),
        ({"state": 3}, "state must be the text that a widget's state was, got 3"),
        ({"into": 3}, "model must be a network"),
    ],
)
def test_an_argument_of_another_type_is_refused(run, given, words):
    with pytest.raises(ValueError, match=words):
        surfeit.show(run, **given)
