"""Where a run comes from: versions, machine, command and the layers of its network."""

import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

import surfeit
from surfeit.core import layers

_LIBRARIES = ("torch", "numpy", "safetensors")


def about(model: nn.Module, names: dict[str, Any]) -> dict[str, Any]:
    """What a run's record says beside its configuration.

    Args:
        model: the network, for its layers.
        names: what to call things: the network, the data set.
    """
    return {
        **names,
        "layers": [
            {"name": name, "kind": type(layer).__name__, "shape": list(layer.weight.shape)}
            for name, layer in layers(model).items()
        ],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "versions": {
            "surfeit": surfeit.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        "commit": _commit(),
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "cpu": _cpu(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str | None:
    """The commit of the checkout that this code runs from, if it runs from one."""
    for folder in Path(__file__).resolve().parents:
        head = folder / ".git" / "HEAD"
        if (folder / "pyproject.toml").is_file() and head.is_file():
            text = head.read_text().strip()
            reference = folder / ".git" / text.removeprefix("ref: ")
            return reference.read_text().strip() if reference.is_file() else text
    return None
