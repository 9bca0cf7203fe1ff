"""One file over HTTP: resumed where it broke off, checked, from the first source that has it."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError

from surfeit.core import DownloadError
from surfeit.data.web import Watch, opened

Progress = Callable[[str, int, int | None], None]
"""Called with what is brought (a file's or a split's name), how much is there, and how much in all,
if known: bytes of a file, examples of a split."""

_CHUNK = 1 << 18  # bytes
_MOST = 1 << 27  # bytes of a file whose size is not known
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP codes that a later attempt may not meet


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to put up with a source.

    Args:
        timeout: seconds without a byte after which a connection counts as cut.
        retries: attempts after the first that may follow each other without a new byte.
        wait: seconds before the first of them; each later one waits twice as long.
        least_speed: bytes a second that must come on average, all attempts and waits included; a
            source that is slower is left for the next.
        window: seconds over which the speed is taken, again and again.
    """

    timeout: float = 30.0
    retries: int = 4
    wait: float = 1.0
    least_speed: float = 1000.0
    window: float = 60.0


@dataclass(frozen=True)
class _Content:
    """What a file must hold: see `download`."""

    md5: str
    sha256: str | None
    size: int | None

    @property
    def most(self) -> int:
        """How many bytes may be taken."""
        return _MOST if self.size is None else self.size

    def __str__(self) -> str:
        return f"md5 {self.md5}" if self.sha256 is None else f"sha256 {self.sha256}"

    def differs(self, path: Path) -> str | None:
        """How a file's content is another, or None. Cost: one or two passes over it."""
        found = _sum(path, "md5")
        if found != self.md5:
            return f"md5 {found}, expected {self.md5}"
        found = self.sha256 and _sum(path, "sha256")
        return None if found == self.sha256 else f"sha256 {found}, expected {self.sha256}"


class _SourceError(Exception):
    """This source will not give the file: go on to the next."""


class _CutError(Exception):
    """The connection broke off: try this source again."""


