"""All inner products of a layer's units, as the page is sent them."""

import numpy as np
import pytest
import torch

from surfeit.similarity import normalised
from surfeit.store import Store
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.matrix import NONE, matrix_frame
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.frames.units import units_of
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.wire import decode


def test_products_are_rounded_and_units_without_a_direction_have_none():
    weight = torch.randn(9, 4, generator=torch.manual_seed(0))
    weight[3] = 0
    header, arrays = decode(matrix_frame(units_of(weight, level=0.4), note="a note"))
    assert header == {"units": 9, "own": 9, "level": 0.4, "note": "a note"}
    found = arrays["products"].reshape(9, 9)
    rows = normalised(weight).double()
    live = np.arange(9) != 3
    exact = (rows @ rows.T).numpy()
    np.testing.assert_allclose(found[live][:, live] / 127, exact[live][:, live], atol=0.5 / 127)
    assert (found[3] == NONE).all()
    assert (found[:, 3] == NONE).all()
    assert (found == found.T).all()


def test_it_is_of_the_likeness_and_the_runs_that_are_asked_for(written):
    first, second = written(0), written(1)
    library = Library(Store(first.path.parent), [first.path, second.path])
    pictures = Pictures(library, Cache(None))
    header, arrays = decode(pictures.matrix(Query(first.key, "fc1", "updates", merged=second.key)))
    assert (header["units"], header["own"]) == (12, 6)
    start, end = first.weights("fc1", [0, 10])
    rows = normalised((end - start).double())
    own = arrays["products"].reshape(12, 12)[:6, :6] / 127
    np.testing.assert_allclose(own, rows @ rows.T, atol=0.51 / 127)


def test_too_many_units_are_refused():
    with pytest.raises(ValueError, match=r"^the matrix shows up to 1,024 units, here are 1,025$"):
        matrix_frame(units_of(torch.randn(1025, 2, generator=torch.manual_seed(0))))
