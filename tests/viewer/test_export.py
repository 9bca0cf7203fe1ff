"""The exported file: whole, closed to the outside, and its errors before any work."""

import base64
import errno
import gzip
import hashlib
import re
from html.parser import HTMLParser

import pytest
import torch

from surfeit.core import DiskError, StoreError
from surfeit.models import mlp
from surfeit.train import Recorder
from surfeit.viewer import embed
from surfeit.viewer.assets import BuildError
from surfeit.viewer.bundles.contents import Content, opened
from surfeit.viewer.export import export, render
from surfeit.viewer.wire import decode

VIEWER = 'const x = "</script><!--<SCRIPT>";\r\nexport { x };\n'


class Scripts(HTMLParser):
    """What a browser would find in script and style elements."""

    def __init__(self, page):
        super().__init__()
        self.found, self.metas, self._open = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag in ("script", "style"):
            self._open = (tag, dict(attributes), [])
        elif tag == "meta":
            self.metas.append(dict(attributes))

    def handle_data(self, data):
        if self._open:
            self._open[2].append(data)

    def handle_endtag(self, tag):
        if self._open and tag == self._open[0]:
            self.found.append((tag, self._open[1], "".join(self._open[2])))
            self._open = None

    def text(self, kind):
        (found,) = [text for tag, values, text in self.found if values.get("type", tag) == kind]
        return found

    @property
    def policy(self):
        (content,) = [
            values["content"]
            for values in self.metas
            if values.get("http-equiv") == "Content-Security-Policy"
        ]
        return dict(rule.split(" ", 1) for rule in content.split("; "))


