"""Units as small pictures of their weights, on the page and in what is saved of it."""

import base64
import re
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread
from playwright.sync_api import expect

from surfeit.data import load
from surfeit.viewer.export import export

from .viewing import Viewer, places, until

pytestmark = pytest.mark.browser
STILL = "&frozen=1"
SVG = "{http://www.w3.org/2000/svg}"


def pictured(view, picture):
    """The pixels of the graph within each unit's square, [units] arrays of [pixels, 3]."""
    found = []
    for (x, y), radius in zip(places(view), view["nodes"]["radius"], strict=True):
        half = int(0.88 * radius - 2)
        left, top = round(x) - half, round(y) - half
        found.append(picture[top : top + 2 * half, left : left + 2 * half].reshape(-1, 3))
    return found


def shades(pixels):
    """How many different colours there are, of 32 a channel."""
    return len(np.unique((pixels * 31).astype(int), axis=0))


def test_units_are_pictures_when_asked_and_discs_before(viewer, address):
    viewer.open(address + "#v=2" + STILL)
    discs = viewer.at_rest()
    flat = pictured(discs, viewer.picture())
    viewer.choose("pictures", "weights")
    viewer.expect_state(marks="weights")
    expect(viewer.legend).to_contain_text("Pictures: weights, epoch 8")
    view = viewer.at_rest()
    grown = np.array(view["nodes"]["radius"]) / np.array(discs["nodes"]["radius"])
    np.testing.assert_allclose(grown / grown[0], 1, atol=0.02)
    found = pictured(view, viewer.picture())
    wide = [unit for unit in range(32) if len(found[unit]) > 150 and len(flat[unit]) > 50]
    assert len(wide) > 10
    rich = [shades(found[unit]) for unit in wide]
    assert np.median(rich) > 3 * np.median([shades(flat[unit]) for unit in wide])


def test_they_follow_time_and_the_address_holds_them(viewer, address, new_page):
    viewer.open(address + "#v=2&marks=updates" + STILL)
    expect(viewer.legend).to_contain_text("Pictures: what training added, epoch 8")
    viewer.slider.focus()
    viewer.page.keyboard.press("Home")
    expect(viewer.legend).to_contain_text("Pictures: what training added, epoch 0")
    viewer.expect_state(marks="updates", t="0")
    hash_ = viewer.page.evaluate("location.hash")
    again = Viewer(new_page()).open(address + hash_)
    expect(again.legend).to_contain_text("Pictures: what training added, epoch 0")
    again.page.keyboard.press("Space")
    expect(again.legend).to_contain_text("Pictures: what training added, epoch 8")


def test_a_layer_that_reads_no_image_says_so_and_offers_none(viewer, address):
    viewer.open(address + "#v=2&marks=weights&layer=fc2" + STILL)
    expect(viewer.legend).to_contain_text("The layer does not read the image itself.")
    expect(viewer.choice("pictures").locator("option", has_text="updates")).to_be_disabled()
    viewer.choose("layer", "fc1")
    expect(viewer.legend).to_contain_text("Pictures: weights, epoch 8")
    expect(viewer.choice("pictures").locator("option", has_text="updates")).to_be_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_weights_fade_into_the_paper(new_page, address, scheme):
    viewer = Viewer(new_page(color_scheme=scheme)).open(address + "#v=2&marks=updates&t=0" + STILL)
    expect(viewer.legend).to_contain_text("Pictures: what training added, epoch 0")
    viewer.choose("size by", "weight vector")  # at first nothing was added: units were too small
    view = viewer.at_rest()
    picture = viewer.picture()
    paper = np.median(picture.reshape(-1, 3), axis=0)
    for pixels in pictured(view, picture):
        if len(pixels) > 150:
            assert np.abs(np.median(pixels, axis=0) - paper).max() < 0.05


def test_what_is_saved_holds_them(viewer, address):
    viewer.open(address + "#v=2&marks=weights&sel=3" + STILL)
    expect(viewer.legend).to_contain_text("Pictures: weights, epoch 8")
    view = viewer.at_rest()
    drawing = ElementTree.fromstring(viewer.download("Picture (SVG)"))
    images = drawing.findall(f".//{SVG}image")
    large = sum(2 * 0.886 * radius >= 8 for radius in view["nodes"]["radius"])
    assert len(images) == large > 10
    sides = {image.get("id"): float(image.get("width", 0)) for image in images}
    for name, side in sides.items():
        unit = int(str(name).removeprefix("unit-"))
        assert side == pytest.approx(np.sqrt(np.pi) * view["nodes"]["radius"][unit], rel=1e-2)
    head, _, data = str(images[0].get("href")).partition(",")
    assert head == "data:image/png;base64"
    assert imread(BytesIO(base64.b64decode(data)), format="png").shape[:2] == (8, 8)
    assert "Pictures: weights, epoch 8" in "".join(drawing.itertext())
    image = imread(BytesIO(viewer.download("Picture (PNG)")), format="png")[..., :3]
    middle = image[: 2 * int(view["height"])]
    assert shades(middle.reshape(-1, 3)) > 200


def test_moments_side_by_side_show_each_moments_own(viewer, address):
    viewer.open(address + "#v=2&marks=updates&size=norm" + STILL)
    expect(viewer.legend).to_contain_text("Pictures: what training added, epoch 8")
    data = viewer.download("Moments side by side (PNG)")
    image = imread(BytesIO(data), format="png")[..., :3]
    columns = np.array_split(image[40 : 40 + (image.shape[0] - 40) // 4], 3, axis=1)
    rich = [shades(column.reshape(-1, 3)) for column in columns]
    assert rich[0] < rich[1] < 1.5 * rich[2]  # at first nothing was added


def test_an_export_holds_pictures_of_some_moments_and_says_which(new_page, built, runs, tmp_path):
    store, (first, _) = runs
    out = export(store.find(first), "fc1", tmp_path / "one.html", dataset=load("digits"))
    viewer = Viewer(new_page(offline=True)).open(out.as_uri() + "#v=2&marks=updates&sel=3" + STILL)
    expect(viewer.legend).to_contain_text("Pictures: what training added, epoch 8")
    shown = viewer.page.locator(".unit-pictures")
    expect(shown.get_by_role("img", name="weights of unit 3")).to_be_visible()
    expect(shown).to_contain_text("`surfeit view` shows")
    bare = export(store.find(first), "fc1", tmp_path / "bare.html")
    viewer = Viewer(new_page(offline=True)).open(bare.as_uri() + "#v=2&sel=3" + STILL)
    expect(viewer.page.locator(".unit-pictures")).to_contain_text(
        "This page does not hold pictures of these units"
    )
    expect(viewer.choice("pictures").locator("option", has_text="updates")).to_be_disabled()


def test_an_export_of_pictures_at_the_last_moment_alone_says_so(
    new_page, built, runs, tmp_path, monkeypatch
):
    monkeypatch.setattr("surfeit.viewer.bundles.pictured.TOGETHER", 1)
    store, (first, _) = runs
    out = export(store.find(first), "fc1", tmp_path / "last.html", dataset=load("digits"))
    viewer = Viewer(new_page(offline=True)).open(out.as_uri() + "#v=2&marks=weights&sel=3&t=0")
    expect(viewer.status).to_contain_text("epoch 0 of 8")
    expect(viewer.legend).to_contain_text("Pictures: weights, epoch 8")
    expect(viewer.page.locator(".unit-pictures")).to_contain_text(
        re.compile("These are of epoch 8, the nearest that this page holds")
    )
    until(lambda: shades(viewer.picture().reshape(-1, 3)) > 100)
