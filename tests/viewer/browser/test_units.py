"""Units in a real browser: dragged, selected here and seen there, searched, merged."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from .viewing import is_ringed, places, ring, until

pytestmark = pytest.mark.browser
LINKED = "#v=1&cut=.06"
FOUND = np.array([0xC4, 0x00, 0x6A]) / 255


def in_the_open(view, unit, other=()):
    """Whether nothing lies over the unit: neither the page's own words nor other units."""
    x, y = places(view)[unit]
    if not (40 < x < view["width"] - 60 and 40 < y < view["height"] - 150):
        return False
    apart = np.hypot(*(places(view) - (x, y)).T)
    apart[unit] = np.inf
    return bool(apart.min() > 2 * max(view["nodes"]["radius"]) + 6)


def open_units(view):
    return [unit for unit in range(len(places(view))) if in_the_open(view, unit)]


def test_a_dragged_unit_is_pinned_and_stays(viewer, address):
    viewer.open(address + LINKED)
    view = viewer.at_rest()
    unit = open_units(view)[0]
    goal = np.array([view["width"] / 2, view["height"] / 3])
    viewer.page.mouse.move(*viewer.point(*places(view)[unit]))
    viewer.page.mouse.down()
    viewer.page.mouse.move(*viewer.point(*(goal + 20)), steps=4)
    viewer.page.mouse.move(*viewer.point(*goal))
    viewer.page.mouse.up()
    viewer.expect_state(pin=str(unit), sel=None)
    after = viewer.at_rest()
    assert np.allclose(places(after)[unit], goal, atol=1)
    others = np.delete(np.arange(len(places(view))), unit)
    assert np.abs(places(after)[others] - places(view)[others]).max() > 1
    viewer.slider.fill("2")
    expect(viewer.status).to_contain_text("epoch 2 of 8")
    assert np.allclose(places(viewer.at_rest())[unit], goal, atol=1)
    viewer.page.get_by_role("heading", name="Forces").click()
    viewer.page.get_by_role("button", name="Release 1 pinned").click()
    viewer.expect_state(pin=None)


def test_units_selected_in_a_chart_are_marked_in_the_graph(viewer, address):
    viewer.open(address + LINKED + "&frozen=1")
    expect(viewer.chart_words("removal")).to_contain_text("By magnitude")
    viewer.brush("removal", (0.3, 0.75))
    expect(viewer.page.get_by_text(re.compile(r"^\d+ units selected"))).to_be_visible()
    until(lambda: "sel" in viewer.state(), viewer.state)
    selected = [int(unit) for unit in numbers(viewer.state()["sel"])]
    assert 5 < len(selected) < 30
    expect(viewer.page.get_by_text(f"{len(selected)} units selected")).to_be_visible()
    expect(viewer.page.get_by_role("row", selected=True)).to_have_count(len(selected))
    view = viewer.saved()
    assert sorted(view["selected"]) == sorted(selected)
    seen = [unit for unit in open_units(view) if unit in selected]
    unseen = [unit for unit in open_units(view) if unit not in selected]
    assert seen
    assert unseen
    until(lambda: all(is_ringed(view, unit, viewer.picture()) for unit in seen[:3]))
    picture = viewer.picture()
    assert not any(is_ringed(view, unit, picture) for unit in unseen)
    viewer.page.get_by_role("button", name="Clear").click()
    until(lambda: not any(is_ringed(view, unit, viewer.picture()) for unit in seen))


