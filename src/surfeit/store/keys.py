"""A run's key: sha256 of the canonical JSON of everything that its result depends on."""

import dataclasses
import json
import math
import unicodedata
from collections.abc import Mapping
from numbers import Integral
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

NEUTRAL = "neutral"
"""In a field's metadata: the value at which a later added field is left out of the key."""


def canonical(value: Any) -> Any:
    """The one JSON form of `value`: equal settings have equal forms, however they were written.

    Dataclasses become dicts by field, their numbers coerced to the declared type (`1` is `1.0` in
    a float field); tuples are lists; texts are in Unicode normal form C; `-0.0` is `0.0`; a float32
    is the shortest decimal that stands for it, so that `float32(0.1)` is `0.1`. A field that
    declares a neutral value (`field(metadata={NEUTRAL: value})`) is left out when it holds it, so
    that keys made before the field existed still stand.

    Raises:
        ValueError: for a number that is not finite, a name that is no text, or another type.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _canonical_fields(value)
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ValueError(f"a configuration's names must be texts, got {list(value)}")
        forms = {_text(name): canonical(value[name]) for name in sorted(value)}
        if len(forms) < len(value):
            raise ValueError(f"two names are the same text in normal form C: {list(value)}")
        return forms
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    import numpy as np

    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return _number(value)
    raise ValueError(
        f"a configuration holds texts, numbers, lists and dicts, got {type(value).__name__}"
    )


def canonical_json(value: Any) -> str:
    """The canonical form as text: sorted names, no spaces, nothing but ASCII."""
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(identity: Mapping[str, Any]) -> str:
    """The key of a run, 64 hexadecimal digits, from all that its result depends on."""
    import hashlib

    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def _canonical_fields(value: Any) -> dict[str, Any]:
    types = get_type_hints(type(value))
    result = {}
    for field in sorted(dataclasses.fields(value), key=lambda field: field.name):
        declared = types[field.name]
        form = canonical(_coerced(getattr(value, field.name), declared))
        neutral = NEUTRAL in field.metadata
        if not neutral or form != canonical(_coerced(field.metadata[NEUTRAL], declared)):
            result[field.name] = form
    return result


def _coerced(item: Any, declared: Any) -> Any:
    """The item as its declared type has it: in a float's place, an integer is a float."""
    options = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    if isinstance(item, list | tuple):
        parts = next((get_args(o) for o in options if get_origin(o) in (list, tuple)), ())
        fixed = len(parts) == len(item) and Ellipsis not in parts
        types = parts if fixed else (parts or (Any,))[:1] * len(item)
        return [_coerced(part, kind) for part, kind in zip(item, types, strict=True)]
    if float in options and isinstance(item, Integral) and not isinstance(item, bool):
        return float(item)
    return item


def _number(value: Any) -> float:
    import numpy as np

    # A narrow float prints as the shortest decimal that reads back as itself.
    number = float(str(value)) if isinstance(value, np.floating) else float(value)
    if not math.isfinite(number):
        raise ValueError(f"a configuration's numbers must be finite, got {number}")
    return number + 0.0  # -0.0 + 0.0 is 0.0


def _text(value: str) -> str:
    return unicodedata.normalize("NFC", value)
