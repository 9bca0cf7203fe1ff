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
from urllib.request import Request, urlopen

from surfeit.core import DownloadError

Progress = Callable[[str, int, int | None], None]
"""Called with what is brought (a file's or a split's name), how much is there, and how much in all,
if known: bytes of a file, examples of a split."""

_CHUNK = 1 << 18  # bytes
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP codes that a later attempt may not meet


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to put up with a source.

    Args:
        timeout: seconds without a byte after which a connection counts as cut.
        retries: attempts after the first that may follow each other without a new byte.
        wait: seconds before the first of them; each later one waits twice as long.
    """

    timeout: float = 30.0
    retries: int = 4
    wait: float = 1.0


class _SourceError(Exception):
    """This source will not give the file: go on to the next."""


class _CutError(Exception):
    """The connection broke off: try this source again."""


def download(
    addresses: Sequence[str],
    target: Path,
    *,
    md5: str,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> None:
    """Brings a file to `target` from the first of `addresses` that gives the right content.

    Bytes are gathered in `target` + `.part`, which stays when the transfer is broken off, by Ctrl-C
    too, and is gone on from by an HTTP Range request, at another source if need be. Only a file
    with the right checksum gets its name, in one step.

    Args:
        md5: of the whole file, in hex; it guards against damage, not against an attacker.
        progress: see `Progress`.

    Raises:
        DownloadError: if no source gave the file, with what each answered and what to do, or if
            the file cannot be written.
    """
    part = target.with_name(target.name + ".part")
    report = progress or (lambda name, done, total: None)
    patience = patience or Patience()
    faults = []
    for address in addresses:
        try:
            _complete(
                _Transfer(address, part, target.name, report, patience.timeout), md5, patience
            )
            with _writing(part):
                part.replace(target)
            return
        except _SourceError as fault:
            faults.append(f"  {address}: {fault}")
    kept = f"{part} keeps what came; the same command goes on from there. " if _size(part) else ""
    raise DownloadError(
        f"no source gave {target.name} as it should be:\n" + "\n".join(faults) + f"\n{kept}"
        "Set another source with SURFEIT_MIRROR=ADDRESS, "
        f"or get the file (md5 {md5}) by hand and put it at {target}"
    )


@dataclass(frozen=True)
class _Transfer:
    address: str
    part: Path
    name: str
    progress: Progress
    timeout: float


def _complete(transfer: _Transfer, md5: str, patience: Patience) -> None:
    """Makes `part` whole and right from one source."""
    found = ""
    for _ in range(2):
        fresh = _size(transfer.part) == 0
        _persist(transfer, patience)
        found = _md5(transfer.part)
        if found == md5:
            return
        transfer.part.unlink()
        if fresh:
            break
        # Another source may have begun the part wrongly: once more from the start.
    raise _SourceError(f"wrong checksum: md5 {found}, expected {md5}")


def _persist(transfer: _Transfer, patience: Patience) -> None:
    """Requests until the source has sent all, or has been cut off too often without a new byte."""
    failures, longest = 0, _size(transfer.part)
    while True:
        try:
            return _request(transfer)
        except _CutError as cut:
            size = _size(transfer.part)
            failures = 1 if size > longest else failures + 1
            longest = max(longest, size)
            if failures > patience.retries:
                raise _SourceError(f"{cut} ({failures} times in a row)") from cut
            time.sleep(patience.wait * 2 ** (failures - 1))


def _request(transfer: _Transfer) -> None:
    """One request for what is missing, written behind what is there."""
    start = _size(transfer.part)
    headers = {"User-Agent": "surfeit", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = urlopen(Request(transfer.address, headers=headers), timeout=transfer.timeout)
    except HTTPError as error:
        with error:
            _refused(transfer.part, error)
        return
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _CutError(f"no answer in {transfer.timeout:g} s") from error
        raise _SourceError(f"{error.reason}") from error
    except (OSError, HTTPException) as error:
        raise _CutError(_words(error)) from error
    with response:
        _receive(transfer, response, start)


def _refused(part: Path, error: HTTPError) -> None:
    if error.code == 416:  # range not satisfiable: the part is as long as the file, or longer
        if _size(part) == _total(error.headers):
            return
        part.unlink()
        raise _CutError("the partial file was longer than the whole") from error
    fault = _CutError if error.code in _PASSING else _SourceError
    raise fault(f"HTTP {error.code} {error.reason}") from error


def _receive(transfer: _Transfer, response: HTTPResponse, start: int) -> None:
    if response.status == 206 and not (
        response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    ):
        raise _SourceError(f"asked for bytes from {start}, got {response.headers['Content-Range']}")
    done = start if response.status == 206 else 0  # 200: the server sends all, Range or not
    length = response.headers.get("Content-Length", "")
    total = done + int(length) if length.isdecimal() else None
    transfer.progress(transfer.name, done, total)
    with _writing(transfer.part), transfer.part.open("ab" if done else "wb") as file:
        while chunk := _read(response, done):
            file.write(chunk)
            done += len(chunk)
            transfer.progress(transfer.name, done, total)
    if total is not None and done < total:
        raise _CutError(f"cut off at {done} of {total} bytes")


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
    total = headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdecimal() else None


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
