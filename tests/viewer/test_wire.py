"""The bytes that the page is sent."""

import json
import math
import struct

import numpy as np
import pytest

from surfeit.viewer.wire import decode, encode

ARRAYS = {
    "small": np.array([1, 2, 255], np.uint8),
    "medium": np.array([[1, 65535]], np.uint16),
    "large": np.array([2**32 - 1], np.uint32),
    "signed": np.array([-3], np.int8),
    "single": np.array([0.5, math.nan], np.float32),
    "double": np.array([1e300], np.float64),
    "empty": np.empty(0, np.float32),
}


def test_what_is_encoded_comes_back():
    header, arrays = decode(encode({"units": 3, "note": "naïve", "floor": None}, ARRAYS))
    assert header == {"units": 3, "note": "naïve", "floor": None}
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], values.reshape(-1))
        assert arrays[name].dtype == values.dtype


@pytest.mark.parametrize("note", ["", "a", "ab", "abc", "abcd", "é", "abcdefg"])
def test_arrays_begin_at_multiples_of_eight(note):
    data = encode({"note": note}, ARRAYS)
    (length,) = struct.unpack_from("<I", data)
    places = json.loads(data[4 : 4 + length])["arrays"]
    assert (4 + length) % 8 == 0
    assert [place["offset"] % 8 for place in places.values()] == [0] * len(ARRAYS)
    assert len(data) % 8 == 0


def test_numbers_that_json_does_not_know_become_null():
    header, _ = decode(encode({"a": math.nan, "b": {"c": [math.inf, 1.5]}}, {}))
    assert header == {"a": None, "b": {"c": [None, 1.5]}}


def test_encode_says_what_is_wrong():
    with pytest.raises(
        ValueError, match="array 'x' must be one of f4, f8, i1, u1, u2, u4, got int64"
    ):
        encode({}, {"x": np.array([1])})
    with pytest.raises(ValueError, match="got >f4"):
        encode({}, {"x": np.array([1], ">f4")})
    with pytest.raises(ValueError, match='"arrays" is made here'):
        encode({"arrays": {}}, {})


@pytest.mark.parametrize("size", [0, 3, 4, 20, 200])
def test_bytes_cut_short_are_refused(size):
    with pytest.raises(ValueError, match="a pack cannot be read"):
        decode(encode({"units": 3}, ARRAYS)[:size])
