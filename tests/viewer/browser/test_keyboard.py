"""The viewer by keyboard alone, and for readers who want less motion."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from .viewing import Viewer, places, until

pytestmark = pytest.mark.browser
NAME = """() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  if (!element || element === document.body) return '';
  const label = element.getAttribute('aria-label') ?? element.labels?.[0]?.querySelector('.name')
    ?.textContent ?? element.labels?.[0]?.textContent ?? element.textContent;
  return label.trim();
}"""
CONTROLS = (
    "run",
    "Browse…",
    "layer",
    "what training added",
    "weight vectors",
    "unit outputs",
    "beside",
    "colour",
    "size by",
    "find units",
    "Save",
    "Help",
    "Play",
    "Moment of training",
    "slider",
    "speed",
    "Begin anew at the end",
    "Graph of the layer's units",
    "Select several",
    "Zoom in",
    "Zoom out",
    "Show all units",
    "Links",
    "join units",
    "cosine",
    "link weight",
    "sigma",
    "Selection",
    "trail their way",
    "Forces",
    "Units",
    "norm",
    "accuracy",
    "Moment of the learning curve",
    "magnitude",
    "Units in the order of removal",
    "Spikes of the spectrum",
    "Units by norm",
)


def test_tab_reaches_every_control_in_the_order_of_reading(viewer, address):
    viewer.open(address)
    expect(viewer.chart_words("removal")).to_contain_text("By magnitude")
    reached = []
    for _ in range(80):
        viewer.page.keyboard.press("Tab")
        name = viewer.page.evaluate(NAME)
        if name == "" or name in reached[:1]:
            break
        reached.append(name)
    order = [
        next((at for at, name in enumerate(reached) if name.startswith(wanted)), None)
        for wanted in CONTROLS
    ]
    assert None not in order, f"{CONTROLS[order.index(None)]!r} is not among {reached}"
    assert order == sorted(order), reached
    viewer.page.keyboard.press("Shift+Tab")
    assert viewer.page.evaluate(NAME) != ""


def test_keys_of_time_work_from_anywhere_on_the_page(viewer, address):
    viewer.open(address + "#v=1&speed=1")
    press = viewer.page.keyboard.press
    expect(viewer.status).to_contain_text("epoch 8 of 8")
    for key, epoch in (
        ("ArrowLeft", 7),
        ("Home", 0),
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 8),
        ("Shift+ArrowLeft", 0),
        ("End", 8),
    ):
        press(key)
        expect(viewer.status).to_contain_text(f"epoch {epoch} of 8")
    press("Space")
    expect(viewer.page.get_by_role("button", name="Pause")).to_be_visible()
    press("Space")
    expect(viewer.page.get_by_role("button", name="Play")).to_be_visible()
    assert viewer.slider.input_value() != "8"


def test_brackets_move_the_cutoff(viewer, address):
    viewer.open(address + LINKED)
    weight = viewer.page.get_by_label("cosine, as a number")
    before = float(weight.input_value())
    viewer.page.keyboard.press("]")
    until(lambda: abs(float(weight.input_value()) - before - 0.01) < 0.002, weight.input_value)
    for _ in range(3):
        viewer.page.keyboard.press("[")
    until(lambda: abs(float(weight.input_value()) - before + 0.02) < 0.002, weight.input_value)


LINKED = "#v=1&cut=.06"


def test_slash_searches_and_escape_clears_search_then_selection(viewer, address):
    viewer.open(address + "#v=1&sel=5")
    press = viewer.page.keyboard.press
    press("/")
    field = viewer.page.get_by_role("searchbox", name="find units")
    expect(field).to_be_focused()
    viewer.page.keyboard.type("1-3")
    expect(viewer.page.get_by_text("3 units; Enter selects")).to_be_visible()
    press("Escape")
    expect(field).to_have_value("")
    expect(field).not_to_be_focused()
    viewer.expect_state(sel="5")
    press("Escape")
    viewer.expect_state(sel=None)


def test_a_question_mark_shows_the_keys_and_escape_closes_them(viewer, address):
    viewer.open(address)
    viewer.page.keyboard.press("?")
    help_ = viewer.page.get_by_role("dialog", name="How to read this picture")
    expect(help_).to_be_visible()
    expect(help_).to_contain_text("play or pause")
    viewer.page.keyboard.press("ArrowLeft")
    viewer.page.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    expect(viewer.status).to_contain_text("epoch 8 of 8")


def test_arrows_walk_from_unit_to_unit_and_enter_selects(viewer, address):
    viewer.open(address + LINKED + "&frozen=1")
    view = viewer.at_rest()
    viewer.graph.focus()
    press = viewer.page.keyboard.press
    reached = viewer.page.get_by_text(re.compile(r"^Unit \d+, \d+ links?$"))

    def step(key):
        before = reached.inner_text() if reached.count() else ""
        press(key)
        until(lambda: reached.count() == 1 and reached.inner_text() != before, lambda: before)
        return int(reached.inner_text().split()[1].rstrip(","))

    first = step("ArrowRight")
    middle = np.array([view["width"], view["height"]]) / 2
    nearest = np.hypot(*(places(view) - middle).T).argmin()
    assert first == nearest
    second = step("ArrowRight")
    assert places(view)[second][0] > places(view)[first][0]
    press("Enter")
    viewer.expect_state(sel=str(second))
    third = step("ArrowUp")
    assert places(view)[third][1] < places(view)[second][1]
    press("Shift+Enter")
    expect(viewer.page.get_by_text("2 units selected")).to_be_visible()
    expect(viewer.status).to_contain_text("epoch 8 of 8")


def test_charts_can_be_read_and_brushed_by_keyboard(viewer, address):
    viewer.open(address)
    expect(viewer.chart_words("removal")).to_contain_text("By magnitude")
    viewer.chart("removal").focus()
    viewer.page.keyboard.press("Home")
    for _ in range(3):
        viewer.page.keyboard.press("Shift+ArrowRight")
    viewer.page.keyboard.press("Enter")
    expect(viewer.page.get_by_text("4 units selected")).to_be_visible()
    viewer.chart("learning").focus()
    viewer.page.keyboard.press("Home")
    expect(viewer.status).to_contain_text("epoch 0 of 8")


def test_rows_of_the_table_can_be_selected_by_keyboard(viewer, address):
    viewer.open(address)
    row = viewer.page.get_by_role("grid", name="Units").get_by_role("row").nth(1)
    row.focus()
    viewer.page.keyboard.press("ArrowDown")
    viewer.page.keyboard.press("ArrowDown")
    viewer.page.keyboard.press("Enter")
    viewer.expect_state(sel="2")
    expect(viewer.status).to_contain_text("epoch 8 of 8")


def test_reduced_motion_shows_the_units_only_at_rest(new_page, address):
    viewer = Viewer(new_page(reduced_motion="reduce")).open(address + LINKED)
    viewer.at_rest()
    viewer.page.get_by_role("heading", name="Forces").click()
    before = viewer.picture()
    button = viewer.page.get_by_role("button", name="Lay out anew")
    seen = [before]

    def look() -> bool:
        seen.append(viewer.picture())
        return len(distinct(seen)) > 1 and np.array_equal(seen[-1], seen[-2])

    button.click()
    until(look)
    assert len(distinct(seen)) <= 2, "the units were shown on their way"


def distinct(pictures):
    """Pictures that differ from the one before."""
    kept = pictures[:1]
    for picture in pictures[1:]:
        if np.abs(picture - kept[-1]).max() > 0.05:
            kept.append(picture)
    return kept
