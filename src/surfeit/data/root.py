"""The folder below which all data sets lie."""

import os
from pathlib import Path

ROOT_VARIABLE = "SURFEIT_DATA"


def data_root(root: str | Path | None = None) -> Path:
    """`root` if given, else the environment's `SURFEIT_DATA`, else the user's data folder.

    Nothing is created.
    """
    chosen = root or os.environ.get(ROOT_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("surfeit", appauthor=False)) / "data"
