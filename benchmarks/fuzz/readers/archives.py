"""Tar archives, plain and gzipped; the bytes are also packed here, whole."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from fuzz.judging import attempt
from fuzz.readers.reader import Reader, write
from surfeit.data.unpack import unpack

_MEMBER = "folder/one.bin"
_MOST = 1 << 16


def _archive(shape: int, others: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=shape) as tar:
        for other in others:
            tar.addfile(other)
        info = tarfile.TarInfo(_MEMBER)
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    return stream.getvalue()[:3072]


def _others() -> tuple[tarfile.TarInfo, ...]:
    link, folder = tarfile.TarInfo("link"), tarfile.TarInfo("folder")
    link.type, link.linkname, folder.type = tarfile.SYMTYPE, "/etc/hostname", tarfile.DIRTYPE
    return link, folder, tarfile.TarInfo("long/" * 30 + "name"), tarfile.TarInfo("späße")


def seeds() -> Mapping[str, bytes]:
    """An archive of each of tar's formats, with long names, links and folders, and one packed."""
    shapes = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
    found = {name: _archive(shape) for name, shape in shapes.items()}
    found |= {f"{name}-others": _archive(shape, _others()) for name, shape in shapes.items()}
    return {**found, "packed": gzip.compress(found["ustar"])}


def read(content: bytes, folder: Path) -> None:
    """Unpacks one member of the bytes, as they are and packed; nothing else may be written."""
    for name, made in (("raw.tar.gz", content), ("packed.tar.gz", gzip.compress(content, 0))):
        archive = write(folder, name, made)
        root = folder / "root"
        attempt(lambda path=archive, to=root: unpack(path, to, members=(_MEMBER,), most=_MOST))
        for path in list(root.rglob("*")):
            inside = path.relative_to(root).as_posix()
            assert inside in ("folder", _MEMBER), f"the archive wrote {inside}"
            assert not path.is_symlink(), f"the archive made a link, {inside}"
        (root / _MEMBER).unlink(missing_ok=True)


READERS = (Reader("archives", seeds, read),)
