"""Any bytes are a value or a ValueError."""

import random

import pytest

from surfeit.store.parsing import DEPTH, parse_json


def test_json_is_read():
    assert parse_json(b'{"a": [1, 2.5, null, true, "\\u00e9"]}') == {"a": [1, 2.5, None, True, "é"]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe{}", "codec can't decode"),
        (b'"\xed\xa0\x80"', "codec can't decode"),
        (b"[" * 100_000, "more than 100 deep"),
        (b"[" * 900 + b"]" * 900, "more than 100 deep"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "more than 100 deep"),
        (b"NaN", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"9" * 5000, "4300 digits"),
    ],
)
def test_what_is_no_json_of_ours_is_a_value_error(data, words):
    with pytest.raises(ValueError, match=words):
        parse_json(data)


@pytest.mark.parametrize("around", ["[%s]", '{"a":%s}'])
def test_depth_is_counted_exactly(around):
    text = "1"
    for _ in range(DEPTH):
        text = around % text
    parse_json(text.encode())
    with pytest.raises(ValueError, match="deep"):
        parse_json((around % text).encode())


def test_lone_surrogates_become_visible_and_pairs_stay():
    found = parse_json(rb'{"\udce9": ["a\uD800b", "\ud83d\ude42", "\\ud800"]}')
    assert found == {r"\udce9": [r"a\ud800b", "🙂", r"\ud800"]}


def test_random_bytes_never_raise_anything_else():
    draw = random.Random(0)
    for _ in range(3000):
        data = bytes(draw.choice(b'[]{}",:0123eE.-\\ud8ntf\xff\x00a') for _ in range(20))
        try:
            parse_json(data)
        except ValueError:
            continue
