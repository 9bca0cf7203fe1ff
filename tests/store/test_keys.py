"""Keys: golden values, and what is equal however it is written."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from surfeit.store import NEUTRAL, canonical, canonical_json, key_of


@dataclass(frozen=True)
class Config:
    rate: float = 0.1
    steps: int = 3
    limit: float | None = None
    widths: tuple[int, ...] = (5, 6)
    betas: tuple[float, float] | None = None
    mixed: tuple[int, float] = (1, 2)
    rates: list[float] = field(default_factory=list)
    exact: bool = False
    name: str = "x"


def test_key_golden_values_never_change():
    assert canonical_json({"b": 1.0, "a": [True, None, "é", 1]}) == (
        '{"a":[true,null,"\\u00e9",1],"b":1.0}'
    )
    assert (
        key_of({"config": Config(), "schema": 1})
        == "b601992421bad9429dec39f7e851f85289a7d93e2a4e3147605329ed3920d8eb"
    )


def test_key_is_sha256_of_the_canonical_text():
    text = b'{"a":[1,2.5]}'
    assert key_of({"a": (1, 2.5)}) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"rate": 1}, {"rate": 1.0}),
        ({"rate": np.int64(1)}, {"rate": 1.0}),
        ({"rate": np.float32(0.1)}, {"rate": 0.1}),
        ({"rate": np.float16(0.1)}, {"rate": 0.1}),
        ({"rate": np.float64(0.1)}, {"rate": 0.1}),
        ({"rate": -0.0}, {"rate": 0.0}),
        ({"limit": 2}, {"limit": 2.0}),
        ({"steps": np.int32(7)}, {"steps": 7}),
        ({"widths": [5, 6]}, {"widths": (5, 6)}),
        ({"betas": (0, 1)}, {"betas": [0.0, 1.0]}),
        ({"mixed": (1, 2)}, {"mixed": (1, 2.0)}),
        ({"rates": (1, 2)}, {"rates": [1.0, 2.0]}),
        ({"exact": np.bool_(True)}, {"exact": True}),
        ({"name": "e\u0301"}, {"name": "\u00e9"}),
    ],
)
def test_equal_settings_have_one_form(one, other):
    assert canonical_json(Config(**one)) == canonical_json(Config(**other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"rate": 0.1}, {"rate": np.nextafter(0.1, 1)}),
        ({"limit": None}, {"limit": 0.0}),
        ({"steps": 1}, {"steps": 2}),
        ({"widths": (5, 6)}, {"widths": (6, 5)}),
        ({"exact": True}, {"exact": False}),
        ({"name": "a"}, {"name": "A"}),
    ],
)
def test_different_settings_have_different_forms(one, other):
    assert canonical_json(Config(**one)) != canonical_json(Config(**other))


def test_declared_integers_stay_integers():
    form = canonical(Config(mixed=(1, 2), widths=(1, 2)))
    assert json.dumps([form["mixed"], form["widths"], form["steps"]]) == "[[1, 2.0], [1, 2], 3]"


@dataclass(frozen=True)
class Later(Config):
    """`Config` after fields were added."""

    noise: float = field(default=0.0, metadata={NEUTRAL: 0})
    parts: tuple[float, ...] = field(default=(), metadata={NEUTRAL: ()})


def test_a_neutral_field_is_left_out_so_that_old_keys_stand():
    assert canonical(Later()) == canonical(Config())
    assert canonical(Later(noise=-0.0, parts=[])) == canonical(Config())
    assert canonical(Later(noise=1)) == canonical(Config()) | {"noise": 1.0}
    assert canonical(Later(parts=(1,))) == canonical(Config()) | {"parts": [1.0]}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), np.float32("-inf")])
def test_numbers_that_are_not_finite_are_refused(number):
    with pytest.raises(ValueError, match="numbers must be finite, got"):
        canonical({"a": [number]})
    with pytest.raises(ValueError, match="must be finite"):
        canonical(dataclasses.replace(Config(), rate=number))


def test_other_types_and_names_are_refused():
    with pytest.raises(ValueError, match="texts, numbers, lists and dicts, got set"):
        canonical({"a": {1}})
    with pytest.raises(ValueError, match=r"names must be texts, got \[1\]"):
        canonical({1: 2})
    with pytest.raises(ValueError, match="the same text in normal form C"):
        canonical({"e\u0301": 1, "\u00e9": 2})
