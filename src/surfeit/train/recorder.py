"""Recording a training loop of one's own."""

import uuid
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import nn

from surfeit.core import Params, StoreError, buffers, digest, parameters
from surfeit.data import Dataset
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
from surfeit.train.provenance import about


class Recorder:
    """Records the weights of a network that its user trains, as a run like any other.

    >>> recorder = Recorder(model, "runs/mine")     # keeps the weights of step 0
    >>> for epoch in range(10):
    ...     train_one_epoch(model)
    ...     recorder.record(step, validation_accuracy=accuracy(model))
    >>> run = recorder.finish()

    As a context manager it finishes by itself; after an error the run stays interrupted, with all
    that was recorded.

    Args:
        model: the network, on any device; it is only read.
        path: the run's folder, made where missing.
        data: the data set, so that later measurements know which one they need.
        settings: whatever should stand in the run's configuration: JSON values.

    Raises:
        StoreError: if the folder already holds a run or cannot be written.
        ValueError: if model or data are of another type, or a setting is no JSON value.
    """

    def __init__(
        self,
        model: nn.Module,
        path: Path | str,
        *,
        data: Dataset | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ValueError(f"model must be an nn.Module, got {model!r}")
        if data is not None and not isinstance(data, Dataset):
            raise ValueError(
                f'data must be a Dataset such as load("digits") or from_tensors(...), got {data!r}'
            )
        self._model = model
        self._last = -1
        self._run: Run | None = None
        folder = Path(path)
        if (folder / "run.json").exists():
            raise StoreError(f"{folder} already holds a run: choose another folder or delete it")
        identity = _identity(model, data, settings or {})
        make_folder(folder)
        self._lease = Lease(folder, wait=False)
        names = {"model": type(model).__name__, "data": None if data is None else data.name}
        self._writer = RunWriter(
            folder,
            key=key_of(identity),
            identity=identity,
            about=about(model, names),
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
            ValueError: if the step is no integer or does not grow, or a metric is no number.
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
        self._writer.snapshot(step, _tensors(self._model) | computed_tensors(self._model))
        if plain:
            self._writer.record({"step": step, **plain})
        self._last = step

    def finish(self) -> Run:
        """Closes the record and returns the run; nothing can be recorded after."""
        if self._run is None:
            with self._lease:
                self._run = self._writer.finish({"steps": self._last})
        return self._run

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


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be one number, got {value!r}") from error


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
