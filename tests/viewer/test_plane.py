"""Units by their principal components: exact, and turned over time as little as can be."""

import numpy as np
import pytest
import torch

from surfeit.core import StoreError
from surfeit.similarity import updates
from surfeit.store import Store
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.plane import plane_frame, principal_plane
from surfeit.viewer.frames.query import Query
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode


def distances(places):
    lying = torch.tensor(np.array(places)).double()
    return torch.cdist(lying, lying)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (5, 5), (3, 1), (1, 4)])
def test_components_are_those_of_a_singular_value_decomposition(shape):
    vectors = torch.randn(shape, generator=torch.manual_seed(1), dtype=torch.float64)
    places, share = principal_plane(vectors)
    centred = vectors - vectors.mean(dim=0)
    left, values, _ = torch.linalg.svd(centred, full_matrices=False)
    expected = torch.zeros(len(vectors), 2, dtype=torch.float64)
    count = min(2, len(values))
    expected[:, :count] = (left * values)[:, :count]
    torch.testing.assert_close(places.abs(), expected.abs(), atol=1e-7, rtol=1e-6)
    farthest = places.abs().argmax(dim=0)
    assert (places[farthest, torch.arange(2)] >= 0).all()
    if len(vectors) == 1:
        assert share is None
    else:
        assert share == pytest.approx(float(values[:2].square().sum() / values.square().sum()))


def test_vectors_of_a_plane_keep_their_distances():
    flat = torch.randn(20, 2, generator=torch.manual_seed(2), dtype=torch.float64)
    axes, _ = torch.linalg.qr(torch.randn(9, 2, generator=torch.manual_seed(3)).double())
    places, share = principal_plane(flat @ axes.T + 5)
    assert share == pytest.approx(1)
    torch.testing.assert_close(distances(places), distances(flat))


@pytest.mark.parametrize("source", ["weights", "updates"])
def test_each_moment_is_exact_but_for_turning_and_moves_little(written, source):
    run = written(steps=range(0, 60, 5))
    pictures = Pictures(Library(Store(run.path.parent), [run.path]), Cache(None))
    header, arrays = decode(pictures.plane(Query(run.key, "fc1", source)))
    assert (header["units"], header["own"], header["source"]) == (6, 6, source)
    assert header["at"] == list(range(0, 60, 5))
    places = arrays["places"].reshape(len(header["at"]), 6, 2)
    weights = [weight.double() for weight in run.weights("fc1", run.steps())]
    first = weights[0].clone()
    for moment, weight in enumerate(weights):
        vectors = weight if source == "weights" else updates(weight, first).double()
        exact, share = principal_plane(vectors)
        torch.testing.assert_close(
            distances(places[moment]), distances(exact), atol=1e-5, rtol=1e-4
        )
        assert header["share"][moment] == (
            None if share is None else pytest.approx(share, rel=1e-5)
        )
    np.testing.assert_allclose(places[-1], exact, atol=1e-5)
    if source == "updates":
        assert header["share"][0] is None
        # What moves evenly lies in one plane at all times, and only grows.
        for moment in range(1, len(places)):
            np.testing.assert_allclose(places[moment], places[-1] * moment / 11, atol=1e-4)


def test_merged_runs_share_one_plane(written):
    first, second = written(0), written(1)
    library = Library(Store(first.path.parent), [first.path, second.path])
    query = Query(first.key, "fc1", merged=second.key)
    header, arrays = decode(Pictures(library, Cache(None)).plane(query))
    assert (header["units"], header["own"]) == (12, 6)
    both = torch.cat([run.weights("fc1", [10])[0].double() for run in (first, second)])
    exact, _ = principal_plane(both)
    np.testing.assert_allclose(arrays["places"].reshape(-1, 12, 2)[-1], exact, atol=1e-5)


def test_what_has_no_components_is_refused(written):
    timeline = RunTimeline(written())
    with pytest.raises(ValueError, match="not of outputs"):
        plane_frame(timeline, "fc1", timeline.steps(), "outputs")
    single = RunTimeline(written(1, steps=(3,)))
    with pytest.raises(StoreError, match="single snapshot"):
        plane_frame(single, "fc1", single.steps(), "updates")
