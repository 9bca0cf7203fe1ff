"""What all tests share: one thread each, and no trace in the user's own folders."""

from pathlib import Path

import pytest
import torch

# Two processes of one thread beat two of two on two cores, by a factor of up to ten.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURFEIT_STORE", str(tmp_path / "default-store"))
    monkeypatch.setenv("SURFEIT_DATA", str(tmp_path / "default-data"))
    for name in ("SURFEIT_MIRROR", "SURFEIT_DEBUG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
