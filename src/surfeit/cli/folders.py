"""Where a command writes: there before its work, and gone again if that is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def output_folder(folder: Path) -> Iterator[None]:
    """A folder that can be written, from before the work that ends in it.

    If the work within fails, what was made of the folder is removed again where it holds nothing: a
    command that is refused after all leaves no trace.

    Raises:
        StoreError: if it cannot be made or written.
    """
    from tempfile import TemporaryFile

    from surfeit.core.folders import missing_folders, removed_if_empty
    from surfeit.store import make_folder
    from surfeit.store.files import disk_errors

    with removed_if_empty(missing_folders(folder)):
        make_folder(folder)
        with disk_errors(folder), TemporaryFile(dir=folder):
            pass
        yield
