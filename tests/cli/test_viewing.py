"""`surfeit view`, `export` and `figure`: what they print, show and write, and how they end."""

import base64
import gzip
import os
import re
import signal
import subprocess
import sys
import urllib.request
import webbrowser
from functools import partial
from pathlib import Path

import pytest
from torch import nn

from surfeit.cli.names import network_of
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Run, Store
from surfeit.train import Recipe, Recorder, train
from surfeit.viewer import assets
from surfeit.viewer.serving.serve import Serving, listening
from surfeit.viewer.wire import decode

from .conftest import call

SAVED = Path(__file__).parents[1] / "viewer" / "saved_view.json"
ADDRESS = re.compile(r"http://127\.0\.0\.1:([0-9]+)/\?token=([A-Za-z0-9_-]{43})(#.*)?\n")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A store with two small runs."""
    root = tmp_path_factory.mktemp("store")
    for seed in (0, 1):
        recipe = Recipe(lr=0.1, epochs=2)
        train(partial(mlp, (12, 8)), load("digits"), recipe, seed=seed, store=Store(root))
    return root


@pytest.fixture
def runs(root: Path) -> list[Run]:
    return Store(root).runs()


@pytest.fixture(autouse=True)
def static(tmp_path: Path, monkeypatch) -> Path:
    """The viewer is built, or as good as."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "viewer.js").write_text("export {};")
    monkeypatch.setattr(assets, "_STATIC", folder)
    return folder


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that a browser was opened with."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address))
    return addresses


@pytest.fixture
def visits(monkeypatch) -> list[Serving]:
    """`view` ends as soon as it serves, as by Ctrl-C; the servers that were up."""
    servers: list[Serving] = []

    def wait(self: Serving) -> None:
        servers.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Serving, "wait", wait)
    return servers


def test_view_prints_the_address_alone_and_ends_with_a_line(root, visits, opened, capsys):
    assert call("view", "--root", root) == 0
    printed = capsys.readouterr()
    found = ADDRESS.fullmatch(printed.out)
    assert found
    assert int(found[1]) == visits[0].port
    assert found[3] is None
    assert printed.err.splitlines() == ["Ctrl-C ends the viewer", "the viewer has ended"]
    assert opened == []  # stdout is no terminal here


def test_tokens_are_new_for_every_server(root, visits, capsys):
    tokens = set()
    for _ in range(3):
        assert call("view", "--root", root, "--quiet") == 0
        printed = capsys.readouterr()
        tokens.add(ADDRESS.fullmatch(printed.out)[2])
        assert printed.err == ""
    assert len(tokens) == 3


def test_one_run_that_is_asked_for_is_opened_and_of_several_none(root, runs, visits, capsys):
    key = runs[1].key
    assert call("view", key[:12], "--root", root) == 0
    assert ADDRESS.fullmatch(capsys.readouterr().out)[3] == f"#v=2&run={key}"
    assert call("view", str(runs[0].path), key, "--root", root) == 0
    assert ADDRESS.fullmatch(capsys.readouterr().out)[3] is None


def test_a_browser_is_opened_on_request_without_the_token(root, runs, visits, opened, capsys):
    assert call("view", runs[0].key, "--root", root, "--open") == 0
    port, token, place = ADDRESS.fullmatch(capsys.readouterr().out).groups()
    (address,) = opened
    assert token not in address
    assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/open/[\w-]{{43}}{re.escape(place)}", address)
    assert call("view", "--root", root, "--no-open") == 0
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["view", "nothing"], "'surfeit runs' lists"),
        (["view", "--port", "65536"], "port must be in [0, 65535], got 65536"),
        (["view", "--port", "-1"], "port must be in [0, 65535], got -1"),
        (["export", "nothing", "--layer", "fc1"], "'surfeit runs' lists"),
        (["figure", "nothing.json"], "nothing.json"),
    ],
)
def test_errors_are_one_plain_sentence_and_a_status(arguments, words, root, visits, capsys):
    places = [] if arguments[0] == "figure" else ["--root", root]
    assert call(*arguments, *places) == 1
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.startswith("surfeit: ")
    assert (printed.err.count("\n"), printed.out) == (1, "")


def test_a_port_that_is_taken_is_named_with_what_to_do(root, visits, capsys):
    with listening() as door:
        port = door.getsockname()[1]
        assert call("view", "--root", root, "--port", str(port)) == 1
    assert f"port {port} is taken by another program: give another" in capsys.readouterr().err


def test_a_port_that_is_asked_for_is_used(root, visits, capsys):
    with listening() as door:
        port = door.getsockname()[1]
    assert call("view", "--root", root, "--port", str(port)) == 0
    assert ADDRESS.fullmatch(capsys.readouterr().out)[1] == str(port)


def test_a_store_without_runs_says_how_to_make_one(tmp_path, visits, capsys):
    assert call("view", "--root", tmp_path / "empty") == 1
    assert "'surfeit train' makes one" in capsys.readouterr().err


