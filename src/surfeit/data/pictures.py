"""Image files as pixels, read warily by Pillow."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from surfeit.core import DataError, lacks_memory
from surfeit.data.opening import open_regular

if TYPE_CHECKING:
    from PIL import Image

_MISSING = "reading image files needs Pillow: pip install 'surfeit[images]'"
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # none that runs other programs
_MODES = {1: "L", 3: "RGB"}
_DEEP = ("I", "F")  # the first letters of Pillow's modes of more than 8 bits
_MOST_PIXELS = 1 << 26
_TELL_AFTER = 100  # images


@dataclass(frozen=True)
class Wanted:
    """What images are to become.

    Args:
        channels: 1 or 3.
        size: height and width.
        resizes: whether other sizes are resized or refused.

    Raises:
        ValueError: if channels or size is out of range.
    """

    channels: int
    size: tuple[int, int] | None
    resizes: bool = True

    def __post_init__(self) -> None:
        if self.channels not in _MODES:
            raise ValueError(f"channels must be 1 (grey) or 3 (colours), got {self.channels!r}")
        if self.size is not None and not _is_size(self.size):
            raise ValueError(
                f"size must be (height, width), each at least 1, of at most {_MOST_PIXELS:,} "
                f"pixels, got {self.size!r}"
            )

    def sized(self, images: Tensor) -> "Wanted":
        """The same, of the size of these images."""
        height, width = images.shape[-2:]
        return replace(self, size=(height, width), resizes=self.resizes and self.size is not None)


def read_pictures(
    paths: Sequence[Path], wanted: Wanted, progress: Callable[[int], None]
) -> UInt8[Tensor, "n channels height width"]:
    """The images in some files, in their order.

    Args:
        paths: at least one.
        wanted: without a size that of the first.
        progress: called with the images read.

    Raises:
        ImportError: if Pillow is not installed.
        DataError: if a file is damaged or not as it should be; it is named.
    """
    progress(0)
    first = _picture(paths[0], wanted)
    wanted = wanted.sized(first)
    images = _room(len(paths), first)
    images[0] = first
    for number, path in enumerate(paths[1:], start=1):
        if number % _TELL_AFTER == 0:
            progress(number)
        images[number] = _picture(path, wanted)
    progress(len(paths))
    return images


def _room(count: int, like: Tensor) -> Tensor:
    try:
        return like.new_empty((count, *like.shape))
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        raise DataError(
            f"{count:,} images of {like.shape[-2]} x {like.shape[-1]} pixels take "
            f"{count * like.numel() / 1e9:,.1f} GB, more memory than there is: pass a smaller "
            "size=(height, width)"
        ) from error


def _picture(path: Path, wanted: Wanted) -> UInt8[Tensor, "channels height width"]:
    pillow = _pillow()
    try:
        with warnings.catch_warnings():
            # Of Pillow's own smaller limit of pixels; ours is checked before anything is decoded.
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            with open_regular(path) as file, pillow.open(file, formats=_FORMATS) as image:
                _check(path, image, wanted)
                pixels = np.asarray(_converted(image, wanted, pillow))
    except DataError:
        raise
    except pillow.DecompressionBombError as error:
        raise _bomb(path, str(error)) from error
    except OSError as error:
        what = error.strerror or "it is damaged or of another format"
        raise DataError(f"{path}: expected a readable image: {what}") from error
    except Exception as error:  # a damaged image raises nearly any exception
        raise DataError(f"{path}: expected a whole image, found a damaged one: {error}") from error
    return torch.tensor(pixels).reshape(*pixels.shape[:2], -1).permute(2, 0, 1)


def _check(path: Path, image: "Image.Image", wanted: Wanted) -> None:
    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise _bomb(path, f"it claims {width} x {height}")
    if image.mode.startswith(_DEEP):
        raise DataError(
            f"{path}: found more than 8 bits a channel (mode {image.mode}), which would be cut: "
            "convert it, or use from_tensors"
        )
    if wanted.size is not None and not wanted.resizes and wanted.size != (height, width):
        raise DataError(
            f"{path}: found {height} x {width} pixels, the images before it have "
            f"{wanted.size[0]} x {wanted.size[1]}: pass size=(height, width) to resize all"
        )


def _converted(image: "Image.Image", wanted: Wanted, pillow: Any) -> "Image.Image":
    converted = image.convert(_MODES[wanted.channels])
    if wanted.size is None or (image.height, image.width) == wanted.size:
        return converted
    height, width = wanted.size
    return converted.resize((width, height), pillow.Resampling.BILINEAR)


def _bomb(path: Path, claim: str) -> DataError:
    most = f"at most {_MOST_PIXELS:,} pixels are read"
    return DataError(f"{path}: found an image too large to decode, {claim}: {most}")


def _is_size(size: object) -> bool:
    if not isinstance(size, tuple | list) or len(size) != 2:
        return False
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
    return whole and size[0] * size[1] <= _MOST_PIXELS


def _pillow() -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        if error.name != "PIL":
            raise
        raise ImportError(_MISSING) from error
    return Image
