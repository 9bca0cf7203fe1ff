"""One scale of sizes and colours for all moments of a layer, as the server sends it."""

import numpy as np
import pytest
import torch

from surfeit.core import StoreError
from surfeit.similarity import angles, normalised, updates
from surfeit.store import Store
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.frames.scales import scales_frame, spread_of
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode


def pictures_of(*runs):
    store = Store(runs[0].path.parent)
    return Pictures(Library(store, [run.path for run in runs]), Cache(None))


def expected(weights):
    """Norms, updates and angles of all units at all moments, by their definitions."""
    first = weights[0]
    return {
        "norm": torch.cat([weight.norm(dim=1) for weight in weights]).numpy(),
        "moved": torch.cat([updates(one, first.clone()).norm(dim=1) for one in weights]).numpy(),
        "angle": torch.cat(
            [angles(normalised(weight), normalised(first)) for weight in weights]
        ).numpy(),
    }


def test_the_scale_holds_all_moments_and_units(written):
    run = written(steps=range(0, 60, 5))
    header, arrays = decode(pictures_of(run).scales(Query(run.key, "fc1", "updates", at=5)))
    assert arrays == {}
    weights = run.weights("fc1", run.steps())
    for name, values in expected(weights).items():
        assert header[name]["low"] == pytest.approx(values.min(), rel=1e-5, abs=1e-6)
        assert header[name]["high"] == pytest.approx(values.max(), rel=1e-5)
        assert header[name]["q99"] == pytest.approx(np.quantile(values, 0.99), rel=1e-5)


def test_the_scale_of_two_runs_holds_both(written):
    first, second = written(0), written(1)
    header, _ = decode(
        pictures_of(first, second).scales(Query(first.key, "fc1", merged=second.key))
    )
    parts = [expected(run.weights("fc1", run.steps()))["norm"] for run in (first, second)]
    assert header["norm"]["high"] == pytest.approx(np.concatenate(parts).max(), rel=1e-5)
    assert header["norm"]["low"] == pytest.approx(np.concatenate(parts).min(), rel=1e-5)


def test_units_that_a_mask_has_emptied_take_no_part(writing):
    mask = {"fc1.weight": torch.ones(6, 4, dtype=torch.bool)}
    mask["fc1.weight"][2] = False
    run = writing(mask=mask).finish({"steps": 10})
    header, _ = decode(pictures_of(run).scales(Query(run.key, "fc1")))
    assert header["norm"]["low"] > 0


def test_what_is_not_known_has_no_scale(written):
    timeline = RunTimeline(written(steps=(3,)))
    found = scales_frame(timeline, "fc1", timeline.steps())
    assert (found.moved, found.angle) == (None, None)
    assert found.norm is not None
    assert spread_of(np.array([np.nan, np.inf])) is None


def test_broken_moments_are_left_out_and_none_left_is_an_error(written):
    timeline = RunTimeline(written(steps=range(0, 60, 5)))
    folder = timeline.place(5)[0].path / "snapshots"
    (folder / "55.safetensors").write_bytes(b"x")
    without = scales_frame(timeline, "fc1", timeline.steps())
    assert without == scales_frame(timeline, "fc1", timeline.steps()[:-1])
    for path in folder.iterdir():
        path.write_bytes(b"x")
    with pytest.raises(StoreError, match="is damaged"):
        scales_frame(timeline, "fc1", timeline.steps())


def test_no_such_layer_is_an_error(written):
    timeline = RunTimeline(written())
    with pytest.raises(ValueError, match="fc1"):
        scales_frame(timeline, "fc9", timeline.steps())
