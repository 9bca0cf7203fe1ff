"""The local page in a real browser: what is drawn, play, layers, and the view in the address."""

import re
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import expect

from .viewing import Viewer, places, until

pytestmark = pytest.mark.browser
LINKED = "#v=1&cut=.06"  # at the layer's chance level the small network has hardly a link


def colours(picture):
    """How many pixels are of the paper's colour, and how many are not."""
    flat = picture.reshape(-1, 3)
    blank = np.abs(flat - np.median(flat, axis=0)).max(axis=1) < 0.05
    return blank.sum(), (~blank).sum()


def test_opening_draws_the_graph_and_says_what_it_shows(viewer, address):
    viewer.open(address + LINKED)
    view = viewer.at_rest()
    expect(viewer.page.get_by_role("heading", level=1)).to_have_text(
        re.compile(r"^Each mark is a unit of fc1; joined are units .* cosine at least 0\.")
    )
    expect(viewer.status).to_have_text(
        re.compile(r"^epoch 8 of 8 · step \d+ · \d+ linked units, \d+ isolated · \d+ links from")
    )
    picture = viewer.picture()
    paper, drawn = colours(picture)
    assert paper > drawn > 1000
    assert len(places(view)) == 32
    assert len(view["links"]["source"]) > 10
    for unit, (x, y) in enumerate(places(view).round().astype(int)):
        if y > view["height"] - 140:  # the legend lies there
            continue
        around = picture[y - 12 : y + 13, x - 12 : x + 13].reshape(-1, 3)
        assert np.abs(around - 1).max() > 0.3, f"nothing is drawn where unit {unit} is"


def test_a_worker_draws_and_comes_to_rest(viewer, address):
    viewer.open(address + LINKED)
    element = viewer.graph.locator("..")
    expect(element).to_have_attribute("data-worker", "true")
    expect(element).to_have_attribute("data-settled", "true", timeout=20_000)


def test_play_goes_through_the_epochs_and_ends_at_the_last(viewer, address):
    viewer.open(address + "#v=1&t=0&speed=8")
    first = viewer.picture()
    expect(viewer.status).to_contain_text("epoch 0 of 8")
    viewer.page.get_by_role("button", name="Play").click()
    expect(viewer.page.get_by_role("button", name="Pause")).to_be_visible()
    expect(viewer.status).to_contain_text("epoch 8 of 8")
    expect(viewer.page.get_by_role("button", name="Play")).to_be_visible()
    expect(viewer.slider).to_have_value("8")
    expect(viewer.chart_words("learning")).to_contain_text("at epoch 8")
    until(lambda: not np.allclose(viewer.picture()[:500], first[:500]))


def test_play_in_a_loop_begins_anew(viewer, address):
    viewer.open(address + "#v=1&t=0&speed=30&loop=1")
    viewer.page.get_by_role("button", name="Play").click()
    seen = [0]

    def begun_anew() -> bool:
        now = int(viewer.slider.input_value())
        seen.extend([now] if now != seen[-1] else [])
        return any(later < sooner for sooner, later in pairwise(seen))

    until(begun_anew, lambda: seen)
    viewer.page.get_by_role("button", name="Pause").click()
    expect(viewer.page.get_by_role("button", name="Play")).to_be_visible()


def test_one_slider_moves_graph_charts_and_address(viewer, address):
    viewer.open(address)
    viewer.slider.fill("3")
    expect(viewer.status).to_contain_text("epoch 3 of 8")
    expect(viewer.chart_words("learning")).to_contain_text("at epoch 3")
    expect(viewer.chart_words("movement")).to_contain_text("at epoch 3")
    moment = viewer.saved()["state"]["at"]
    viewer.expect_state(t=str(moment))
    viewer.slider.fill("8")
    viewer.expect_state(t=None)


def test_a_place_on_the_learning_curve_is_a_moment(viewer, address):
    viewer.open(address)
    viewer.brush("learning", (0.6, 0.3))
    until(lambda: 0 < int(viewer.slider.input_value()) < 5, viewer.slider.input_value)
    expect(viewer.status).to_contain_text(f"epoch {viewer.slider.input_value()} of 8")