def numbers(text):
    """ "1,4-6" as [1, 4, 5, 6]."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def test_a_unit_selected_in_the_graph_is_marked_in_charts_and_table(viewer, address):
    viewer.open(address + LINKED + "&frozen=1")
    expect(viewer.chart_words("removal")).to_contain_text("By magnitude")
    view = viewer.at_rest()
    one, two = open_units(view)[:2]
    viewer.click_unit(view, one)
    viewer.expect_state(sel=str(one))
    expect(viewer.page.get_by_role("heading", name=f"unit {one}", exact=True)).to_be_visible()
    neighbours = viewer.page.get_by_role("table", name=f"Nearest to unit {one}")
    expect(neighbours.get_by_role("row")).to_have_count(6)
    expect(neighbours).to_contain_text("°")
    expect(viewer.page.get_by_role("row", selected=True)).to_have_count(1)
    expect(viewer.chart_words("removal")).to_contain_text(f"Unit {one} goes ")
    expect(viewer.chart_words("spectrum")).to_contain_text(f"Unit {one} carries ")
    assert is_ringed(view, one, viewer.picture())
    viewer.page.keyboard.down("Shift")
    viewer.click_unit(view, two)
    viewer.page.keyboard.up("Shift")
    expect(viewer.page.get_by_text("2 units selected")).to_be_visible()
    expect(viewer.chart_words("removal")).to_contain_text("The 2 selected units go ")


def test_an_area_of_the_graph_selects_its_units(viewer, address):
    viewer.open(address + LINKED + "&frozen=1")
    view = viewer.at_rest()
    half = view["width"] / 2
    viewer.page.keyboard.down("Shift")
    viewer.page.mouse.move(*viewer.point(2, 2))
    viewer.page.mouse.down()
    viewer.page.mouse.move(*viewer.point(half / 2, 200))
    viewer.page.mouse.move(*viewer.point(half, view["height"] - 140))
    viewer.page.mouse.up()
    viewer.page.keyboard.up("Shift")
    x, y = places(view).T
    inside = set(np.flatnonzero((x < half) & (y < view["height"] - 140)).tolist())
    until(lambda: set(viewer.saved()["selected"]) == inside, lambda: viewer.saved()["selected"])


def test_a_click_beside_the_units_selects_none(viewer, address):
    viewer.open(address + "#v=1&sel=4&frozen=1")
    view = viewer.at_rest()
    grid = [(x, y) for x in range(20, 400, 10) for y in range(30, 300, 10)]
    empty = max(grid, key=lambda place: np.hypot(*(places(view) - place).T).min())
    viewer.page.mouse.click(*viewer.point(*empty))
    expect(viewer.page.get_by_text("Click a unit to see its nearest neighbours")).to_be_visible()
    viewer.expect_state(sel=None)


def marked(view, unit, picture):
    """Whether a magenta ring goes around a unit, outside the ring of what is selected."""
    wide = {"nodes": {**view["nodes"], "radius": [radius + 3.5 for radius in radii(view)]}}
    colours = ring(wide, unit, picture)
    return bool((np.abs(colours - FOUND).max(axis=1) < 0.25).mean() > 0.6)


def radii(view):
    return np.maximum(view["nodes"]["radius"], 1)


def test_a_search_marks_what_it_finds_leaves_the_rest_visible_and_enter_selects(viewer, address):
    viewer.open(address + LINKED + "&frozen=1")
    view = viewer.at_rest()
    viewer.page.mouse.move(2, 2)
    plain = viewer.picture()
    found = viewer.page.get_by_role("searchbox", name="find units")
    found.fill("links>=1 norm>0")
    answer = viewer.page.get_by_text(re.compile(r"units?; Enter selects"))
    expect(answer).to_be_visible()
    linked = {*view["links"]["source"], *view["links"]["target"]}
    assert int(answer.inner_text().split()[0]) == len(linked)
    # A disc: what lies within a ring is paper, dimmed or not.
    one = next(unit for unit in open_units(view) if view["nodes"]["shape"][unit] == 0)
    others = [unit for unit in open_units(view) if unit != one]
    found.fill(str(one))
    until(lambda: marked(view, one, viewer.picture()))
    picture = viewer.picture()
    assert not any(marked(view, unit, picture) for unit in others)
    for unit in others[:5]:  # as they were
        assert np.abs(ring(view, unit, picture) - ring(view, unit, plain)).max() < 0.05
    viewer.click_unit(view, others[0])  # what is found stands out beside a selection too
    viewer.page.mouse.move(2, 2)
    viewer.expect_state(sel=str(others[0]))
    until(lambda: is_ringed(view, others[0], viewer.picture()))
    now = viewer.picture()
    within = tuple(places(view)[one].round().astype(int)[::-1])
    assert np.abs(now[within] - picture[within]).max() < 0.05
    rows = viewer.page.get_by_role("grid", name="Units").get_by_role("row")
    expect(rows).to_have_count(33)
    expect(rows.nth(1).locator("td").first).to_have_text(str(one))
    expect(viewer.page.get_by_text("1 of 32 units found, listed first")).to_be_visible()
    found.fill("0-2")
    found.press("Enter")
    viewer.expect_state(sel="0-2")
    found.fill("purple units")
    expect(viewer.page.get_by_text("is not understood")).to_be_visible()
    assert not any(marked(view, unit, viewer.picture()) for unit in open_units(view))


def test_two_runs_are_merged_told_apart_and_joined(viewer, address, runs):
    _, keys = runs
    viewer.open(address + LINKED)
    viewer.choose("beside", "mlp-32-16 on digits, seed 1")
    viewer.expect_state(**{"with": keys[1]})
    lead = viewer.page.get_by_role("heading", level=1)
    expect(lead).to_contain_text("circles of mlp-32-16 on digits, seed 0, squares of")
    models = viewer.legend.get_by_role("button")
    expect(models).to_have_text(
        ["mlp-32-16 on digits, seed 0: 32 units", "mlp-32-16 on digits, seed 1: 32 units"]
    )
    viewer.choose("colour", "run")
    view = viewer.at_rest()
    assert view["nodes"]["shape"] == [0] * 32 + [1] * 32
    assert len(set(view["nodes"]["colour"])) == 2
    assert view["twins"] == []
    viewer.page.mouse.move(5, 5)
    plain = viewer.picture()
    viewer.page.get_by_role("checkbox", name="join twins").check()
    viewer.expect_state(twins="1")
    joined = viewer.at_rest()
    assert joined["twins"] == [[unit, unit + 32] for unit in range(32)]
    assert np.abs(viewer.picture()[:500] - plain[:500]).max(axis=2).astype(bool).sum() > 500
    viewer.click_unit(joined, next(unit for unit in open_units(joined) if unit >= 32))
    heading = viewer.page.get_by_role("heading", level=3, name="of mlp-32-16 on digits, seed 1")
    expect(heading).to_be_visible()


def test_the_legend_switches_a_run_off_and_on(viewer, address, runs):
    viewer.open(f"{address}{LINKED}&with={runs[1][1][:12]}")
    second = viewer.legend.get_by_role("button", name="seed 1")
    expect(second).to_have_attribute("aria-pressed", "true")
    second.click()
    viewer.expect_state(hide="1")
    hidden = viewer.saved()["nodes"]["radius"]
    assert min(hidden[:32]) > 0
    assert max(hidden[32:]) == 0
    second.click()
    viewer.expect_state(hide=None)
    assert min(viewer.saved()["nodes"]["radius"]) > 0


def test_the_table_sorts_and_its_rows_select(viewer, address):
    viewer.open(address)
    grid = viewer.page.get_by_role("grid", name="Units")
    grid.get_by_role("button", name="norm").click()
    header = grid.get_by_role("columnheader", name="norm")
    expect(header).to_have_attribute("aria-sort", "descending")
    norms = [
        float(row.locator("td").nth(1).inner_text()) for row in grid.get_by_role("row").all()[1:]
    ]
    assert norms == sorted(norms, reverse=True)
    first = grid.get_by_role("row").nth(1)
    first.click()
    viewer.expect_state(sel=first.locator("td").first.inner_text())


def test_forces_move_the_units_and_are_kept_in_the_address(viewer, address):
    viewer.open(address + LINKED)
    near = viewer.at_rest()
    viewer.page.get_by_role("heading", name="Forces").click()
    charge = viewer.page.get_by_label("charge, as a number")
    charge.fill("-200")
    charge.press("Enter")
    viewer.expect_state(charge="-200")
    far = viewer.at_rest()
    assert np.abs(places(far) - places(near)).max() > 5
    viewer.page.get_by_role("button", name="Reset forces").click()
    viewer.expect_state(charge=None)


@pytest.mark.parametrize("touch", [True])
def test_a_tap_selects_a_unit(new_page, address, touch):
    from .viewing import Viewer

    viewer = Viewer(new_page(has_touch=touch, viewport={"width": 1200, "height": 800}))
    viewer.open(address + LINKED + "&frozen=1")
    view = viewer.at_rest()
    unit = open_units(view)[0]
    viewer.page.touchscreen.tap(*viewer.point(*places(view)[unit]))
    viewer.expect_state(sel=str(unit), pin=None)


def test_a_finger_selects_several_with_the_button(new_page, address):
    from .viewing import Viewer

    viewer = Viewer(new_page(has_touch=True, viewport={"width": 1200, "height": 800}))
    viewer.open(address + LINKED + "&frozen=1")
    view = viewer.at_rest()
    one, two = open_units(view)[:2]
    several = viewer.page.get_by_role("button", name="Select several")
    several.tap()
    expect(several).to_have_attribute("aria-pressed", "true")
    for unit in (one, two):
        viewer.page.touchscreen.tap(*viewer.point(*places(view)[unit]))
    viewer.expect_state(sel=f"{one},{two}")
    several.tap()
    viewer.page.touchscreen.tap(*viewer.point(*places(view)[one]))
    viewer.expect_state(sel=str(one))


def test_hovering_tells_of_a_unit_and_its_nearest(viewer, address):
    viewer.open(address + LINKED + "&frozen=1")
    view = viewer.at_rest()
    unit = open_units(view)[0]
    card = viewer.page.locator(".hover-card")
    expect(card).to_be_hidden()
    viewer.page.mouse.move(*viewer.point(*places(view)[unit]))
    expect(card).to_be_visible()
    expect(card.get_by_role("paragraph")).to_have_text(f"unit {unit}")
    expect(card).to_have_text(
        re.compile(r"norm\d.*angle moved\d+\.\d°.*nearest \(cosine\)\d+ \(-?0\.\d+\)")
    )
    viewer.click_unit(view, unit)
    told = (
        viewer.page.get_by_role("table", name=f"Nearest to unit {unit}").get_by_role("row").nth(1)
    )
    nearest = re.search(r"nearest \(cosine\)(\d+) \((\S+)\)", card.inner_text().replace("\n", ""))
    assert nearest is not None
    cells = told.locator("td")
    expect(cells.first).to_have_text(f"unit {nearest[1]}")
    expect(cells.last).to_have_text(nearest[2])
    viewer.page.mouse.move(*viewer.point(2, 2))
    expect(card).to_be_hidden()
    viewer.graph.focus()
    viewer.page.keyboard.press("ArrowRight")
    expect(card).to_be_visible()


def test_selected_units_trail_their_way_which_fades(viewer, address):
    viewer.open(address + LINKED + "&sel=3&t=0")
    viewer.at_rest()
    box = viewer.page.get_by_role("checkbox", name="trail their way")
    for epoch in ("2", "4", "6"):
        viewer.slider.fill(epoch)
        viewer.at_rest()
    plain = viewer.picture()
    box.check()
    viewer.expect_state(trails="1")
    until(lambda: np.abs(viewer.picture()[:450] - plain[:450]).max() > 0.2)
    svg = viewer.download("Picture (SVG)").decode()
    opacities = re.findall(
        r'stroke-opacity="(0\.\d+)"|stroke-width="2"[^>]*opacity="(0\.\d+)"', svg
    )
    assert opacities, "the saved picture has no trail"
    box.uncheck()
    until(lambda: np.abs(viewer.picture()[:450] - plain[:450]).max() < 0.05)


def test_each_unit_can_be_joined_with_its_nearest(viewer, address):
    viewer.open(address + "#source=weights")
    viewer.choose("join units", "also the nearest")
    viewer.expect_state(k="3")
    expect(viewer.page.get_by_role("heading", level=1)).to_contain_text(
        "each is joined with the 3 units nearest to it by the direction of their weight vectors."
    )
    expect(viewer.status).to_have_text(
        re.compile(
            r"\d+ units? with dark links, \d+ without · \d+ dark links? from 0.\d+, \d+ faint"
        )
    )
    view = viewer.at_rest()
    degree = np.bincount([*view["links"]["source"], *view["links"]["target"]], minlength=32)
    assert degree.min() >= 3
    nearest = viewer.page.get_by_label("nearest, as a number")
    nearest.fill("1")
    nearest.press("Enter")
    viewer.expect_state(k="1")
    until(lambda: len(viewer.saved()["links"]["source"]) < 32)
    viewer.choose("join units", "above the cutoff")
    viewer.expect_state(k="0")


def test_what_the_network_is_worth_without_the_selection_is_measured_when_asked(viewer, address):
    viewer.open(address + LINKED + "&sel=3,17,5&frozen=1")
    ask = viewer.page.get_by_role("button", name="What if these go?")
    ask.click()
    answer = viewer.page.locator(".trial")
    expect(answer).to_contain_text(
        re.compile(r"Without these 3 units [\d.]+\s% of [\d,]+ validation images are answered")
    )
    expect(answer).to_contain_text(re.compile(r"in 39 draws, of which \d+ do as well or better"))
    viewer.page.get_by_role("button", name="Clear").click()
    expect(ask).to_be_hidden()
    viewer.open(address + LINKED + "&sel=4&frozen=1")
    expect(answer).to_be_empty()


def test_what_a_unit_is_can_be_seen(viewer, address):
    viewer.open(address + LINKED + "&sel=3&frozen=1")
    shown = viewer.page.locator(".unit-pictures")
    expect(shown.get_by_role("img", name="weights of unit 3")).to_be_visible()
    expect(
        shown.get_by_role("img", name=re.compile("^what training added to unit 3"))
    ).to_be_visible()
    driving = shown.get_by_role("img", name=re.compile(r"image \d that drives unit 3: class \d"))
    expect(driving).to_have_count(8)
    shades = driving.first.evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 8, 8).data]"
    )
    assert max(shades[0::4]) > 200 > min(shades[0::4])
    expect(shown.get_by_role("table", name="Mean answer of unit 3 by class")).to_be_visible()
