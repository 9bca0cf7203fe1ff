"""What all tests share: one thread each, and no trace in the user's own folders."""

import os
from collections.abc import Iterator
from pathlib import Path

# Before NumPy and SciPy are loaded: they take threads of their own beside torch's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
import torch

from surfeit.tables.figures import style

# Two processes of one thread beat two of two on two cores, by a factor of up to ten.
torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _quick_fonts() -> Iterator[None]:
    """PDFs with fonts as outlines: cutting a font to its letters is a fifth of a figure's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.RC, "pdf.fonttype", 3)
        yield


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURFEIT_STORE", str(tmp_path / "default-store"))
    monkeypatch.setenv("SURFEIT_DATA", str(tmp_path / "default-data"))
    for name in ("SURFEIT_MIRROR", "SURFEIT_DEBUG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
