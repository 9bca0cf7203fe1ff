"""The page of a landscape: surfaces that turn together, values under the pointer, keys, print."""

import math

import pyarrow as pa
import pytest
from playwright.sync_api import expect

from surfeit.procedures.landscape import CONVEXITY, HEIGHTS, PATH, Landscape, LandscapeConfig
from surfeit.report.landscape import Drawing, render

pytestmark = [pytest.mark.browser]
AXIS = (-1.0, -0.5, 0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two planted bowls, one with a hole, and the first one's path."""
    heights = [
        {
            "network": number,
            "run": "0" * 64,
            "first": a,
            "second": b,
            "loss": math.nan if number and a == b == 1 else 0.01 + (1 + number) * (a * a + b * b),
            "accuracy": 0.5,
        }
        for number in range(2)
        for a in AXIS
        for b in AXIS
    ]
    path = [
        {"network": 0, "run": "0" * 64, "step": step, "first": at, "second": at, "off_plane": 0.1}
        for step, at in ((0, 0.9), (100, 0.4), (200, 0.0))
    ]
    found = Landscape(
        config=LandscapeConfig(points=5),
        axes=(AXIS, AXIS),
        heights=pa.Table.from_pylist(heights, HEIGHTS),
        convexity=CONVEXITY.empty_table(),
        path=pa.Table.from_pylist(path, PATH),
        origins=(0.1, 0.2),
        remarks=(),
    )
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9"/></svg>'
    pieces = (((0, 0, 4, 4), (8, 0, 1, 4)), ((4, 0, 4, 4), (8, 0, 1, 4)))
    drawings = {"landscape": Drawing(svg=svg, pieces=pieces)}
    written = tmp_path_factory.mktemp("landscape") / "landscape.html"
    written.write_text(render(found, ["one", "two"], drawings, data="planted"), encoding="utf-8")
    return written


@pytest.fixture
def read(page, written):
    """The page, open and offline."""
    page.context.set_offline(True)
    page.goto(written.as_uri())
    return page


def _picture(page, number):
    return page.evaluate(
        "number => document.querySelectorAll('.solid canvas')[number].toDataURL()", number
    )


def _turned(page, act):
    """Both surfaces before and after something is done."""
    before = [_picture(page, number) for number in range(2)]
    act()
    page.wait_for_function(
        "before => document.querySelectorAll('.solid canvas')[1].toDataURL() !== before",
        arg=before[1],
    )
    return before, [_picture(page, number) for number in range(2)]


def test_both_surfaces_turn_under_the_pointer_and_by_keys(read):
    canvas = read.locator(".solid canvas").first
    canvas.scroll_into_view_if_needed()
    read.wait_for_timeout(200)
    box = canvas.bounding_box()

    def drag():
        read.mouse.move(box["x"] + 5, box["y"] + 5)
        read.mouse.down()
        read.mouse.move(box["x"] + 105, box["y"] + 5)
        read.mouse.up()

    before, after = _turned(read, drag)
    assert before[0] != after[0]
    assert read.locator("#turn").input_value() == "-85"
    canvas.focus()
    before, after = _turned(read, lambda: read.keyboard.press("ArrowUp"))
    assert before[0] != after[0]
    assert read.locator("#tilt").input_value() == "39"
    read.keyboard.press("Home")
    expect(read.locator("#turn")).to_have_value("-35")


def test_values_are_read_by_the_pointer_and_by_walking(read):
    canvas = read.locator(".solid canvas").nth(1)
    canvas.focus()
    read.keyboard.press("w")
    readings = read.locator(".reading")
    expect(readings.nth(0)).to_have_text("(0, 0): loss 0.01, accuracy 50 %")
    expect(readings.nth(1)).to_have_text("(0, 0): loss 0.01, accuracy 50 %")
    for key in "ddww":
        read.keyboard.press(key)
    expect(readings.nth(0)).to_have_text("(1, 1): loss 2.01, accuracy 50 %")
    expect(readings.nth(1)).to_contain_text("(1, 1): loss not finite")
    read.keyboard.press("Escape")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    read.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(readings.nth(1)).to_contain_text("loss ")


def test_height_contours_and_path_can_be_switched(read):
    assert read.locator("#view-log").is_checked()  # from 0.01 to 4
    for name in ("log", "contours", "path"):
        before = _picture(read, 0)
        read.locator(f"#view-{name}").uncheck()
        read.wait_for_function(
            "before => document.querySelector('.solid canvas').toDataURL() !== before", arg=before
        )


def test_no_identifier_stands_twice(read):
    names = read.eval_on_selector_all("[id]", "all => all.map((one) => one.id)")
    assert len(names) == len(set(names))


def test_it_says_in_words_what_it_shows(read):
    label = read.locator(".solid canvas").nth(1).get_attribute("aria-label")
    assert "Loss surface of two over 5 by 5 points" in label
    assert "not finite at 1 of 25 points" in label
    read.locator("#numbers summary").first.click()
    expect(read.locator("#numbers td").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_small_screen_in_both_schemes(new_page, written, scheme):
    page = new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto(written.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#spin")).to_be_hidden()  # motion is reduced in these tests
    box = page.locator(".solid canvas").first.bounding_box()
    assert box["width"] > 330


@pytest.mark.parametrize(("width", "pieces"), [(390, True), (1024, False), (1440, False)])
def test_on_a_narrow_screen_the_figures_panels_stand_one_below_the_other(
    new_page, written, width, pieces
):
    page = new_page(viewport={"width": width, "height": 844})
    page.goto(written.as_uri())
    sheet, panels = page.locator("#figure .sheet"), page.locator("#figure .pieces > svg")
    assert sheet.evaluate("sheet => sheet.scrollWidth - sheet.clientWidth") == 0
    boxes = [panel.bounding_box() for panel in panels.all()]
    if not pieces:
        assert boxes == [None, None]
        assert page.locator("#figure .sheet > svg").bounding_box()["width"] > 800
        return
    assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]
    assert min(box["width"] for box in boxes) > 330
    assert page.locator("#figure .sheet > svg").bounding_box()["width"] == 0
