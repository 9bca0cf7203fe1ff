"""The rows of a measurement, computed once and kept in the store."""

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import surfeit
from surfeit.core import StoreError
from surfeit.core.importing import SOURCE
from surfeit.execute.rows import rows_of
from surfeit.execute.work import Measurement
from surfeit.store import Store, canonical, key_of, make_folder, write_atomically
from surfeit.store.files import MOST_JSON, read_bytes
from surfeit.store.parsing import parse_json


def measurement_key(one: Measurement) -> str:
    """sha256 (hex) over what the rows depend on.

    The function's name and the digest of its module's source (any change of the file counts), the
    version of the library, the runs' keys, the data's fingerprint and the arguments.

    Raises:
        ValueError: if the function is none of a module's top level, its source cannot be read, or
            an argument has no canonical form.
    """
    name = getattr(one.function, "__qualname__", "<nameless>")
    if "<" in name:
        raise ValueError(
            f"{name} does not say what it measures: two such functions, or one with other "
            "captured values, have one name. Write it at the top level of a module and pass what "
            "it needs as arguments"
        )
    return key_of(
        {
            # A process in which the name is taken has the same file as `name@folder`.
            "function": f"{one.function.__module__.partition('@')[0]}:{one.function.__qualname__}",
            "source": _source_digest(one.function),
            "version": surfeit.__version__,
            "runs": [run.key for run in one.runs],
            "data": None if one.dataset is None else one.dataset.fingerprint,
            "arguments": canonical(dict(one.arguments)),
        }
    )


def stored_rows(key: str, store: Store) -> list[dict[str, Any]] | None:
    """The rows that are kept under a key; None if there are none, or their file is damaged."""
    try:
        found = parse_json(
            read_bytes(_path(key, store), most=MOST_JSON, follow=False), constants=True
        )
    except (StoreError, ValueError):
        return None  # they are measured anew
    if not isinstance(found, dict) or found.get("key") != key or _digest(found) != found.get("sum"):
        return None
    return found["rows"]


def measured(one: Measurement, store: Store) -> str:
    """Measures, unless the rows are in the store, and returns their key.

    Raises:
        ValueError: if the function gives something else than rows, see `rows_of`.
        StoreError: if the disk refuses.
    """
    key = measurement_key(one)
    if stored_rows(key, store) is not None:
        return key
    operands = [*one.runs, *([] if one.dataset is None else [one.dataset])]
    rows = list(rows_of(one.function, one.function(*operands, **one.arguments)))
    content = {"key": key, "function": one.function.__qualname__, "rows": rows}
    text = json.dumps(content | {"sum": _digest(content)})
    if len(text) > MOST_JSON:
        raise ValueError(
            f"{one.function.__qualname__} gave {len(text):,} bytes of rows, more than the "
            f"{MOST_JSON:,} that are kept: give means, or fewer rows"
        )
    path = _path(key, store)
    make_folder(path.parent)
    write_atomically(path, text.encode(), sync=False)
    return key


def _path(key: str, store: Store) -> Path:
    return store.root / "measurements" / key[:2] / f"{key}.json"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content["rows"]).encode()).hexdigest()


def _source_digest(function: Any) -> str:
    module = sys.modules.get(function.__module__)
    loaded = getattr(module, SOURCE, None)
    if isinstance(loaded, bytes):  # what runs, whatever became of the file since
        return hashlib.sha256(loaded).hexdigest()
    try:
        path = inspect.getsourcefile(function)
        if module is not None and path is not None and Path(path).is_file():
            return hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()  # of a notebook
    except (OSError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the source of {function.__qualname__} cannot be read, so its rows cannot be kept: "
            "write it as a function of a module"
        ) from error
