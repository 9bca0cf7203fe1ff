"""The shape of a run's two records, `run.json` and `DONE.json`: checked once, then believed.

Whoever reads a run may rely on what is checked here, and only on that: a record may come from
anywhere. What a name or a key in it could do is decided here too, in one place.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from surfeit.core import StoreError
from surfeit.store.files import check_regular, read_errors, read_json, write_json
from surfeit.store.names import FILES, FOLDERS, is_run_file, leads_out, probe_file
from surfeit.store.parsing import is_shape

REPAIR = (
    "The command that made the run makes missing files again, bit for bit: delete what is damaged "
    "and give it once more"
)
DISCARD = "Delete this folder and give the command that made the run again"
SCHEMA = 1
"""The version of the store's layout; raised when an older reader would misread a newer run."""

_SEAL = "sha256"
_HEX = re.compile(r"[0-9a-f]{64}")

Kinds: TypeAlias = tuple[type, ...]


@dataclass(frozen=True)
class Record:
    """What `run.json` says.

    Args:
        key: 64 hexadecimal digits.
        identity: what the key stands for.
        about: what it does not depend on.
    """

    key: str
    identity: dict[str, Any]
    about: dict[str, Any]


def is_key(text: object) -> bool:
    """Whether it is the key of a run: 64 hexadecimal digits, and so a name that leads nowhere."""
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


def read_record(folder: Path) -> Record:
    """The record in a run's folder, every field that is read of the kind that it is read as.

    Raises:
        StoreError: if there is none, it is damaged, of a newer schema or of another run than the
            folder's name says, or a file of the folder is none, such as a link.
    """
    path = folder / "run.json"
    if not path.exists() and not path.is_symlink():
        raise StoreError(f"{folder} holds no run: it has no run.json")
    try:
        check_files(folder)
        record = read_json(path, follow=False)
    except StoreError as error:
        raise StoreError(f"{error}. {DISCARD}") from error
    if not isinstance(record, dict):
        raise StoreError(f"{path} is damaged: it holds no record. {DISCARD}")
    schema = record.get("schema")
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise StoreError(
            f"{folder} was written with schema {str(schema)[:20]}, this version of surfeit reads "
            f"up to {SCHEMA}: update surfeit"
        )
    try:
        _check_record(record)
        _check_place(record["key"], folder)
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. {DISCARD}") from error
    return Record(record["key"], record["identity"], record["about"])


def read_done(folder: Path) -> dict[str, Any]:
    """What `DONE.json` says: `files` by name, each with its `size` and `sha256`, and a summary.

    Names are those that a writer gives, so that they can be read, checked and deleted without a
    second look. Of others, those that lie within the folder are left out: earlier versions listed
    whatever their user had put there.

    Raises:
        StoreError: if it is missing or damaged, or a name in it leads out of the folder.
    """
    path = folder / "DONE.json"
    record = read_json(path, follow=False)
    try:
        if not isinstance(record, dict) or not isinstance(record.get("files"), dict):
            raise ValueError("it does not list the run's files")
        _check_fields(record, _DONE, "")
        for name, entry in record["files"].items():
            _check_entry(name, entry)
        for name, form in record.get("probes", {}).items():
            _check_form(name, form)
        _check_seal(record)
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. {REPAIR}") from error
    files = {name: entry for name, entry in record["files"].items() if is_run_file(name)}
    return record | {"files": files}


def write_done(folder: Path, record: Mapping[str, Any]) -> None:
    """Writes `DONE.json` with its own sum, so that a changed bit in what it lists is told.

    Raises:
        StoreError: if the disk refuses.
    """
    plain = {name: value for name, value in record.items() if name != _SEAL}
    write_json(folder / "DONE.json", plain | {_SEAL: _sum_of(plain)})


def _check_seal(record: dict[str, Any]) -> None:
    seal = record.pop(_SEAL, None)
    if seal is None:
        # Of an earlier version, which wrote none; but a seal may have lost its name.
        _check_fields(record, _DONE, "", only=True)
    elif seal != _sum_of(record):
        raise ValueError("its own sha256 is not what was written")


def _sum_of(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_files(folder: Path) -> None:
    """Checks that a run's own files and folders are such, and no links, pipes or devices.

    The run's folder itself may be a link; nothing in it is followed to anywhere.

    Raises:
        StoreError: if one is something else, or the folder cannot be listed.
    """
    with read_errors(folder), os.scandir(folder) as entries:
        odd = [entry.name for entry in entries if not _is_as_written(entry)]
    for name in odd:
        if name in FILES:
            check_regular(folder / name, follow=False)
        raise StoreError(f"{folder / name} is no folder, or a link: what it leads to is not read")


def _is_as_written(entry: os.DirEntry[str]) -> bool:
    if entry.name in FILES:
        return entry.is_file(follow_symlinks=False)
    return entry.name not in FOLDERS or entry.is_dir(follow_symlinks=False)


_NONE = type(None)
_WORDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    _NONE: "null",
}
_IDENTITY: dict[str, Kinds] = {
    "config": (dict,),
    "kind": (str,),
    "data": (str, _NONE),
    "parents": (list,),
}
_CONFIG: dict[str, Kinds] = {
    "architecture": (dict,),
    "seed": (int,),
    "initial": (str,),
    "first_step": (int,),
    "frozen": (list,),
    "objective": (str, dict),
    "recipe": (dict,),
    "settings": (dict,),
}
_ABOUT: dict[str, Kinds] = {
    "model": (str, _NONE),
    "data": (str, _NONE),
    "created": (str,),
    "command": (str, _NONE),
    "versions": (dict, _NONE),
    "machine": (dict, _NONE),
    "commit": (str, _NONE),
    "architecture": (dict,),
    "frozen": (list,),
    "layers": (list,),
}
_LAYER: dict[str, Kinds] = {
    "name": (str,),
    "kind": (str,),
    "shape": (list,),
    "tensor": (str, dict),
    "weights": (list,),
}
_PART: dict[str, Kinds] = {
    "tensor": (str,),
    "units": (int,),
    "form": (str,),
    "groups": (int,),
    "blocks": (int,),
    "first": (int,),
    "stored": (str, dict),
}
_TIE: dict[str, Kinds] = {"to": (str,), "axes": (list,), "size": (list,), "order": (list,)}
_DONE: dict[str, Kinds] = {
    "files": (dict,),
    "steps": (int,),
    "best": (dict,),
    "machine": (dict,),
    "seconds": (int, float),
    "stopped_early": (bool,),
    "probes": (dict,),
    "thinned": (list, dict, str, int, bool, _NONE),  # `thinned_steps` looks closer
    "sha256": (str,),
}
_FORM: dict[str, Kinds] = {
    "probe": (str,),
    "source": (str,),
    "every": (int, _NONE),
    "at": (list,),
}
_SUM: dict[str, Kinds] = {"size": (int,), "sha256": (str,)}


