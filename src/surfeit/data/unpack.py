"""Taking named files, and nothing else, out of a tar archive."""

import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from surfeit.core import DataError


def unpack(archive: Path, root: Path, *, members: Sequence[str]) -> None:
    """Writes the regular files called `members` below `root`, each in one step.

    A member's path is one of ours, never one that the archive chose, so that no archive can write
    anywhere else; what else it holds is passed over.

    Raises:
        DataError: if the archive is damaged, lacks a member, or cannot be unpacked there.
    """
    wanted = set(members)
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if member.isreg() and member.name in wanted:
                    _write(tar, member, root / member.name)
                    wanted.discard(member.name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f"{archive}: expected a whole tar archive, found damage: {error}"
        ) from error
    except OSError as error:
        raise DataError(f"{archive}: could not be unpacked: {error.strerror or error}") from error
    if wanted:
        raise DataError(f"{archive}: found no regular file {min(wanted)} in the archive")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None  # regular members have content
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            shutil.copyfileobj(content, file)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