def test_runs_that_are_all_broken_are_named(tmp_path, visits, capsys):
    broken = Store(tmp_path).path_of("ab" * 32)
    broken.mkdir(parents=True)
    (broken / "run.json").write_text("{")
    assert call("view", "--root", tmp_path) == 1
    first, last = capsys.readouterr().err.splitlines()
    assert "run.json" in first
    assert "no runs to look at" in last


@pytest.mark.parametrize("command", [["view"], ["export", "0000", "--layer", "fc1"]])
def test_without_the_viewer_one_line_says_how_to_get_it(command, root, runs, static, capsys):
    (static / "viewer.js").unlink()
    (static / "failure.txt").write_text("'npm ci' failed with 1\n  no network\n")
    command = [runs[0].key if word == "0000" else word for word in command]
    assert call(*command, "--root", root, "--quiet") == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert (
        "the viewer was not built with this installation ('npm ci' failed with 1): " in printed.err
    )
    assert "pip install" in printed.err


def test_an_old_viewer_that_could_not_be_built_anew_is_shown_and_said(root, visits, static, capsys):
    (static / "failure.txt").write_text("'npm run build' failed with 1\n")
    assert call("view", "--root", root) == 0
    said = capsys.readouterr().err
    assert "an older one, building it anew failed ('npm run build' failed with 1): 'pip " in said


@pytest.mark.parametrize(("clone", "command"), [(True, "--editable"), (False, "--force-reinstall")])
def test_the_command_that_builds_it_is_that_of_the_installation(
    clone, command, static, tmp_path, monkeypatch
):
    (static / "viewer.js").unlink()
    monkeypatch.setattr(assets, "_SOURCE", tmp_path)
    if clone:
        (tmp_path / "web").mkdir()
        (tmp_path / "web" / "building.py").touch()
    with pytest.raises(assets.BuildError, match=f"pip install .*{command}"):
        assets.viewer_script()


def started(*arguments: str | Path, script: str = "") -> subprocess.Popen[str]:
    code = f"{script}\nfrom surfeit.cli import main\nimport sys\nmain(sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


# The viewer of this process is a fixture's; the other process needs one as well.
BUILT = (
    "import pathlib\nfrom surfeit.viewer import assets\n"
    "assets.viewer_script = lambda: 'export {};'\n"
)
SLOW = (
    BUILT + "import time\nfrom surfeit.viewer.frames.pictures import Pictures\n"
    "Pictures.learning = lambda self, name: time.sleep(60)\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
@pytest.mark.parametrize("busy", [False, True])
def test_ctrl_c_ends_it_at_once_also_while_a_picture_is_computed(root, runs, busy):
    process = started("view", "--root", root, script=SLOW if busy else BUILT)
    assert process.stdout is not None
    address = ADDRESS.fullmatch(process.stdout.readline())
    assert address
    base, token = f"http://127.0.0.1:{address[1]}", address[2]
    with urllib.request.urlopen(f"{base}/?token={token}", timeout=20) as page:
        assert b"viewer.js" in page.read()
    if busy:
        learning = f"{base}/api/timelines/{runs[0].key}/learning?token={token}"
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(learning, timeout=1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)  # the slow picture takes twice as long
    assert process.returncode == 0
    assert said.splitlines() == ["Ctrl-C ends the viewer", "the viewer has ended"]


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nimport surfeit.cli.app\n"
        "print({'torch', 'starlette', 'uvicorn', 'matplotlib', 'webbrowser'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_export_writes_one_file_and_prints_its_path(root, runs, tmp_path, opened, capsys):
    out = tmp_path / "new" / "graph.html"
    key = runs[0].key[:12]
    assert call("export", key, "--root", root, "--layer", "fc1", "fc2", "--out", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    page = out.read_text()
    assert 'data-home="bundle"' in page
    assert "http-equiv" in page
    assert opened == []
    assert call("export", key, "--root", root, "--layer", "fc1", "--out", out, "--open") == 0
    assert opened == [out.as_uri()]


def test_export_says_how_many_snapshots_of_how_many_the_page_holds(root, runs, tmp_path, capsys):
    key, out = runs[0].key, tmp_path / "graph.html"
    shared = ["export", key, "--root", root, "--layer", "fc1", "--out", out]
    total = len(runs[0].steps())
    assert call(*shared, "--snapshots", "2") == 0
    words = f"the page holds 2 of {total} snapshots; --snapshots all takes every one"
    assert words in capsys.readouterr().err
    assert call(*shared, "--snapshots", "all") == 0
    assert "the page holds" not in capsys.readouterr().err


def test_export_carries_maps_on_request(root, runs, tmp_path, capsys):
    out = tmp_path / "graph.html"
    given = ["export", runs[0].key, "--root", root, "--layer", "fc1", "--out", out]
    kinds = []
    for more in ([], ["--maps"]):
        assert call(*given, *more) == 0
        packed = re.search('id="surfeit-bundle">([^<]+)<', out.read_text())
        assert packed is not None
        header, _ = decode(gzip.decompress(base64.b64decode(packed[1])))
        kinds.append({chart["kind"] for chart in header["charts"]})
    assert kinds[1] - kinds[0] == {"tsne"}


def test_a_saved_matrix_is_drawn_too(tmp_path, capsys):
    out = tmp_path / "matrix.svg"
    assert call("figure", SAVED.with_name("saved_matrix.json"), "--out", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert "Cosine of two units" in out.read_text()


def test_export_is_named_after_the_run_and_can_hold_two(root, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    one, two = (run.key for run in runs)
    assert call("export", one, "--merged", two, "--root", root, "--layer", "fc1") == 0
    assert capsys.readouterr().out == f"surfeit-graph-{one[:8]}.html\n"
    assert (tmp_path / f"surfeit-graph-{one[:8]}.html").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], " has fc1, fc2, fc3: give --layer"),
        (["--layer", "fc1", "--links", "0"], "links must be at least 1, got 0"),
        (["--layer", "fc1", "--merged", "{same}"], "cannot be merged with itself"),
        (
            ["--layer", "fc1", "--snapshots", "1"],
            'snapshots must be a whole number from 2 on or "all"',
        ),
        (["--layer", "fc1", "--snapshots", "some"], "snapshots must be a whole number from 2 on"),
    ],
)
def test_export_says_what_it_cannot_do(root, runs, options, words, tmp_path, capsys):
    key = runs[0].key
    given = [option.format(same=key) for option in options]
    assert call("export", key, "--root", root, "--out", tmp_path / "graph.html", *given) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "graph.html").exists()


