"""Charts in a real browser beside a second run: each shows both."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_removal_curves_are_read_against_random_orders_and_what_can_go(viewer, address, runs):
    from surfeit.data import load
    from surfeit.prune import can_go_of_layer

    store, keys = runs
    found = can_go_of_layer(store.find(keys[0]).model(), "fc1", load("digits").splits)
    assert found.bounds is not None
    viewer.open(address)
    chart = viewer.chart_words("removal")
    least, most = found.bounds.lower, found.bounds.upper
    words = (
        f"can go (test): none for sure, at most {most}"
        if least == 0
        else f"can go (test): {least} to {most}"
    )
    expect(chart.locator(".chart-can-go text")).to_have_text(words)
    expect(chart.locator(".chart-legend")).to_contain_text("random")
    band, accepted = (chart.locator(name).first for name in ("path.chart-band", ".chart-accepted"))
    for mark in (band, accepted):
        box = mark.bounding_box()
        assert box is not None
        assert box["width"] > 100
    # Elsewhere than at the end there is an estimate, by the criterion that is pressed.
    viewer.slider.fill("4")
    expect(chart.locator(".chart-can-go text")).to_have_text(re.compile(r"estimate: \d+"))


def test_beside_a_second_run_all_charts_show_both(viewer, address, runs):
    _, keys = runs
    viewer.open(f"{address}#v=1&with={keys[1][:12]}&colour=model")
    other = "mlp-32-16 on digits, seed 1"
    page = viewer.page
    expect(page.get_by_text(f"thin ones with squares of {other}.")).to_be_visible()
    expect(viewer.chart_words("learning")).to_contain_text(
        re.compile(
            rf"at epoch 8\. Of 2 replicates it is .*{other}: \d+\.\d % validation accuracy\."
        )
    )
    expect(viewer.chart_words("removal")).to_contain_text(re.compile(rf"{other}: \d+ of 32\."))
    expect(viewer.chart_words("spectrum")).to_contain_text(re.compile(rf"{other}, outlined: \d+"))
    for chart in ("learning", "removal", "spectrum"):
        group = viewer.chart_words(chart)
        assert group.locator("[data-second]").count() > 0, chart
        box = group.locator("[data-second]").first.bounding_box()
        assert box is not None
        assert box["width"] > 50, chart
    viewer.slider.fill("2")
    expect(viewer.chart_words("learning")).to_contain_text("at epoch 2")
    viewer.choose("beside", "no other run")
    expect(page.locator("[data-second]")).to_have_count(0)
    expect(viewer.chart_words("removal")).not_to_contain_text(other)
