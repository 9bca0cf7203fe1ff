"""Panels within reach in a real browser: small windows, phones, and a notebook's narrow cell."""

import re

import pytest
from playwright.sync_api import expect
from torch import nn

from surfeit.data import load
from surfeit.train import Recorder

from .viewing import Viewer

pytestmark = pytest.mark.browser
PANELS = {
    "Charts": "Moment of the learning curve",
    "Links": "cosine",
    "Selection": "trail their way over the last moments",
    "Forces": "charge",
    "Units": "Units",
}


def in_sight(viewer, element):
    """Whether the middle of an element's top can be seen: in the window, under nothing else."""
    return element.evaluate("""(element) => {
        const box = element.getBoundingClientRect();
        const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height / 2, 20)];
        if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return false;
        const seen = element.getRootNode().elementFromPoint(x, y);
        return element === seen || element.contains(seen) || (seen?.contains(element) ?? false);
    }""")


def panel(viewer, name):
    page = viewer.page
    if name == "Units":
        return page.get_by_role("grid", name="Units")
    if name == "Selection":
        return page.get_by_role("checkbox", name=PANELS[name])
    return page.get_by_role("slider", name=re.compile(f"^{PANELS[name]}"))


@pytest.mark.parametrize("size", [(1000, 700), (800, 600), (390, 844)], ids=str)
def test_every_panel_has_a_labelled_handle_that_brings_it_into_sight(new_page, address, size):
    width, height = size
    viewer = Viewer(new_page(viewport={"width": width, "height": height}))
    viewer.open(address + "#v=1&frozen=1")
    handles = viewer.page.get_by_role("navigation", name="Panels")
    expect(handles).to_be_visible()
    for name in PANELS:
        handle = handles.get_by_role("button", name=name)
        assert in_sight(viewer, handle), f"the handle of {name} is out of sight"
        handle.click()
        expect(panel(viewer, name)).to_be_visible()
        assert in_sight(viewer, panel(viewer, name)), name
        assert in_sight(viewer, handle), f"the handle of {name} is gone"
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= width


def test_handles_work_by_keyboard_and_are_absent_where_all_is_in_sight(new_page, address):
    viewer = Viewer(new_page(viewport={"width": 1000, "height": 700})).open(address)
    viewer.page.get_by_role("button", name="Forces", exact=True).focus()
    viewer.page.keyboard.press("Enter")
    assert in_sight(viewer, panel(viewer, "Forces"))
    focused = viewer.page.evaluate(
        "document.querySelector('#surfeit').shadowRoot.activeElement.textContent"
    )
    assert focused == "Forces"
    viewer.page.set_viewport_size({"width": 1400, "height": 900})
    expect(viewer.page.get_by_role("navigation", name="Panels")).to_be_hidden()


def test_a_phone_reaches_all_by_touch_with_targets_large_enough(new_page, address):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    viewer = Viewer(page).open(address + "#v=1&frozen=1")
    handles = page.get_by_role("navigation", name="Panels")
    for name in ("Charts", "Choices", "Graph"):
        handles.get_by_role("button", name=name).tap()
        target = {
            "Charts": panel(viewer, "Charts"),
            "Choices": viewer.choice("layer"),
            "Graph": viewer.graph,
        }[name]
        assert in_sight(viewer, target), name
    for control in page.locator(".viewer :is(button, select, summary):visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 24, control.inner_text()


@pytest.fixture
def cell(new_page, built, tmp_path):
    """The viewer in a place of 600 x 600 pixels within a longer page, as in a notebook's cell."""
    from surfeit.viewer.assets import viewer_script
    from surfeit.viewer.bundles.bundle import bundle
    from surfeit.viewer.embed import data_script, module_script
    from surfeit.viewer.timelines.run import RunTimeline

    def opened(run, layer="fc1", dataset=None):
        data = bundle(RunTimeline(run), [layer], dataset=dataset)
        page = tmp_path / "cell.html"
        style = "width: 600px; --surfeit-height: 600px"
        place = f'<div class="surfeit" data-home="bundle" data-bundle="b" style="{style}"></div>'
        parts = ["<!doctype html>", place, data_script("b", data), module_script(viewer_script())]
        page.write_text("".join(parts), encoding="utf-8")
        viewer = Viewer(new_page(viewport={"width": 1000, "height": 900}))
        return viewer.open(page.as_uri())

    return opened


def test_controls_are_in_sight_in_a_cell_of_600_pixels(cell, runs):
    store, (key, _) = runs
    viewer = cell(store.find(key))
    place = viewer.page.locator(".surfeit").bounding_box()
    assert place is not None
    assert place["width"] == 600
    controls = {
        "play": viewer.page.get_by_role("button", name="Play"),
        "slider": viewer.slider,
        "colour": viewer.choice("colour"),
        "layer": viewer.choice("layer"),
        "search": viewer.page.get_by_role("searchbox"),
        "save": viewer.page.get_by_text("Save", exact=True),
        "zoom": viewer.page.get_by_role("button", name="Show all units"),
        "handles": viewer.page.get_by_role("navigation", name="Panels"),
    }
    for name, control in controls.items():
        box = control.bounding_box()
        assert box is not None, name
        assert in_sight(viewer, control), name
        assert box["y"] + box["height"] <= place["y"] + 600, name
    graph = viewer.graph.bounding_box()
    assert graph is not None
    assert graph["height"] >= 240


@pytest.fixture
def unmeasured(tmp_path):
    """A run without metrics: it has no learning curve."""
    return Recorder(nn.Linear(12, 6), tmp_path / "run").finish()


def test_a_chart_that_carries_no_data_is_absent(cell, runs, unmeasured):
    store, (key, _) = runs
    viewer = cell(store.find(key), dataset=load("digits"))
    for name in ("learning", "spectrum", "removal", "movement"):
        expect(viewer.chart(name)).to_be_visible()
    viewer = cell(store.find(key))
    for name in ("learning", "spectrum", "movement"):
        expect(viewer.chart(name)).to_be_visible()
    expect(viewer.page.get_by_role("heading", name="Removing units")).to_be_hidden()
    viewer = cell(unmeasured, "")
    expect(viewer.chart("movement")).to_be_visible()
    expect(viewer.page.get_by_role("heading", name="Learning curve")).to_be_hidden()
    expect(viewer.page.locator(".chart-message:visible")).to_have_count(0)


def test_a_served_page_says_why_a_chart_has_no_data(serve, viewer, store, unmeasured):
    viewer.open(serve(store, unmeasured))
    message = viewer.page.locator(".chart-message").first
    expect(message).to_contain_text("Nothing was measured while this was trained")
