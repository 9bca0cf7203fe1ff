"""Choosing a run among many in a real browser: filter, groups, what differs, the keyboard."""

import json
import re

import pytest
import torch
from playwright.sync_api import expect

from .viewing import Viewer, violations

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


def _role(run, arm, level):
    record = run.path / "run.json"
    told = json.loads(record.read_text())
    told["about"]["role"] = {"arm": arm, "level": level}
    record.write_text(json.dumps(told))
    return run


@pytest.fixture
def searched(written, store):
    """A dense network, its ticket and a control of the same density, and a plain run."""
    half = torch.ones(6, 4, dtype=torch.bool)
    half[:, ::2] = False
    other = ~half
    other[:, ::2] = True
    return {
        "dense": _role(written(0), "ticket", 0),
        "control": _role(written(1, mask={"fc1.weight": other}), "reinit", 1),
        "ticket": _role(written(2, mask={"fc1.weight": half}), "ticket", 1),
        "plain": written(3),
    }


@pytest.fixture
def picker(serve, viewer, store, searched):
    """The dialog, opened by its button."""
    viewer.open(serve(store))
    viewer.page.get_by_role("button", name="Browse…").click()
    dialog = viewer.page.get_by_role("dialog", name="Runs")
    expect(dialog).to_be_visible()
    return dialog


def test_runs_are_filtered_by_words(picker):
    expect(picker.get_by_role("status").first).to_have_text("4 runs of 4 in 1 group")
    assert picker.evaluate("(element) => element.contains(element.getRootNode().activeElement)")
    picker.get_by_role("searchbox").fill("seed 1 reinit")
    expect(picker.get_by_role("status").first).to_have_text("1 run of 4 in 1 group")
    expect(picker.locator("tbody tr")).to_have_count(1)
    expect(picker.locator("tbody tr")).to_contain_text("reinit 1")
    picker.get_by_role("searchbox").fill("no such words")
    expect(picker.locator("tbody tr")).to_have_count(0)


def test_runs_are_grouped_by_role_and_by_what_they_keep(picker):
    by = picker.get_by_role("combobox", name="group by")
    captions = picker.locator("caption")
    by.select_option(label="role")
    expect(captions).to_have_text(
        ["dense (1)", "no role (1)", "control: reinit (1)", "tickets (1)"]
    )
    by.select_option(label="seed")
    expect(captions).to_have_count(4)
    by.select_option(label="ticket with its controls")
    expect(captions.first).to_contain_text("seed 0: the dense network (1)")
    expect(captions.filter(has_text=re.compile(r"level 1, [\d.]+ % of the weights"))).to_have_count(
        2
    )


def test_a_run_is_shown_or_put_beside_and_what_differs_is_said(picker, viewer, searched):
    row = picker.locator("tr").filter(has_text="seed 3")
    row.get_by_role("button", name="differs?").click()
    expect(row).to_contain_text("The two runs differ in seed (0, 3).")
    row.get_by_role("button", name="beside").click()
    expect(picker).to_be_hidden()
    viewer.expect_state(**{"with": searched["plain"].key})
    expect(viewer.page.locator(".differing")).to_have_text("The two runs differ in seed (0, 3).")
    viewer.page.get_by_role("button", name="Browse…").click()
    picker.get_by_role("button", name="mlp, seed 3").click()
    viewer.expect_state(run=searched["plain"].key, **{"with": None})
    expect(viewer.page.locator(".differing")).to_be_hidden()


def test_the_picker_works_by_keyboard_and_axe_finds_nothing_serious(picker, viewer, axe):
    assert violations(viewer.page, axe) == []
    viewer.page.keyboard.type("ticket 1")
    expect(picker.locator("tbody tr")).to_have_count(1)
    viewer.page.keyboard.press("Escape")
    viewer.page.keyboard.press("Escape")
    expect(picker).to_be_hidden()
    expect(viewer.page.get_by_role("button", name="Browse…")).to_be_focused()


def test_the_picker_is_usable_on_a_phone_and_absent_for_a_single_run(
    serve, new_page, store, searched
):
    phone = Viewer(new_page(viewport={"width": 390, "height": 844}, has_touch=True))
    phone.open(serve(store))
    phone.page.get_by_role("button", name="Browse…").tap()
    dialog = phone.page.get_by_role("dialog", name="Runs")
    box = dialog.bounding_box()
    assert box is not None
    assert box["width"] <= 390
    dialog.get_by_role("button", name=re.compile("seed 3")).first.tap()
    phone.expect_state(run=searched["plain"].key)
    alone = Viewer(new_page()).open(serve(store, searched["plain"]))
    expect(alone.page.get_by_role("button", name="Browse…")).to_be_hidden()
