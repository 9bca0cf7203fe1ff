"""Data sets as tensors in three splits: loaded, fetched, changed, or made of your own data."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.data.catalog import SOURCES, load
    from surfeit.data.change import only_classes, pooled, subset, with_label_noise
    from surfeit.data.collected import Examples, from_dataset
    from surfeit.data.dataset import Dataset, check_dataset
    from surfeit.data.download import Progress
    from surfeit.data.fetch import fetch
    from surfeit.data.files import dataset_digest, read_dataset, write_dataset
    from surfeit.data.folder import from_folder
    from surfeit.data.halves import halves
    from surfeit.data.kept import keep_data, kept_data
    from surfeit.data.own import from_tensors
    from surfeit.data.root import data_root
    from surfeit.data.sent import receive_dataset, send_dataset
    from surfeit.data.status import DatasetStatus, status
    from surfeit.data.xord import xord_data

__all__ = [
    "SOURCES",
    "Dataset",
    "DatasetStatus",
    "Examples",
    "Progress",
    "check_dataset",
    "data_root",
    "dataset_digest",
    "fetch",
    "from_dataset",
    "from_folder",
    "from_tensors",
    "halves",
    "keep_data",
    "kept_data",
    "load",
    "only_classes",
    "pooled",
    "read_dataset",
    "receive_dataset",
    "send_dataset",
    "status",
    "subset",
    "with_label_noise",
    "write_dataset",
    "xord_data",
]

lazy_front(__name__)
