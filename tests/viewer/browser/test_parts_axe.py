"""axe-core and the keyboard in parts that are not there at first: opened, then looked at."""

import re

import pytest
from playwright.sync_api import expect

from surfeit.data import load
from surfeit.viewer.export import export

from .test_keyboard import NAME
from .viewing import Viewer, in_both_schemes, violations

pytestmark = pytest.mark.browser
FOCUSED = """() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}"""
OUTLINED = """(element) => {
  const look = getComputedStyle(element);
  const outlined = look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 1;
  return outlined || look.boxShadow !== 'none';
}"""


def selected(viewer, address):
    """Units selected, told of, and removed on trial."""
    viewer.open(address + "#v=2&sel=3,7&trails=1&frozen=1")
    pictures = viewer.page.locator(".unit-pictures")
    expect(pictures.get_by_role("img", name="weights of unit 7")).to_be_visible()
    viewer.page.get_by_role("button", name="What if these go?").click()
    expect(viewer.page.locator(".trial")).to_contain_text(re.compile("Without these 2 units"))
    return viewer


def test_what_a_unit_is_and_what_if_these_go(new_page, address, axe):
    viewer = selected(Viewer(new_page()), address)
    for _ in in_both_schemes(viewer.page):
        assert violations(viewer.page, axe) == []


@pytest.mark.parametrize(
    ("control", "option"),
    [
        ("layout", "principal components"),
        ("layout", "matrix by group"),
        ("colour", "class answered most"),
        ("pictures", "updates"),
    ],
)
def test_layouts_groups_and_pictures(new_page, address, axe, control, option):
    viewer = Viewer(new_page()).open(f"{address}#v=2&frozen=1")
    viewer.choose(control, option)
    if option.startswith("matrix"):
        expect(viewer.page.get_by_role("img", name="Similarity matrix")).to_be_visible()
    if control == "pictures":
        expect(viewer.legend).to_contain_text("Pictures: what training added")
    viewer.shown()
    for _ in in_both_schemes(viewer.page):
        assert violations(viewer.page, axe) == []


def test_all_of_them_on_a_telephone(new_page, address, axe):
    viewer = Viewer(new_page(viewport={"width": 390, "height": 900}))
    viewer.open(address + "#v=2&marks=weights&sel=3&frozen=1")
    expect(viewer.legend).to_contain_text("Pictures: weights")
    assert violations(viewer.page, axe) == []


def test_moments_that_are_being_taken(viewer, address, axe):
    viewer.open(address + "#v=2&marks=updates")
    viewer.page.get_by_text("Save", exact=True).click()
    viewer.page.get_by_role("button", name="Moments side by side (PNG)").click()
    expect(
        viewer.page.get_by_text(re.compile(r"Moment \d of \d. Escape stops it."))
    ).to_be_visible()
    assert violations(viewer.page, axe) == []
    viewer.page.keyboard.press("Escape")
    expect(viewer.page.get_by_text("Stopped; nothing is saved.")).to_be_visible()


def test_pictures_in_an_export(new_page, built, runs, axe, tmp_path):
    store, (first, _) = runs
    out = export(store.find(first), "fc1", tmp_path / "one.html", dataset=load("digits"))
    viewer = Viewer(new_page(offline=True)).open(out.as_uri() + "#v=2&marks=weights&sel=3")
    expect(viewer.page.locator(".unit-pictures")).to_contain_text("`surfeit view` shows")
    assert violations(viewer.page, axe) == []


def test_tab_reaches_them_by_name_with_a_visible_focus(new_page, address):
    viewer = selected(Viewer(new_page()), address)
    page = viewer.page
    for plain in (viewer.choice("pictures"), page.get_by_role("button", name="Help")):
        assert not plain.evaluate(OUTLINED)
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        found = page.evaluate(NAME), page.evaluate_handle(FOCUSED).evaluate(OUTLINED)
        if found in reached[:1]:
            break
        reached.append(found)
    wanted = (
        *("pictures", "layout", "colour", "size by", "join units"),
        *("Save list", "Copy list", "Clear", "What the unit is", "What if these go?"),
        *("trail their way", "3", "Pin"),
    )
    for part in wanted:
        assert any(name.startswith(part) for name, _ in reached), f"{part!r}: {reached}"
    # Between the page's last control and its first one the browser itself has the focus.
    assert [name for name, seen in reached if name and not seen] == []
