"""The exported file: whole, closed to the outside, and its errors before any work."""

import base64
import gzip
import hashlib
import re
from html.parser import HTMLParser

import pytest

from surfeit.viewer import embed
from surfeit.viewer.contents import Content
from surfeit.viewer.export import render

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
    return render(Content(title="fc1 of <b>", layers=("fc1",), bundle=b"\0data" * 9), VIEWER)


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
