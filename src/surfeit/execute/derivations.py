"""Which run a derived training came to, kept so that a repeated call need not derive it again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

import surfeit
from surfeit.core import StoreError
from surfeit.execute.arguments import encoded
from surfeit.execute.work import Derived
from surfeit.store import Objects, Run, Store, key_of, make_folder, write_atomically
from surfeit.store.files import MOST_JSON, read_bytes
from surfeit.store.parsing import parse_json


class Derivations:
    """The derived trainings that a store remembers, in `<root>/derivations/<ab>/<key>.json`.

    A key is over all that the job depends on: the function with its arguments, the parents' runs,
    the library's source and torch. Nothing is remembered that a user's own function takes part in,
    as derivation, check, builder or objective: what it calls may change without notice.

    Cost: a digest of each data set a call (about 0.2 s for MNIST), of the library's source once
    (0.06 s); then 0.7 ms of a core a training.
    """

    def __init__(self, store: Path) -> None:
        self._store = Store(store)
        self._digests = Objects(store, written=False)

    def find(self, work: Derived, parents: Sequence[str]) -> str | None:
        """The key of the run that the training came to, if the store still has all of it."""
        key = self._key(work, parents)
        if key is None:
            return None
        with suppress(StoreError, ValueError, KeyError, TypeError, OSError):
            record = parse_json(read_bytes(self._path(key), most=MOST_JSON, follow=False))
            run = Run(self._store.path_of(record["run"]))
            if record["key"] == key and record["sum"] == _sum(record) and _is_whole(run, record):
                return run.key
        return None

    def remembers(self, work: Derived, parents: Sequence[str]) -> bool:
        """Whether it is a training of the kind that is remembered: no user's own function."""
        return self._key(work, parents) is not None

    def keep(self, work: Derived, parents: Sequence[str], run_key: str) -> None:
        """Remembers what a training came to; where the disk refuses it is derived again."""
        key = self._key(work, parents)
        if key is None:
            return
        with suppress(StoreError, ValueError, OSError):
            steps = Run(self._store.path_of(run_key)).steps()
            record = {"key": key, "run": run_key, "steps": list(steps)}
            path = self._path(key)
            make_folder(path.parent)
            text = json.dumps(record | {"sum": _sum(record)})
            write_atomically(path, text.encode(), sync=False)

    def _path(self, key: str) -> Path:
        return self._store.root / "derivations" / key[:2] / f"{key}.json"

    def _key(self, work: Derived, parents: Sequence[str]) -> str | None:
        try:
            derive = encoded(work.derive, self._digests)
        except ValueError:  # it is of what no other process can have, and has no name here either
            return None
        if not all(name.startswith("surfeit.") for name in _code(derive)):
            return None
        return key_of(
            {
                "derive": json.dumps(derive, sort_keys=True),
                "parents": list(parents),
                "source": _library_digest(),
                "torch": torch.__version__,
            }
        )


def _code(record: Any) -> Iterator[str]:
    """The functions and classes that a record names."""
    if isinstance(record, list):
        for one in record:
            yield from _code(one)
    elif isinstance(record, dict):
        for tag, content in record.items():
            if tag == "job":
                yield from _code_of_job(content)
            elif tag in ("function", "class") and isinstance(content, str):
                yield content
            else:
                yield from _code(content)


def _code_of_job(record: Mapping[str, Any]) -> Iterator[str]:
    """The check, which is made whenever a run is asked for, and what builds and judges."""
    network, objective = record["network"], record["objective"]
    names = [record["check"], network.get("function"), network.get("own")]
    yield from filter(None, names)
    yield from _code(objective)


def _is_whole(run: Run, record: dict[str, Any]) -> bool:
    whole = run.status == "done" and not run.lacks() and key_of(run.identity) == run.key
    return whole and set(record["steps"]) <= set(run.steps())


def _sum(record: dict[str, Any]) -> str:
    return sha256(json.dumps([record["key"], record["run"], record["steps"]]).encode()).hexdigest()


@lru_cache(maxsize=1)
def _library_digest() -> str:
    """Of all its source: what a derivation calls may be in any room."""
    root = Path(surfeit.__path__[0])
    state = sha256()
    for path in sorted(root.rglob("*.py")):
        state.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()
