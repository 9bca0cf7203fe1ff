"""Recording a training loop of one's own."""

import math
import os
import uuid
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import nn

from surfeit.core import Params, StoreError, buffers, digest, parameters, unwrapped
from surfeit.data import Dataset
from surfeit.data import keep_data as keep
from surfeit.models import key_form
from surfeit.models.structure import computed_tensors
from surfeit.store import (
    SCHEMA,
    Lease,
    Run,
    RunWriter,
    canonical,
    key_of,
    make_folder,
)
from surfeit.store.provenance import about

Layout = dict[str, tuple[torch.dtype, tuple[int, ...]]]
_MOST_NAMED = 3


class Recorder:
    """Records the weights of a network that its user trains, as a run like any other.

    >>> recorder = Recorder(model, "runs/mine", data=data, keep_data=True)  # weights of step 0
    >>> for epoch in range(10):
    ...     train_one_epoch(model)
    ...     recorder.record(step, validation_accuracy=accuracy(model))
    >>> run = recorder.finish()  # then: surfeit inspect runs/mine

    As a context manager it finishes by itself; after an error the run stays interrupted, with all
    that was recorded.

    Args:
        model: the network, on any device; it is only read. Of a compiled or parallel one what is
            within is recorded, by its plain names.
        path: the run's folder, made where missing.
        data: the data set, so that later measurements know which one they need.
        keep_data: whether a copy of the data stands in the run's folder, where every command, and
            `surfeit.data.kept_data(run)`, finds it again. Without it, commands find data sets of
            the library by their name; others are to be given to them, `--data file.py:function`.
        settings: whatever should stand in the run's configuration: JSON values.

    Raises:
        StoreError: if the folder already holds a run or cannot be written.
        ValueError: if model, path, data or keep_data are of another type, a setting is no JSON
            value, or data are to be kept that are not given.
    """

    def __init__(
        self,
        model: nn.Module,
        path: Path | str,
        *,
        data: Dataset | None = None,
        keep_data: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = unwrapped(model)
        _check_place(path)
        _check_data(data, keep_data)
        self._last = -1
        self._run: Run | None = None
        self._layout: Layout = {}
        folder = Path(path)
        if (folder / "run.json").exists():
            raise StoreError(f"{folder} already holds a run: choose another folder or delete it")
        identity = _identity(self._model, data, settings or {})
        make_folder(folder)
        self._lease = Lease(folder, wait=False)
        if data is not None and keep_data:
            keep(data, folder)
        kind = type(self._model).__name__
        names = {"model": kind, "data": None if data is None else data.name}
        self._writer = RunWriter(
            folder,
            key=key_of(identity),
            identity=identity,
            about=about(self._model, names),
            lease=self._lease,
        )
        self.record(0)

    def record(self, step: int, **metrics: float) -> None:
        """Keeps the weights as they are now, with the metrics of this moment.

        Args:
            step: optimiser updates so far, more than at the last call.
            metrics: numbers by name, e.g. `validation_loss` in nats, `validation_accuracy` as
                a fraction; the same names show up as columns of `Run.metrics()`.

        Raises:
            ValueError: if the step is no integer or does not grow, a metric is no number, an
                accuracy is no fraction, or the network no longer has the tensors, or their shapes
                and types, that it began with; nothing is kept then, and what was stays.
            StoreError: if the disk refuses, or the record is closed.
        """
        if self._run is not None:
            raise StoreError(f"{self._run.path} is finished: nothing can be recorded after")
        if isinstance(step, bool) or not isinstance(step, Integral):
            raise ValueError(f"step must be an integer, got {step!r}")
        step = int(step)
        if step <= self._last:
            raise ValueError(f"step must be above {self._last}, the last recorded, got {step}")
        plain = {name: _number(name, value) for name, value in metrics.items()}
        tensors = _tensors(self._model) | computed_tensors(self._model)
        self._check_layout(tensors)
        self._writer.snapshot(step, tensors)
        if plain:
            self._writer.record({"step": step, **plain})
        self._last = step

    def finish(self) -> Run:
        """Closes the record and returns the run; nothing can be recorded after."""
        if self._run is None:
            with self._lease:
                self._run = self._writer.finish({"steps": self._last})
        return self._run

    def _check_layout(self, tensors: Params) -> None:
        layout = {name: (value.dtype, tuple(value.shape)) for name, value in tensors.items()}
        self._layout = self._layout or layout
        if layout == self._layout:
            return
        raise ValueError(
            "the network is no longer the one that this record began with, whose weights over time "
            f"it holds: {_difference(self._layout, layout)}. Record the changed network as a run "
            "of its own, Recorder(model, another folder); finish() keeps this one as it is"
        )

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()
        else:
            self._lease.close()


def _check_place(path: object) -> None:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValueError(f'path must be the run\'s folder, such as "runs/mine", got {path!r}')


def _check_data(data: object, kept: object) -> None:
    if not isinstance(kept, bool):
        raise ValueError(f"keep_data must be True or False, got {kept!r:.200}")
    if data is not None and not isinstance(data, Dataset):
        raise ValueError(
            f'data must be a Dataset such as load("digits") or from_tensors(...), got {data!r}'
        )
    if kept and data is None:
        raise ValueError("keep_data keeps the data set with the run: give it, data=...")


def _difference(before: Layout, after: Layout) -> str:
    changed = [
        f"{name} was {_words(before[name])} and is {_words(after[name])}"
        for name in before
        if name in after and before[name] != after[name]
    ]
    gone = [f"{name} is gone" for name in before if name not in after]
    new = [f"{name} is new" for name in after if name not in before]
    every = changed + gone + new
    more = f", and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
    return ", ".join(every[:_MOST_NAMED]) + more


def _words(tensor: tuple[torch.dtype, tuple[int, ...]]) -> str:
    return f"{str(tensor[0]).removeprefix('torch.')} {list(tensor[1])}"


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{name} must be one number, got {value!r}") from error
    if name.endswith("accuracy") and not math.isnan(number) and not 0 <= number <= 1:
        percent = f": divide percent by 100, {number / 100:g}" if 1 < number <= 100 else ""
        raise ValueError(f"{name} must be a fraction in [0, 1], got {number:g}{percent}")
    return number


def _tensors(model: nn.Module) -> Params:
    return parameters(model) | buffers(model)


def _identity(
    model: nn.Module, data: Dataset | None, settings: Mapping[str, Any]
) -> dict[str, Any]:
    # Nobody knows what the loop will do: every recording is a run of its own.
    config = {
        "architecture": key_form(model),
        "initial": digest(_tensors(model)),
        "settings": settings,
        "recording": uuid.uuid4().hex,
    }
    return canonical(
        {
            "schema": SCHEMA,
            "kind": "recorded",
            "semantics": 1,
            "config": config,
            "parents": [],
            "data": None if data is None else data.fingerprint,
        }
    )
