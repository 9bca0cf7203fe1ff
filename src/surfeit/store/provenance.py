"""Where a run comes from: versions, machine, command and the layers of its network."""

import platform
import shlex
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

import surfeit
from surfeit.models import describe, key_form
from surfeit.models.structure import layer_records

_LIBRARIES = ("torch", "numpy", "safetensors")


def about(model: nn.Module, names: dict[str, Any]) -> dict[str, Any]:
    """What a run's record says beside its configuration.

    Args:
        model: the network, for its layers.
        names: what to call things: the network, the data set.
    """
    return {
        **names,
        "layers": layer_records(model),
        **_architecture(model),
        **environment(),
    }


def environment() -> dict[str, Any]:
    """When, with which command, which versions and on what machine, as JSON values."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "versions": dict(_versions()),
        "commit": _commit(),
        "machine": dict(_machine()),
    }


@cache
def _versions() -> dict[str, str]:
    """Of the libraries that this process has loaded; looking them up takes 20 ms."""
    found = {name: version(name) for name in _LIBRARIES}
    return {"surfeit": surfeit.__version__, "python": platform.python_version(), **found}


@cache
def _machine() -> dict[str, str | None]:
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "cpu": _cpu(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _architecture(model: nn.Module) -> dict[str, Any]:
    """The whole description, where the key holds less than can be built from."""
    description = describe(model)
    return {} if description == key_form(model) else {"architecture": description}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str | None:
    """The commit of the checkout that this code runs from, if it runs from one."""
    root = Path(surfeit.__file__).resolve().parents[2]
    head = root / ".git" / "HEAD"
    if not (root / "pyproject.toml").is_file() or not head.is_file():
        return None
    text = head.read_text().strip()
    name = text.removeprefix("ref: ")
    if name == text:
        return text
    loose, packed = root / ".git" / name, root / ".git" / "packed-refs"
    if loose.is_file():
        return loose.read_text().strip()
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)
