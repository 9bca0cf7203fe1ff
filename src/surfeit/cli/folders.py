"""Where a command writes: there before its work, and gone again if that is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile


@contextmanager
def output_folder(folder: Path) -> Iterator[None]:
    """A folder that can be written, from before the work that ends in it.

    If the work within fails, what was made of the folder is removed again where it holds nothing: a
    command that is refused after all leaves no trace.

    Raises:
        StoreError: if it cannot be made or written.
    """
    from surfeit.store import make_folder
    from surfeit.store.files import disk_errors

    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        with disk_errors(folder), TemporaryFile(dir=folder):
            pass
        yield
    except BaseException:
        _remove_empty(missing)
        raise


def _remove_empty(folders: Sequence[Path]) -> None:
    """Removes folders, the innermost first, up to the first that holds something."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # it holds something, or was never made
            return
