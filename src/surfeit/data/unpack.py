"""Taking named files, and nothing else, out of a tar archive."""

import gzip
import io
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from surfeit.core import DataError
from surfeit.data.opening import open_regular

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20  # bytes


def unpack(archive: Path, root: Path, *, members: Sequence[str], most: int = 1 << 30) -> None:
    """Writes the regular files called `members` below `root`, each in one step.

    A member's path is one of ours, never one that the archive chose, so that no archive can write
    anywhere else; what else it holds is passed over: links and devices too.

    Args:
        archive: a tar file, plain or gzipped.
        members: paths in the archive and below the root alike.
        most: bytes that are unpacked of the archive, whatever it claims.

    Raises:
        DataError: if the archive is damaged, lacks a member, unpacks to more than `most`, or cannot
            be unpacked there.
    """
    wanted = set(members)
    try:
        with (
            open_regular(archive) as packed,
            _unpacked(packed, archive, most) as stream,
            tarfile.open(fileobj=cast(BinaryIO, stream), mode="r:") as tar,
        ):
            for member in tar:
                _check(member, archive)
                if member.isreg() and not member.issparse() and member.name in wanted:
                    _write(tar, member, root / member.name)
                    wanted.discard(member.name)
    except DataError:
        raise
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(archive, error) from error
        raise DataError(f"{archive}: could not be unpacked: {error.strerror or error}") from error
    except Exception as error:  # a damaged archive raises nearly any exception
        raise _damaged(archive, error) from error
    if wanted:
        raise DataError(f"{archive}: found no regular file {min(wanted)} in the archive")


def _damaged(archive: Path, error: Exception) -> DataError:
    words = f"{error}"[:200] or type(error).__name__
    return DataError(f"{archive}: expected a whole tar archive, found damage: {words}")


def _unpacked(packed: BinaryIO, archive: Path, most: int) -> "_Bounded":
    magic = packed.read(len(_GZIP))
    packed.seek(0)
    stream = gzip.GzipFile(fileobj=packed, mode="rb") if magic == _GZIP else packed
    return _Bounded(cast(BinaryIO, stream), archive, most)


class _Bounded(io.RawIOBase):
    """A stream that gives no more than so many bytes in all, however often it is read.

    tarfile reads what a header claims at once, skips by reading, and goes back as a negative size
    bids it: a few bytes could fill the memory, or take for ever.
    """

    def __init__(self, stream: BinaryIO, archive: Path, most: int) -> None:
        self._stream, self._archive, self._left, self._most = stream, archive, most, most

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= self._left:
            raise self._too_much()
        content = self._stream.read(size)
        self._left -= len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        ahead = offset - self._stream.tell()
        if whence != io.SEEK_SET or not 0 <= ahead <= self._left:
            raise self._too_much()
        while ahead > 0 and (skipped := len(self.read(min(ahead, _CHUNK)))):
            ahead -= skipped
        return self._stream.tell()

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _too_much(self) -> DataError:
        return DataError(
            f"{self._archive}: found an archive that unpacks to more than {self._most:,} bytes, or "
            "claims so, expected no more"
        )


def _check(member: tarfile.TarInfo, archive: Path) -> None:
    if member.size < 0:
        raise DataError(f"{archive}: found a member of {member.size} bytes, expected none below 0")


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
