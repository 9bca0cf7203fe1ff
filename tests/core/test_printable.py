"""What a terminal would act on is made visible, and nothing else is touched."""

import unicodedata

import pytest

from surfeit.core import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07\x1b[2J", r"\x1b]0;owned\x07\x1b[2J"),
        ("a\rb\nc\td\x00", r"a\rb\nc\td\x00"),
        ("\x7f\x85\x9b31m", r"\x7f\x85\x9b31m"),
        ("fc1\u202egpj\u2066", r"fc1\u202egpj\u2066"),
        ("\u2028\u2029\ufeff", r"\u2028\u2029\ufeff"),
        ("caf\udce9", r"caf\udce9"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_is_not_seen_becomes_visible(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["", "lenet-300-100", "größer als 1\u00a0%", "模型\u3000一", "🙂", r"C:\x1b", "R²"]
)
def test_what_is_seen_stays(text):
    assert printable(text) == text


def test_lines_stay_where_they_are_asked_for():
    assert printable("one\ntwo\t3\x1b[2J\r", lines=True) == "one\ntwo\t3\\x1b[2J\\r"


def test_every_character_comes_out_seen_and_encodable():
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    every = printable("".join(map(chr, range(0x11000))))
    every.encode("utf-8")
    assert not unseen & {unicodedata.category(char) for char in every}
