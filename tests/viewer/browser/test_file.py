"""The exported file, opened from disk with the network cut."""

import base64
import re

import pytest
from playwright.sync_api import expect

from surfeit.viewer.export import export

from .viewing import Viewer, places


@pytest.fixture(scope="session")
def file(built, runs, tmp_path_factory):
    """The exported graph of the first run's hidden layers."""
    store, (first, _) = runs
    out = tmp_path_factory.mktemp("export") / "graph.html"
    return export(store.find(first), ["fc1", "fc2"], out)


@pytest.fixture
def offline(new_page):
    """A page without a network; what it asks for is kept in `asked`."""
    page = new_page(offline=True)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    return page


def test_the_file_shows_the_graph_and_asks_for_nothing(offline, file):
    viewer = Viewer(offline).open(file.as_uri())
    expect(viewer.status).to_contain_text("epoch 8 of 8")
    assert len(places(viewer.at_rest())) == 32
    assert viewer.picture().std() > 0.02, "the graph is empty"
    assert [url for url in offline.asked if not url.startswith(("file:", "blob:", "data:"))] == []


def test_all_moments_and_layers_are_in_the_file_and_its_address_keeps_the_view(
    offline, file, new_page
):
    viewer = Viewer(offline).open(file.as_uri())
    viewer.slider.focus()
    offline.keyboard.press("Home")
    expect(viewer.status).to_contain_text("epoch 0 of 8")
    viewer.choose("layer", "fc2")
    viewer.expect_state(layer="fc2", t="0")
    viewer.shown()
    assert len(places(viewer.saved())) == 16
    again = Viewer(new_page(offline=True)).open(offline.url)
    expect(again.status).to_contain_text("epoch 0 of 8")


def test_a_merged_run_is_in_the_file_and_shown_first(offline, built, runs, tmp_path):
    store, (first, second) = runs
    out = export(store.find(first), "fc1", tmp_path / "two.html", merged=store.find(second))
    viewer = Viewer(offline).open(out.as_uri())
    viewer.expect_state(colour=None, **{"with": second})
    expect(viewer.choice("colour")).to_have_value("model")
    assert len(viewer.saved()["nodes"]["x"]) == 64


def test_a_worker_draws_in_a_file_that_allows_nothing_else(offline, file):
    Viewer(offline).open(file.as_uri())
    expect(offline.locator("[data-worker=true]")).to_be_attached()


def test_without_script_a_sentence_says_why_the_page_is_empty(new_page, file):
    page = new_page(java_script_enabled=False)
    page.goto(file.as_uri())
    assert "allow scripts for this file to see it" in page.locator("noscript p").inner_text()
    expect(page.locator("noscript p")).to_be_visible()


@pytest.mark.parametrize(
    ("packed", "words"),
    [("?", "not base64"), (base64.b64encode(b"no gzip").decode(), "cannot be unpacked")],
)
def test_damaged_data_are_said_on_the_page(offline, file, tmp_path, packed, words):
    text = re.sub('(id="surfeit-bundle">)[^<]*', rf"\g<1>{packed}", file.read_text())
    broken = tmp_path / "broken.html"
    broken.write_text(text)
    offline.goto(broken.as_uri())
    expect(offline.get_by_text(words)).to_be_visible()
