"""The safetensors format as a fuzzer can change it: without the length in front of the header.

A changed header would seldom fit the length before it, and every reader would stop there. So an
input is header and tensors, parted by a zero byte, and the length is put in front here; one that
begins with `!` is the file itself.
"""

_RAW = b"!"


def framed(content: bytes) -> bytes:
    """The file that an input stands for."""
    if content.startswith(_RAW):
        return content[1:]
    header, _, body = content.partition(b"\0")
    return len(header).to_bytes(8, "little") + header + body


def unframed(file: bytes) -> bytes:
    """The input that stands for a file."""
    end = 8 + int.from_bytes(file[:8], "little")
    return file[8:end] + b"\0" + file[end:]


def raw(file: bytes) -> bytes:
    """The input that is a file as it is."""
    return _RAW + file
