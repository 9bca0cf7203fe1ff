"""Wrong labels on purpose: `--label-noise`, and how a run's noisy data are made again."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surfeit.data import Dataset

_MARK = "-noise-"


def noisy(dataset: "Dataset", share: float) -> "Dataset":
    """The data set with that share of its training labels wrong; see `with_label_noise`.

    They are drawn from one stream whatever the seed of the training, as in the studies, so that
    replicates see the same labels and the name of the data is enough to make them again.

    Args:
        dataset: of any kind if the share is 0: it is given back then.
        share: in [0, 1].

    Raises:
        ValueError: as `with_label_noise`.
    """
    if not share:
        return dataset
    from surfeit.core import Streams
    from surfeit.data import with_label_noise

    return with_label_noise(dataset, share, Streams(0).get("noise", "labels"))


def noisy_name(name: str, share: float) -> str:
    """What such data are called: "mnist-noise-0.2"."""
    return f"{name}{_MARK}{share:g}" if share else name


def parted(name: str) -> tuple[str, float]:
    """The name of the data without noise, and its share: 0 where the name says of none."""
    base, mark, share = name.rpartition(_MARK)
    try:
        return (base, float(share)) if mark else (name, 0.0)
    except ValueError:  # it is of another kind
        return name, 0.0