BUILDS = """
import torch

class Own(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Sequential()
        self.inner.add_module("unit/1", torch.nn.Linear(64, 6))
        self.last = torch.nn.Linear(6, 10)

    def forward(self, x):
        return self.last(self.inner(x.flatten(1)).relu())

def network(classes):
    assert classes == 10
    return Own()
"""


def test_a_network_of_ones_own_is_named_by_the_function_that_builds_it(tmp_path, capsys):
    (tmp_path / "own_network.py").write_text(BUILDS)
    named = f"{tmp_path}/own_network.py:network"
    run = Recorder(network_of(named, classes=10), tmp_path / "run", data=load("digits")).finish()
    out = tmp_path / "graph.html"
    shared = ["export", run.path, "--layer", "inner.unit/1", "--out", out]
    assert call(*shared) == 0
    assert b"--model package.module:function" in bundle_of(out)
    assert call(*shared, "--model", named) == 0
    assert b"--model package.module:function" not in bundle_of(out)
    assert b"accuracy_0" in bundle_of(out)
    capsys.readouterr()
    assert call(*shared, "--model", f"{tmp_path}/own_network.py:netwrk") == 1
    assert "netwrk" in capsys.readouterr().err


def bundle_of(page: Path) -> bytes:
    """The data that an exported page holds."""
    (text,) = re.findall('octet-stream" id="surfeit-bundle">([^<]*)<', page.read_text())
    return gzip.decompress(base64.b64decode(text))


def test_the_only_layer_needs_no_name(tmp_path):
    run = Recorder(nn.Linear(4, 3), tmp_path / "run").finish()
    out = tmp_path / "graph.html"
    assert call("export", run.path, "--out", out) == 0
    assert "<title>the network of Linear</title>" in out.read_text()
    assert call("export", run.path, "--layer", "", "--out", out) == 0


def test_export_of_a_layer_that_is_not_there_suggests_the_nearest(root, runs, capsys):
    assert call("export", runs[0].key, "--root", root, "--layer", "fc11") == 1
    assert "no layer 'fc11': did you mean" in capsys.readouterr().err


def test_export_needs_no_data_unless_they_are_named(tmp_path, root, capsys):
    run = train(
        partial(mlp, (6,)),
        load("digits"),
        Recipe(lr=0.1, epochs=1),
        store=Store(tmp_path / "store"),
    )
    record = run.path / "run.json"
    record.write_text(record.read_text().replace('"digits"', '"mine"'))
    shared = ["export", run.path, "--layer", "fc1", "--out", tmp_path / "graph.html"]
    assert call(*shared) == 0
    assert "removals are not measured: " in capsys.readouterr().err
    assert call(*shared, "--data", "minst") == 1
    assert "did you mean 'mnist'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "begin"), [("view.svg", b"<?xml"), ("view.PNG", b"\x89PNG"), ("view.pdf", b"%PDF")]
)
def test_figure_draws_a_saved_view_in_the_kind_of_the_files_name(name, begin, tmp_path, capsys):
    out = tmp_path / "figures" / name
    assert call("figure", SAVED, "--out", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.read_bytes().startswith(begin)


def test_figure_is_an_svg_beside_the_view_by_itself(tmp_path, capsys):
    view = tmp_path / "mine.json"
    view.write_text(SAVED.read_text())
    assert call("figure", view) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'mine.svg'}\n"
    assert (tmp_path / "mine.svg").is_file()


def test_figure_of_another_kind_is_refused(tmp_path, capsys):
    assert call("figure", SAVED, "--out", tmp_path / "view.gif") == 1
    assert "written as .svg, .png or .pdf, got view.gif" in capsys.readouterr().err
    assert list(tmp_path.glob("view*")) == []
