"""Sizes and colours in a real browser: one scale for the whole run, told by the legend."""

import numpy as np
import pytest
from playwright.sync_api import expect

from .viewing import until

pytestmark = pytest.mark.browser


def norms_and_areas(viewer):
    """The table's norms and the drawn areas over pi, pixels² at zoom 1, by unit."""
    grid = viewer.page.get_by_role("grid", name="Units")
    cells = grid.evaluate("(grid) => [...grid.tBodies[0].rows].map((row) => row.innerText)")
    norms = {int(unit): float(norm) for unit, norm, *_ in map(str.split, cells)}
    saved = viewer.saved()
    radius = np.array(saved["nodes"]["radius"]) / saved["zoom"]
    return np.array([norms[unit] for unit in range(len(radius))]), radius**2


def pixels_a_norm(viewer):
    """Area over norm of the units above the least size, which alone says how large a norm is."""
    norms, areas = norms_and_areas(viewer)
    large = areas > 2.1**2
    assert large.sum() > 20
    return (areas / norms)[large]


def test_areas_are_proportional_to_norms_on_one_scale_for_all_epochs(viewer, address):
    viewer.open(address + "#v=1&frozen=1")
    shares = []
    for epoch in ("0", "4", "8"):
        viewer.slider.fill(epoch)
        viewer.shown()
        expect(viewer.status).to_contain_text(f"epoch {epoch} of 8")
        until(lambda: np.ptp(pixels_a_norm(viewer)) < 1, lambda: pixels_a_norm(viewer))
        shares.append(pixels_a_norm(viewer).mean())
    assert np.ptp(shares) < 0.01 * shares[0]


def test_colours_of_norms_keep_their_ends_from_epoch_to_epoch(viewer, address):
    viewer.open(address + "#v=1&frozen=1&colour=norm")
    ends = viewer.legend.locator(".scale")
    told = []
    for epoch in ("0", "8", "3"):
        viewer.slider.fill(epoch)
        viewer.shown()
        told.append(ends.inner_text())
    assert told[0] == told[1] == told[2]
    low, high = map(float, told[0].split())
    assert low < high


def test_the_legend_shows_sizes_as_they_are_drawn(viewer, address):
    viewer.open(address + "#v=1&frozen=1")
    viewer.at_rest()
    sizes = viewer.legend.locator(".sizes")
    expect(sizes).to_contain_text("area: norm of the weight vector")
    expect(sizes.get_by_role("listitem")).to_have_count(3)
    mark = sizes.locator("circle").first
    norm = float(sizes.get_by_role("listitem").first.inner_text())

    def drawn_radius():
        norms, _ = norms_and_areas(viewer)
        saved = viewer.saved()
        unit = int(np.argmax(norms))
        return saved["nodes"]["radius"][unit] * np.sqrt(norm / norms[unit])

    assert float(mark.get_attribute("r")) == pytest.approx(drawn_radius(), rel=0.04)
    viewer.page.get_by_role("button", name="Zoom in").click()
    viewer.page.get_by_role("button", name="Zoom in").click()
    viewer.page.wait_for_timeout(700)
    assert float(mark.get_attribute("r")) == pytest.approx(drawn_radius(), rel=0.04)
