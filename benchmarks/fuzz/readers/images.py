"""Image files in one folder a class: every format that is read."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz.judging import attempt
from fuzz.readers.reader import Reader, write
from surfeit.data.pictures import Wanted, read_pictures

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


def seeds() -> Mapping[str, bytes]:
    """A picture of 4 x 4 in each format, in colours and in grey."""
    pixels = (np.arange(48) * 5).astype(np.uint8).reshape(4, 4, 3)
    found = {}
    for kind in _FORMATS:
        for name, array in (("colour", pixels), ("grey", pixels[:, :, 0].copy())):
            stream = io.BytesIO()
            Image.fromarray(array).save(stream, kind)
            found[f"{name}.{kind.lower()}"] = stream.getvalue()
    return found


def read(content: bytes, folder: Path) -> None:
    """Decodes the file in colours as it is, and in grey at another size."""
    path = write(folder, "picture", content)
    for wanted in (Wanted(3, None), Wanted(1, (2, 3))):
        attempt(lambda how=wanted: read_pictures([path], how, lambda done: None))


READERS = (Reader("images", seeds, read),)
