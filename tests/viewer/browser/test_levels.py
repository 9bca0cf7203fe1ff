"""A ticket search in a real browser: its levels are the axis of time."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from playwright.sync_api import expect

from .viewing import until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]
COLUMNS = ("replicate", "level", "arm", "density", "test_accuracy", "run")


@pytest.fixture
def tickets(written, tmp_path):
    """The table of a search of three levels; two units of the last have no weights left."""
    kept = torch.ones(6, 4, dtype=torch.bool)
    some, few = kept.clone(), kept.clone()
    some[:, ::2] = False
    few[:, :3] = False
    few[4:] = False
    masks = (None, {"fc1.weight": some}, {"fc1.weight": few})
    runs = [written(seed, steps=(0, 10), mask=mask) for seed, mask in enumerate(masks)]
    rows = [(0, at, "ticket", 0.5**at, 0.9, run.key) for at, run in enumerate(runs)]
    table = tmp_path / "tickets.parquet"
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(rows), table)
    return table


def test_units_lose_weights_from_level_to_level_fade_and_vanish(serve, viewer, store, tickets):
    viewer.open(serve(store, tickets) + "#v=1&colour=kept&layer=fc1&frozen=1&t=0")
    expect(viewer.legend).to_contain_text("Weights kept by the mask")
    drawn = []
    for level in range(3):
        viewer.slider.fill(str(level))
        expect(viewer.status).to_contain_text(f"level {level} of 2")
        viewer.shown()
        until(lambda level=level: viewer.saved()["state"]["at"] == level)
        drawn.append(viewer.saved()["nodes"])
    assert all(radius > 0 for radius in drawn[1]["radius"])
    assert [radius > 0 for radius in drawn[2]["radius"]] == [True] * 4 + [False] * 2
    assert drawn[0]["opacity"][0] > drawn[1]["opacity"][0] > drawn[2]["opacity"][0]
    expect(viewer.chart_words("learning")).to_contain_text("test accuracy at level 2")
    viewer.expect_state(t=None)
    assert "level 2" in viewer.slider.get_attribute("aria-valuetext")