def _check_record(record: Mapping[str, Any]) -> None:
    for name in ("key", "identity", "about"):
        if name not in record:
            raise ValueError(f"it has no {name!r}")
    if not is_key(record["key"]):
        raise ValueError("its key is not 64 hexadecimal digits")
    _check_fields(record["identity"], _IDENTITY, "identity", needed=("config",))
    _check_fields(record["identity"]["config"], _CONFIG, "config")
    _check_texts(record["identity"].get("parents", []), "parents")
    _check_texts(record["identity"]["config"].get("frozen", []), "frozen")
    about = record["about"]
    _check_fields(about, _ABOUT, "about", needed=("layers",))
    _check_texts(list((about.get("versions") or {}).values()), "versions")
    for layer in about["layers"]:
        _check_layer(layer)
    names = [layer["name"] for layer in about["layers"]]
    if len(set(names)) < len(names):
        raise ValueError("two layers have one name")


def _check_place(key: str, folder: Path) -> None:
    """Where a run lies in a store its folder says its key, and must say the same."""
    place = folder.absolute()
    if is_key(place.name) and place.parent.name == place.name[:2] and place.name != key:
        raise ValueError(f"it is the record of another run, {key}")


def _check_layer(layer: Any) -> None:
    _check_fields(layer, _LAYER, "a layer", needed=("name", "kind", "shape"))
    if not is_shape(layer["shape"]) or not layer["shape"]:
        raise ValueError(f"layer {layer['name']!r} has no shape")
    _check_tie(layer.get("tensor", ""))
    if not layer.get("weights", [None]):
        raise ValueError(f"layer {layer['name']!r} has no weights")
    for part in layer.get("weights", []):
        _check_fields(part, _PART, "a part", needed=("tensor", "units", "stored"), only=True)
        counts = [part.get(name, 1) for name in ("units", "groups", "blocks")]
        if min(counts) < 1 or part.get("first", 0) < 0 or part.get("form", "rows") not in _FORMS:
            raise ValueError(f"the weights of layer {layer['name']!r} lie nowhere")
        _check_tie(part["stored"])


_FORMS = ("rows", "transposed", "columns")


def _check_tie(tie: Any) -> None:
    if isinstance(tie, str):
        return
    _check_fields(tie, _TIE, "a tie", needed=("to",), only=True)
    if not all(is_shape(tie.get(name, [])) for name in ("axes", "size", "order")):
        raise ValueError(f"the tie to {tie['to']!r} has no axes")


def _check_entry(name: str, entry: Any) -> None:
    if leads_out(name):
        raise ValueError(f"it names {name!r}, which is no file of a run")
    _check_fields(entry, _SUM, name, needed=("size", "sha256"), only=True)
    if entry["size"] < 0 or not is_key(entry["sha256"]):
        raise ValueError(f"{name!r} has no size and sha256")


def _check_form(name: str, form: Any) -> None:
    probe_file(name)  # a name that leads nowhere
    _check_fields(form, _FORM, f"probe {name}", needed=("probe", "every", "at"), only=True)
    every, at = form["every"], form["at"]
    steps = all(type(step) is int and step >= 0 for step in at)
    if form["probe"] != name or (every is not None and every < 1) or not steps:
        raise ValueError(f"it does not say at which steps probe {name!r} looked")


def _check_fields(
    value: Any,
    kinds: Mapping[str, Kinds],
    name: str,
    *,
    needed: tuple[str, ...] = (),
    only: bool = False,
) -> None:
    """Checks that a value is an object, and that the fields that are read are of their kinds."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {_word(value)}, not an object")
    for field in needed:
        if field not in value:
            raise ValueError(f"{_at(name, field)} is missing")
    for field, found in value.items():
        if field in kinds and type(found) not in kinds[field]:
            wanted = " or ".join(_WORDS[kind] for kind in kinds[field])
            raise ValueError(f"{_at(name, field)} is {_word(found)}, not {wanted}")
        if only and field not in kinds:
            raise ValueError(f"{_at(name, field)} is not known")


def _check_texts(values: Any, name: str) -> None:
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name} must be texts")


def _at(name: str, field: str) -> str:
    return f"{name}.{field}" if name else field


def _word(value: Any) -> str:
    return _WORDS.get(type(value), type(value).__name__)
