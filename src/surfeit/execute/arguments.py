"""Functions and their arguments as JSON, so that they can be called in another process.

Nothing is pickled. A function goes by its name, a run by its place in the store, data sets and
tensors by their digest among the store's objects, a dataclass by its class's name and its fields;
whoever receives them imports the same code.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from surfeit.core import Objective
from surfeit.core.importing import named_object, reference
from surfeit.core.objective import objective_from_json, objective_to_json
from surfeit.data import Dataset, receive_dataset, send_dataset
from surfeit.store import Objects, Run
from surfeit.train import Job


def encoded(value: Any, objects: Objects) -> Any:
    """A value as JSON has it; what is large is written to the store.

    Args:
        value: None, bool, number, text, list, tuple, dict, tensor, path, job, run, data set,
            objective, frozen dataclass, function at a module's top level, or a partial of one.
        objects: the store's.

    Raises:
        ValueError: for anything else, or a function that cannot be imported elsewhere.
        DiskError: if the disk refuses.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) is list:
        return [encoded(one, objects) for one in value]
    for kind, (tag, encode, _) in _KINDS.items():
        if isinstance(value, kind) and not isinstance(value, type):
            return {tag: encode(value, objects)}
    if is_dataclass(value) and not isinstance(value, type):
        return {"value": _fields(value, objects)}
    if callable(value):
        return {"function": reference(value)}
    raise ValueError(
        f"an object of type {type(value).__name__} cannot be sent to another process: pass what "
        "JSON has, tensors, jobs, runs, data sets or frozen dataclasses"
    )


def decoded(record: Any, objects: Objects) -> Any:
    """The value that `encoded` sent.

    Raises:
        ValueError: if a function or a class cannot be imported here.
        StoreError, DataError: if an object is missing or damaged.
        SurfeitError: if a job is another here.
    """
    if isinstance(record, list):
        return [decoded(one, objects) for one in record]
    if not isinstance(record, dict):
        return record
    ((tag, content),) = record.items()
    if tag == "function":
        return named_object(content)
    if tag == "value":
        own = {name: decoded(one, objects) for name, one in content["fields"].items()}
        return named_object(content["class"])(**own)
    decode = next(decode for known, _, decode in _KINDS.values() if known == tag)
    return decode(content, objects)


def _fields(value: Any, objects: Objects) -> dict[str, Any]:
    if not type(value).__dataclass_params__.frozen:
        raise ValueError(
            f"a {type(value).__name__} can change, so it cannot be sent to another process: make "
            "it a frozen dataclass"
        )
    own = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
    return {
        "class": reference(type(value)),
        "fields": {name: encoded(one, objects) for name, one in own.items()},
    }


def _encode_dict(value: Mapping[Any, Any], objects: Objects) -> list[Any]:
    return [[encoded(name, objects), encoded(one, objects)] for name, one in value.items()]


def _decode_dict(content: list[Any], objects: Objects) -> dict[Any, Any]:
    return {decoded(name, objects): decoded(one, objects) for name, one in content}


def _encode_partial(value: partial, objects: Objects) -> dict[str, Any]:
    return {
        "function": encoded(value.func, objects),
        "arguments": [encoded(one, objects) for one in value.args],
        "named": _encode_dict(value.keywords, objects),
    }


def _decode_partial(content: dict[str, Any], objects: Objects) -> partial:
    function = decoded(content["function"], objects)
    arguments = (decoded(one, objects) for one in content["arguments"])
    return partial(function, *arguments, **_decode_dict(content["named"], objects))


def _encode_run(run: Run, objects: Objects) -> str:
    path, root = run.path.absolute(), objects.root.absolute()
    # Where the store lies at another place for other machines, its runs are found all the same.
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _encode_job(job: Job, objects: Objects) -> dict[str, Any]:
    _, record = objects.remember(("job", id(job)), lambda: (job, job.to_json(objects)))
    return record


_Encode = Callable[[Any, Objects], Any]
_KINDS: Mapping[type, tuple[str, _Encode, _Encode]] = {
    tuple: (
        "tuple",
        lambda value, objects: [encoded(one, objects) for one in value],
        lambda content, objects: tuple(decoded(one, objects) for one in content),
    ),
    Mapping: ("dict", _encode_dict, _decode_dict),
    torch.Tensor: (
        "tensor",
        lambda value, objects: objects.put({"": value}),
        lambda content, objects: objects.get(content)[""],
    ),
    Path: ("path", lambda value, _: str(value), lambda content, _: Path(content)),
    Job: ("job", _encode_job, Job.from_json),
    Run: ("run", _encode_run, lambda content, objects: Run(objects.root / content)),
    Dataset: ("data", send_dataset, receive_dataset),
    Objective: (
        "objective",
        lambda value, _: objective_to_json(value),
        lambda content, _: objective_from_json(content),
    ),
    partial: ("partial", _encode_partial, _decode_partial),
}