def _sum(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.fixture
def page():
    return render(Content(title="fc1 of <b>", bundle=b"\0data" * 9), VIEWER)


def test_the_page_holds_the_bundle_and_the_viewer(page):
    found = Scripts(page)
    packed = base64.b64decode(found.text("application/octet-stream"))
    assert gzip.decompress(packed) == b"\0data" * 9
    assert found.text("module") == 'const x = "\\x3c/script>\\x3c!--\\x3cSCRIPT>";\nexport { x };\n'
    assert '<div id="surfeit" data-home="bundle"></div>' in page
    assert 'id="surfeit-bundle"' in page
    assert "<title>fc1 of &lt;b&gt;</title>" in page
    assert re.search("<noscript><p>.*allow scripts for this file", page)


def test_the_policy_lets_the_page_reach_nothing(page):
    found = Scripts(page)
    assert found.policy == {
        "default-src": "'none'",
        "script-src": _sum(found.text("module")),
        "style-src": _sum(found.text("style")),
        "worker-src": "blob:",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_a_page_of_drawings_may_style_its_elements_but_run_only_the_viewer():
    rules = embed.policy("let a;")
    assert "style-src 'unsafe-inline';" in rules
    assert f"script-src {_sum('let a;')};" in rules


def test_a_page_without_viewer_runs_nothing():
    assert "script-src 'none'" in embed.policy(None)


def test_the_same_bundle_gives_the_same_bytes(monkeypatch):
    first = embed.data_script("x", b"abc" * 100)
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert embed.data_script("x", b"abc" * 100) == first


@pytest.fixture
def built(monkeypatch):
    monkeypatch.setattr("surfeit.viewer.export.viewer_script", lambda: VIEWER)


def _recorded(folder, seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = mlp((8, 6), input_shape=(1, 4, 4), classes=3, generator=generator)
    return Recorder(model, folder).finish()


@pytest.fixture
def run(tmp_path):
    return _recorded(tmp_path / "run")


def _header(path):
    packed = base64.b64decode(Scripts(path.read_text()).text("application/octet-stream"))
    return decode(gzip.decompress(packed))[0]


def test_export_writes_the_layers_that_are_named(built, run, tmp_path):
    out = tmp_path / "new" / "graph.html"
    assert export(run, ["fc1", "fc2", "fc1"], out) == out
    names = [layer["name"] for layer in _header(out)["timeline"]["layers"]]
    assert names == ["fc1", "fc2"]
    assert [path.name for path in out.parent.iterdir()] == ["graph.html"]


def test_export_takes_a_folder_a_key_and_another_run(built, run, tmp_path):
    out, other = tmp_path / "graph.html", _recorded(tmp_path / "other", seed=1)
    first = export(run.path, "fc1", out, merged=str(other.path)).read_bytes()
    assert _header(out)["merged"] is not None
    assert export(opened(run), "fc1", out, merged=other).read_bytes() == first


def test_maps_are_in_the_page_on_request(built, run, tmp_path):
    out = tmp_path / "graph.html"
    kinds = [
        {chart["kind"] for chart in _header(export(run, "fc1", out, maps=maps))["charts"]}
        for maps in (False, True)
    ]
    assert kinds[1] - kinds[0] == {"tsne"}
    assert kinds[0] >= {"plane", "matrix"}


def long_run(folder, seed=0, *, steps=60):
    generator = torch.Generator().manual_seed(seed)
    model = mlp((8, 6), input_shape=(1, 4, 4), classes=3, generator=generator)
    recorder = Recorder(model, folder)
    for step in range(1, steps + 1):
        recorder.record(step, loss=1 / step)
    return recorder.finish()


@pytest.mark.parametrize(("most", "at"), [(2, [0, 60]), (5, [0, 15, 30, 45, 60]), (7, None)])
def test_a_long_run_is_thinned_evenly_with_a_word(built, tmp_path, most, at):
    run, out = long_run(tmp_path / "long"), tmp_path / "graph.html"
    at = at or list(range(0, 61, 10))
    header = _header(export(run, "fc1", out, snapshots=most))
    assert [moment["at"] for moment in header["timeline"]["moments"]] == at
    assert header["films"][0]["at"] == at
    assert header["thinned"] == f"{len(at)} of 61 snapshots"


def test_a_run_beside_a_thinned_one_has_the_moments_that_are_shown(built, tmp_path):
    run, other = long_run(tmp_path / "one"), long_run(tmp_path / "other", 1, steps=40)
    page = export(run, "fc1", tmp_path / "graph.html", merged=other, snapshots=4)
    beside = _header(page)["merged"]
    assert [moment["at"] for moment in beside["moments"]] == [0, 20, 40]


def test_all_snapshots_are_there_on_request_and_of_a_short_run(built, tmp_path, run):
    for page in (
        export(long_run(tmp_path / "long"), "fc1", tmp_path / "all.html", snapshots=None),
        export(run, "fc1", tmp_path / "short.html"),
    ):
        assert "thinned" not in _header(page)
    assert len(_header(tmp_path / "all.html")["films"][0]["at"]) == 61
    with pytest.raises(ValueError, match="at least 2 are kept, the first and the last, got 1"):
        export(run, "fc1", tmp_path / "none.html", snapshots=1)


def test_export_says_what_is_wrong_before_it_computes(built, run, tmp_path, monkeypatch):
    monkeypatch.setattr("surfeit.viewer.bundles.contents.bundle", None)
    out = tmp_path / "graph.html"
    out.write_text("what was there before")
    with pytest.raises(ValueError, match="no layer 'fc9': did you mean 'fc"):
        export(run, "fc9", out)
    with pytest.raises(ValueError, match="no layer is named"):
        export(run, [], out)
    with pytest.raises(DiskError, match=r"it is a folder; name a file in it, .*graph.html"):
        export(run, "fc1", tmp_path)
    with pytest.raises(DiskError, match="a file of that name is in the way"):
        export(run, "fc1", out / "graph.html")
    monkeypatch.setattr("surfeit.store.Run.steps", lambda _: [])
    with pytest.raises(StoreError, match="has no snapshots"):
        export(run, "fc1", out)
    assert out.read_text() == "what was there before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.html", "run"]


def test_export_into_a_folder_that_may_not_be_written_leaves_no_trace(built, run, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr("surfeit.store.files.open", refuse, raising=False)
    with pytest.raises(DiskError, match="you may not write there"):
        export(run, "fc1", run.path.parent / "graph.html")


def test_export_needs_a_viewer_that_was_built(run, tmp_path, monkeypatch):
    def missing():
        raise BuildError("the viewer was not built")

    monkeypatch.setattr("surfeit.viewer.export.viewer_script", missing)
    with pytest.raises(BuildError, match="not built"):
        export(run, "fc1", tmp_path / "graph.html")
    assert not (tmp_path / "graph.html").exists()