def test_another_layer_is_drawn_and_charted(viewer, address):
    viewer.open(address + "#v=1&sel=3")
    expect(viewer.chart_words("removal")).to_contain_text("of 32 units")
    viewer.choose("layer", "fc2")
    expect(viewer.page.get_by_role("heading", level=1)).to_contain_text("a unit of fc2;")
    expect(viewer.chart_words("removal")).to_contain_text("of 16 units")
    expect(viewer.page.get_by_role("grid", name="Units").get_by_role("row")).to_have_count(17)
    viewer.expect_state(layer="fc2", sel=None)
    assert len(places(viewer.at_rest())) == 16


def test_likeness_of_outputs_is_another_graph(viewer, address):
    viewer.open(address)
    viewer.likeness("unit outputs").click()
    expect(viewer.page.get_by_role("heading", level=1)).to_contain_text(
        "whose outputs on the same examples go together, correlation at least 0."
    )
    expect(viewer.status).to_have_text(re.compile(r"links from correlation 0."))
    viewer.expect_state(source="outputs")


def test_the_address_brings_a_view_back(viewer, address, runs):
    _, keys = runs
    viewer.open(f"{address}#v=1&run={keys[1][:12]}&layer=fc2&t=135&cut=.05&sel=2,9&colour=norm")
    expect(viewer.choice("run")).to_have_value(keys[1])
    expect(viewer.choice("layer")).to_have_value("fc2")
    expect(viewer.status).to_contain_text("step 136")
    expect(viewer.page.get_by_label("link weight")).to_have_value("0.05")
    expect(viewer.page.get_by_text("2 units selected")).to_be_visible()
    expect(viewer.legend).to_contain_text("Norm of the weight vector")
    viewer.page.get_by_role("button", name="Zoom in").click()
    viewer.slider.press("ArrowLeft")
    viewer.expect_state(t="102")
    again = Viewer(viewer.page.context.new_page()).open(viewer.page.url)
    expect(again.status).to_have_text(viewer.status.inner_text())
    assert again.saved()["state"] == viewer.saved()["state"]


def test_an_address_that_is_changed_changes_the_view(viewer, address):
    viewer.open(address)
    viewer.page.evaluate("location.hash = '#v=1&layer=fc2&sel=5'")
    expect(viewer.choice("layer")).to_have_value("fc2")
    expect(viewer.page.get_by_role("heading", name="unit 5")).to_be_visible()


def test_nonsense_in_an_address_is_brought_into_range_or_passed_over(viewer, address):
    viewer.open(
        f"{address}#v=1&t=-7&cut=99&sigma=1e9&charge=abc&gravity=-5&sel=3,x,999999,-1&colour=mauve"
        "&source=tealeaves&speed=1e4&hide=7&pin=31&nothing=%zz&=&&&layer="
    )
    expect(viewer.status).to_contain_text("epoch 0 of 8")
    expect(viewer.page.get_by_label("link weight")).to_have_value("1")
    expect(viewer.page.get_by_label("sigma, as a number")).to_have_value("2")
    expect(viewer.likeness("weight vectors")).to_have_attribute("aria-pressed", "true")
    expect(viewer.choice("colour")).to_have_value("cluster")
    expect(viewer.choice("speed")).to_have_value("30")
    expect(viewer.page.get_by_text("1 unit selected")).to_be_visible()
    expect(viewer.page.get_by_role("heading", name="unit 3", exact=True)).to_be_visible()
    assert viewer.saved()["state"]["pinned"] == [31]


def test_the_slider_can_go_by_the_logarithm_of_steps(viewer, address):
    viewer.open(address + "#v=1&t=0")
    viewer.choose("slider", "log steps")
    viewer.expect_state(slider="log")
    box = viewer.slider.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    viewer.page.mouse.click(*middle)
    expect(viewer.status).to_contain_text("epoch 1 of 8")  # half of the way in steps is epoch 4
    viewer.choose("slider", "steps")
    viewer.page.mouse.click(*middle)
    expect(viewer.status).to_contain_text("epoch 4 of 8")
    viewer.choose("slider", "log steps")
    viewer.slider.focus()
    viewer.page.keyboard.press("ArrowRight")
    expect(viewer.status).to_contain_text("epoch 5 of 8")
    viewer.page.keyboard.press("Home")
    expect(viewer.status).to_contain_text("epoch 0 of 8")
    assert "epoch 0" in viewer.slider.get_attribute("aria-valuetext")
    viewer.expect_state(slider="log")  # the address is written a little later
    again = Viewer(viewer.page.context.new_page()).open(viewer.page.url)
    expect(again.choice("slider")).to_have_value("log")
    again.page.get_by_role("button", name="Play").click()
    expect(again.status).to_contain_text("epoch 8 of 8")