def download(
    addresses: Sequence[str],
    target: Path,
    *,
    md5: str,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> None:
    """Brings a file to `target` from the first of `addresses` that gives the right content.

    Bytes are gathered in `target` + `.part`, which stays when the transfer is broken off, by Ctrl-C
    too, and is gone on from by an HTTP Range request, at another source if need be. Only a file
    with the right checksums gets its name, in one step. No more is taken than the file has.

    Args:
        addresses: of http or https; a redirect from https may not lead to http.
        md5: of the whole file, in hex; it guards against damage, not against an attacker.
        sha256: the same, and against both; None where it is not known.
        size: in bytes; None where it is not known, which then may be 128 MiB at most.
        progress: see `Progress`.

    Raises:
        DownloadError: if no source gave the file, with what each answered and what to do, or if
            the file cannot be written.
    """
    part = target.with_name(target.name + ".part")
    content = _Content(md5, sha256, size)
    report = progress or (lambda name, done, total: None)
    patience = patience or Patience()
    faults = []
    for address in addresses:
        try:
            with Watch(patience.least_speed, patience.window) as watch:
                transfer = _Transfer(
                    address, part, target.name, content, report, patience.timeout, watch
                )
                _complete(transfer, patience)
            with _writing(part):
                part.replace(target)
            return
        except _SourceError as fault:
            faults.append(f"  {address}: {fault}")
    kept = f"{part} keeps what came; the same command goes on from there. " if _size(part) else ""
    raise DownloadError(
        f"no source gave {target.name} as it should be:\n" + "\n".join(faults) + f"\n{kept}"
        "Set another source with SURFEIT_MIRROR=ADDRESS, "
        f"or get the file ({content}) by hand and put it at {target}"
    )


@dataclass(frozen=True)
class _Transfer:
    address: str
    part: Path
    name: str
    content: _Content
    progress: Progress
    timeout: float
    watch: Watch


def _complete(transfer: _Transfer, patience: Patience) -> None:
    """Makes `part` whole and right from one source."""
    fault = None
    for _ in range(2):
        if _size(transfer.part) > transfer.content.most:
            transfer.part.unlink()
        fresh = _size(transfer.part) == 0
        _persist(transfer, patience)
        fault = transfer.content.differs(transfer.part)
        if fault is None:
            return
        transfer.part.unlink()
        if fresh:
            break
        # Another source may have begun the part wrongly: once more from the start.
    raise _SourceError(f"wrong checksum: {fault}")


def _persist(transfer: _Transfer, patience: Patience) -> None:
    """Requests until the source has sent all, or has been cut off too often without a new byte."""
    failures, longest = 0, _size(transfer.part)
    while True:
        try:
            return _request(transfer)
        except _CutError as cut:
            _check_speed(transfer.watch, cut)
            size = _size(transfer.part)
            failures = 1 if size > longest else failures + 1
            longest = max(longest, size)
            if failures > patience.retries:
                raise _SourceError(f"{cut} ({failures} times in a row)") from cut
            time.sleep(patience.wait * 2 ** (failures - 1))
            _check_speed(transfer.watch, cut)


def _check_speed(watch: Watch, cut: _CutError) -> None:
    if watch.cut:
        raise _SourceError(
            f"slower than {watch.least:,.0f} bytes a second over {watch.window:g} s"
        ) from cut


def _request(transfer: _Transfer) -> None:
    """One request for what is missing, written behind what is there."""
    start = _size(transfer.part)
    headers = {"User-Agent": "surfeit", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with opened(
            transfer.address, headers, timeout=transfer.timeout, watch=transfer.watch
        ) as response:
            _receive(transfer, response, start)
    except HTTPError as error:
        with error:
            _refused(transfer.part, error)
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _CutError(f"no answer in {transfer.timeout:g} s") from error
        if transfer.watch.cut:
            raise _CutError("no answer") from error
        raise _SourceError(f"{error.reason}") from error
    except (OSError, HTTPException) as error:
        raise _CutError(_words(error)) from error
    except ValueError as error:
        raise _SourceError(f"no address that can be asked: {_words(error)}") from error


def _refused(part: Path, error: HTTPError) -> None:
    if error.code == 416:  # range not satisfiable: the part is as long as the file, or longer
        if _size(part) == _total(error.headers):
            return
        part.unlink()
        raise _CutError("the partial file was longer than the whole") from error
    fault = _CutError if error.code in _PASSING else _SourceError
    raise fault(f"HTTP {error.code} {error.reason:.100}") from error


def _receive(transfer: _Transfer, response: HTTPResponse, start: int) -> None:
    if response.status == 206 and not (
        response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    ):
        raise _SourceError(
            f"asked for bytes from {start}, got {response.headers['Content-Range']!r:.100}"
        )
    done = start if response.status == 206 else 0  # 200: the server sends all, Range or not
    length = response.headers.get("Content-Length", "")
    rest = _number(length)
    total = None if rest is None else done + rest
    _check_total(transfer.content, total)
    transfer.progress(transfer.name, done, total)
    with _writing(transfer.part), transfer.part.open("ab" if done else "wb") as file:
        while chunk := _read(response, done):
            if done + len(chunk) > transfer.content.most:
                file.truncate(0)  # it is another file: what came of it is of no use
                raise _SourceError(f"sent more than {transfer.content.most:,} bytes")
            file.write(chunk)
            done += len(chunk)
            transfer.watch.came(len(chunk))
            transfer.progress(transfer.name, done, total)
    if total is not None and done < total:
        raise _CutError(f"cut off at {done} of {total} bytes")
    if transfer.content.size is not None and done < transfer.content.size:
        raise _CutError(f"ended at {done} of {transfer.content.size} bytes")


def _check_total(content: _Content, total: int | None) -> None:
    if total is None:
        return
    if content.size is not None and total != content.size:
        raise _SourceError(f"offers {total:,} bytes, but the file has {content.size:,}")
    if total > content.most:
        raise _SourceError(f"offers {total:,} bytes, expected at most {content.most:,}")


def _read(response: HTTPResponse, done: int) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _CutError(f"cut off after {done} bytes: {_words(error)}") from error


@contextmanager
def _writing(part: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(f"cannot write {part}: {error.strerror or error}") from error


def _total(headers: Message) -> int | None:
    """The whole file's size in bytes by a `Content-Range` such as `bytes */1234`."""
    return _number(headers.get("Content-Range", "").rpartition("/")[2])


def _number(text: str) -> int | None:
    """A header's number of bytes, if it is one that a file can have."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _words(error: BaseException) -> str:
    return f"{error}"[:200] or type(error).__name__


def _size(part: Path) -> int:
    if part.exists() and not part.is_file():
        raise DownloadError(f"cannot write {part}: what is there is no file; move it away")
    return part.stat().st_size if part.exists() else 0


def _sum(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(name, usedforsecurity=False)
        ).hexdigest()
