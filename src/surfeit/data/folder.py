"""A data set of image files, in one folder a class."""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import DataError, Streams
from surfeit.data.dataset import Dataset
from surfeit.data.download import Progress
from surfeit.data.listing import Listing, list_splits
from surfeit.data.pictures import Wanted, read_pictures
from surfeit.data.pixels import Pixels, carve_by_class, normalised

_DECIMALS = 4


def from_folder(
    folder: str | Path,
    *,
    name: str | None = None,
    channels: int = 3,
    size: tuple[int, int] | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    progress: Progress | None = None,
) -> Dataset:
    """A data set of image files: `train/cat/1.jpg`, `train/dog/7.png`, ..., one folder a class.

    Beside `train/` may lie `validation/` and `test/` with the same classes. Without them, and where
    the classes' folders lie in `folder` itself, a fraction of each class's images is drawn for what
    is missing, first for test, then of the rest for validation. Classes are called as their
    folders, in alphabetical order. Images are normalised by the training images' own mean and
    standard deviation, each rounded to four decimals; a channel without variation is only centred.

    The fingerprint is that of the decoded pixels: another decoder of JPEG may differ by a bit.
    Hidden files are left out; of several frames the first is read; transparency is dropped and the
    camera's rotation mark not applied.

    >>> from_folder("photos", size=(64, 64))

    Args:
        folder: which holds the images, as files of its own: symbolic links are refused.
        name: what the data set is called; by default as its folder.
        channels: 3 for red, green and blue, 1 for grey; images are converted.
        size: height and width to resize all images to, without keeping proportions; without it
            they must agree.
        validation, test: the fraction of each class, in (0, 1), rounded down, at least one image;
            not used where there is a folder.
        progress: called with the split's name (`images` before it is divided), the images read and
            how many there are.

    Raises:
        ImportError: if Pillow is not installed.
        DataError: if a file is damaged, no image, of more than 67 million pixels, of another size,
            of more than 8 bits a channel or a link; a folder is empty, or a class has too few
            images to draw from.
        ValueError: if channels, size or a fraction is out of range.

    Cost: one decoding of all images; 5 bytes of memory a pixel and channel while it is made.
    """
    root = Path(folder).expanduser()
    title = root.resolve().name if name is None else name
    wanted = Wanted(channels, size)
    for key, fraction in {"validation": validation, "test": test}.items():
        if not 0 < fraction < 1:
            raise ValueError(f"{key} must be the fraction of images to draw, got {fraction}")
    listing = list_splits(root)
    splits = _read(listing, wanted, progress)
    streams = Streams(0)
    for key, fraction in {"test": test, "validation": validation}.items():
        if key not in splits:
            splits["train"], splits[key] = carve_by_class(
                splits["train"], _share(fraction), streams.get(key, title)
            )
    _check_all_there(splits["train"], listing.class_names)
    mean, std = _constants(splits["train"].images)
    return normalised(
        title,
        {key: splits[key] for key in ("train", "validation", "test")},
        mean=mean,
        std=std,
        class_names=listing.class_names,
    )


def _read(listing: Listing, wanted: Wanted, progress: Progress | None) -> dict[str, Pixels]:
    """Each split's images; all have the size of the first."""
    tell = progress or (lambda name, done, total: None)
    splits = {}
    for key, files in listing.splits.items():
        shown = key if listing.is_divided else "images"

        def count(done: int, shown: str = shown, total: int = len(files)) -> None:
            tell(shown, done, total)

        images = read_pictures([path for path, _ in files], wanted, count)
        wanted = wanted.sized(images)
        splits[key] = Pixels(images, torch.tensor([label for _, label in files]))
    return splits


def _share(fraction: float) -> Callable[[int], int]:
    return lambda count: max(1, int(fraction * count))


def _check_all_there(train: Pixels, class_names: tuple[str, ...]) -> None:
    left = train.labels.bincount(minlength=len(class_names))
    for name, count in zip(class_names, left.tolist(), strict=True):
        if not count:
            raise DataError(
                f"class {name!r} has too few images: none is left for training when some are drawn "
                "for validation and test"
            )


def _constants(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, exactly: from counts of the 256 values."""
    values = torch.arange(256, dtype=torch.float64) / 255
    moments = [_moments(images[:, channel], values) for channel in range(images.shape[1])]
    return tuple(mean for mean, _ in moments), tuple(std for _, std in moments)


def _moments(channel: Tensor, values: Float[Tensor, " 256"]) -> tuple[float, float]:
    # A few images at a time: what is counted becomes 64-bit integers.
    counts = torch.zeros(256, dtype=torch.float64)
    for part in channel.split(max(1, (1 << 20) // channel[0].numel())):
        counts += part.flatten().bincount(minlength=256)
    shares = counts / counts.sum()
    mean = float(shares @ values)
    std = float(shares @ (values - mean).square()) ** 0.5
    return round(mean, _DECIMALS), round(std, _DECIMALS) or 1.0
