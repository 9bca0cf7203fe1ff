"""The report with graphs that move: on a screen, on paper, without script."""

import re

import pytest
from playwright.sync_api import expect

from surfeit.data import load
from surfeit.report import ReportConfig, write_report

from .viewing import Viewer

SKETCH = '<svg viewBox="0 0 10 4"><title>a still picture</title></svg>'
# Its report is built once a process.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("live report")]


def _save(drawing, folder, name):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.svg").write_text(SKETCH)
    return {"svg": folder / f"{name}.svg"}


@pytest.fixture(scope="session")
def report(built, runs, tmp_path_factory):
    """The report on the first run; its still pictures are sketches that take no time."""
    store, (first, _) = runs
    config = ReportConfig(repeats=2, ranks=(1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("surfeit.tables.figures.save", _save)
        return write_report(
            store.find(first), load("digits"), tmp_path_factory.mktemp("report"), config
        )


@pytest.fixture
def figures(page, report):
    """The figures of both layers' graphs; the page is open at its top, offline."""
    page.context.set_offline(True)
    page.goto(report.as_uri())
    return page.locator("#graph figure").all()


def _live(figure):
    return figure.locator(".surfeit")


def test_graphs_begin_when_they_come_near_and_take_the_still_pictures_place(page, figures):
    first, second = figures
    for figure in figures:
        assert _live(figure).get_attribute("data-mounted") is None
        expect(figure.locator(".sheet")).to_be_visible()
    second.scroll_into_view_if_needed()
    for figure, units in ((first, "fc1"), (second, "fc2")):
        figure.scroll_into_view_if_needed()
        expect(_live(figure)).to_have_attribute("data-mounted", "")
        viewer = Viewer(_live(figure)).shown()
        expect(viewer.status).to_contain_text("epoch 8 of 8")
        expect(figure.get_by_text(f"Each mark is a unit of {units}")).to_be_visible()
        expect(figure.locator(".sheet")).to_be_hidden()
        expect(figure.get_by_text("goes through it, Space plays it")).to_be_visible()


def test_a_graph_keeps_to_itself(page, figures, report):
    first, second = figures
    second.scroll_into_view_if_needed()
    first.scroll_into_view_if_needed()
    one, other = (Viewer(_live(figure)).shown() for figure in figures)
    one.slider.focus()
    page.keyboard.press("Home")
    expect(one.status).to_contain_text("epoch 0 of 8")
    expect(other.status).to_contain_text("epoch 8 of 8")
    page.locator("body").press("Home")
    expect(other.status).to_contain_text("epoch 8 of 8")
    assert page.url == report.as_uri(), "the address is the page's own"


def test_on_paper_and_without_script_the_still_pictures_are_there(page, figures, new_page, report):
    for figure in figures:
        figure.scroll_into_view_if_needed()
        Viewer(_live(figure)).shown()
    page.emulate_media(media="print")
    without = new_page(java_script_enabled=False)
    without.goto(report.as_uri())
    for figure in (*figures, *without.locator("#graph figure").all()):
        expect(figure.locator(".sheet")).to_be_visible()
        expect(_live(figure)).to_be_hidden()
        expect(figure.get_by_text("units before and after training")).to_be_visible()
        expect(figure.get_by_text("goes through it")).to_be_hidden()


def test_a_graph_whose_data_are_damaged_leaves_the_still_picture(new_page, report, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(re.sub('(id="graph-0-data">)[^<]*', r"\g<1>?", report.read_text()))
    page = new_page()
    page.goto(broken.as_uri())
    figure = page.locator("#graph figure").first
    with page.expect_console_message(lambda message: "not base64" in message.text):
        figure.scroll_into_view_if_needed()
    expect(figure.locator(".sheet")).to_be_visible()
