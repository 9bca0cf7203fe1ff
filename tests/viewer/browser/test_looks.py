"""How the page looks to those who see it dark, small, or not at all: colours and axe-core."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from surfeit.data import load
from surfeit.store import Run
from surfeit.viewer.export import export

from .viewing import Viewer, in_both_schemes, violations

pytestmark = pytest.mark.browser
LINKED = "#v=1&cut=.06&frozen=1"
COLOURS = """(element) => {
  const look = getComputedStyle(element);
  let ground = element;
  const clear = /rgba\\(.*, 0\\)|transparent/;
  while (clear.test(getComputedStyle(ground).backgroundColor)) {
    ground = ground.parentElement ?? ground.getRootNode().host;
  }
  return [look.color, getComputedStyle(ground).backgroundColor];
}"""


def opened(page, address):
    viewer = Viewer(page).open(address + LINKED + "&sel=3,7")
    expect(viewer.chart_words("removal")).to_contain_text("By magnitude")
    viewer.page.get_by_role("heading", name="Forces").click()
    return viewer


def test_axe_finds_nothing_serious_and_words_stand_out_from_their_ground(new_page, address, axe):
    viewer = opened(new_page(), address)
    for _ in in_both_schemes(viewer.page):
        assert violations(viewer.page, axe) == []
        for name, element in worded(viewer).items():
            ink, ground = element.evaluate(COLOURS)
            assert contrast(ink, ground) >= 4.5, f"{name}: {ink} on {ground}"


def test_axe_finds_nothing_serious_where_it_is_narrow(new_page, address, axe):
    viewer = opened(new_page(viewport={"width": 420, "height": 900}), address)
    assert violations(viewer.page, axe) == []


def test_axe_finds_nothing_serious_with_two_runs_and_open_menus(new_page, address, axe, runs):
    page = new_page()
    Viewer(page).open(f"{address}#v=1&with={runs[1][1][:12]}&twins=1&colour=model")
    page.get_by_text("Save", exact=True).click()
    page.get_by_role("searchbox", name="find units").fill("what is this")
    assert violations(page, axe) == []


def test_axe_finds_nothing_serious_in_the_help(new_page, address, axe):
    viewer = Viewer(new_page()).open(address)
    viewer.page.keyboard.press("?")
    expect(viewer.page.get_by_role("dialog")).to_be_visible()
    for _ in in_both_schemes(viewer.page):
        assert violations(viewer.page, axe) == []


def test_axe_finds_nothing_serious_in_an_export(new_page, built, runs, axe, tmp_path):
    store, keys = runs
    run = Run(store.path_of(keys[0]))
    page = export(run, "fc1", tmp_path / "graph.html", dataset=load("digits")).as_uri()
    viewer = opened(new_page(), page)
    assert violations(viewer.page, axe) == []


def contrast(first, second):
    """WCAG's contrast of two colours, "rgb(...)" or "color(srgb ...)"."""
    lights = []
    for colour in (first, second):
        numbers = [float(number) for number in re.findall(r"[\d.]+", colour)[:3]]
        value = np.array(numbers) / (1 if colour.startswith("color(") else 255)
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def worded(viewer):
    """Words of all parts of the page."""
    return {
        "lead": viewer.page.get_by_role("heading", level=1),
        "status": viewer.status,
        "chart": viewer.chart_words("learning").get_by_role("paragraph").last,
        "legend": viewer.legend.get_by_role("listitem").first,
        "button": viewer.page.get_by_role("button", name="Lay out anew"),
    }


def test_dark_is_dark_follows_the_system_and_saves_light(new_page, address):
    viewer = opened(new_page(color_scheme="dark"), address)
    paper = np.median(viewer.picture().reshape(-1, 3), axis=0)
    assert paper.max() < 0.2
    ink, ground = viewer.page.get_by_role("heading", level=1).evaluate(COLOURS)
    assert contrast(ground, "rgb(0, 0, 0)") < 2
    assert contrast(ink, "rgb(0, 0, 0)") > 10
    saved = viewer.saved()
    viewer.page.emulate_media(color_scheme="light")
    expect(viewer.page.get_by_role("heading", level=1)).not_to_have_css("color", ink)
    assert np.median(viewer.picture().reshape(-1, 3)) > 0.95
    assert viewer.saved()["nodes"]["colour"] == saved["nodes"]["colour"]


@pytest.mark.parametrize("width", [420, 800, 1000, 1900])
def test_nothing_sticks_out_sideways(new_page, address, width):
    viewer = opened(new_page(viewport={"width": width, "height": 900}), address)
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= width
    box = viewer.graph.bounding_box()
    assert box is not None
    assert box["width"] > 0.3 * min(width, 1000)
    assert box["height"] > 300
