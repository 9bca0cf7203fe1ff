"""torch's loaders, read so that nothing is lost and the order is the same each time."""

from collections.abc import Iterator
from typing import Any

from torch.utils import data as torch_data
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

_REMEDY = "pass the data set itself"


def length(source: Any) -> int | None:
    """How many it says it has, if it does."""
    try:
        return len(source)
    except (TypeError, NotImplementedError):
        return None


def is_batched(loader: DataLoader[Any]) -> bool:
    """Whether the loader puts batches together, or passes its data set's items on."""
    return loader.batch_sampler is not None


def collates_itself(loader: DataLoader[Any]) -> bool:
    """Whether batches are put together by torch, so that the data set's items are pairs."""
    return loader.collate_fn in (torch_data.default_collate, torch_data.default_convert)


def in_order(loader: DataLoader[Any], split: str) -> tuple[DataLoader[Any], int | None]:
    """The same loader, in its data set's own order where it would shuffle, and its examples.

    Each worker of a loader would read an iterable data set whole, unless it knows of workers: such
    a one is read without any.

    Raises:
        ValueError: if it would lose examples: the last ones, or those that its sampler leaves out.
    """
    dataset = loader.dataset
    sampler, size, drop_last = _sampling(loader)
    if isinstance(dataset, torch_data.IterableDataset):
        total = length(dataset)
        _check_last(split, total, size, drop_last)
        alone = DataLoader(dataset, batch_size=size, collate_fn=loader.collate_fn)
        return alone, total
    order = _order(sampler, split)
    if order is None:
        return loader, length(dataset)
    _check_last(split, len(order), size, drop_last)
    ordered = DataLoader(
        dataset,
        batch_size=size,
        sampler=order,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
    )
    return ordered, len(order)


def batches(loader: DataLoader[Any], split: str) -> Iterator[Any]:
    """What the loader gives.

    Raises:
        ValueError: if torch cannot put a batch together.
    """
    iterator = iter(loader)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except (TypeError, RuntimeError) as error:
            if not any(words in str(error) for words in ("default_collate", "stack expects")):
                raise
            raise ValueError(
                f"the {split} split's loader cannot put a batch together: its examples must be "
                "tensors, arrays or numbers of one shape (add a transform that makes them so)"
            ) from error
        yield batch


def _sampling(loader: DataLoader[Any]) -> tuple[Any, int | None, bool]:
    """The sampler, the batches' size and whether a smaller last one is dropped."""
    batch_sampler = loader.batch_sampler
    if type(batch_sampler) is torch_data.BatchSampler:  # the default, or one given as such
        return batch_sampler.sampler, batch_sampler.batch_size, batch_sampler.drop_last
    if batch_sampler is None:
        return loader.sampler, None, False
    return batch_sampler, None, False


def _order(sampler: Any, split: str) -> list[int] | range | None:
    """The order in which to read a data set, or None: as the sampler gives it.

    Raises:
        ValueError: if it leaves examples out by chance or leaves them to other processes.
    """
    if isinstance(sampler, DistributedSampler) and sampler.num_replicas > 1:
        raise ValueError(
            f"the {split} split's loader reads one share of {sampler.num_replicas} "
            f"(DistributedSampler): {_REMEDY}"
        )
    if isinstance(sampler, torch_data.SequentialSampler):
        return range(len(sampler))
    if isinstance(sampler, torch_data.SubsetRandomSampler):
        return list(sampler.indices)
    if isinstance(sampler, torch_data.RandomSampler | torch_data.WeightedRandomSampler):
        weighted = isinstance(sampler, torch_data.WeightedRandomSampler)
        if weighted or sampler.replacement or len(sampler) != len(sampler.data_source):
            raise ValueError(
                f"the {split} split's loader draws examples by chance "
                f"({type(sampler).__name__}) and leaves some out: {_REMEDY}"
            )
        return range(len(sampler))
    return None


def _check_last(split: str, total: int | None, size: int | None, drop_last: bool) -> None:
    if not drop_last or size is None:
        return
    if total is None or total % size:
        lost = "may lose its last examples" if total is None else f"loses its last {total % size}"
        raise ValueError(
            f"the {split} split's loader {lost}{'' if total is None else f' of {total} examples'} "
            f"(drop_last=True): {_REMEDY}, or a loader with drop_last=False"
        )
