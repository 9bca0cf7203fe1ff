"""Whether batch normalisations use a batch's own statistics, or those that they have kept."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from surfeit.prune.options import Mode, check_mode


def by_batch(network: nn.Module, mode: Mode | None) -> tuple[str, ...]:
    """The normalisations that use the statistics of a batch, by dotted name.

    In `training` all of them (batch and instance normalisations), in `evaluation` those alone that
    keep no statistics. With None each that keeps statistics as a new network's, mean 0, variance 1
    and no batch seen: they say nothing of the data yet, so that normalising by them would normalise
    nothing. Networks that were trained, or whose statistics were set, are so taken in evaluation
    mode, and new ones in training mode.

    Raises:
        ValueError: if there is no such mode.
    """
    if mode is not None:
        check_mode(mode)
    every = {name: one for name, one in network.named_modules() if isinstance(one, _NormBase)}
    if mode == "training":
        return tuple(every)
    return tuple(name for name, one in every.items() if mode is None and is_new(one))


def is_new(module: _NormBase) -> bool:
    """Whether a normalisation keeps statistics, and they are still those of no data."""
    mean, variance, count = module.running_mean, module.running_var, module.num_batches_tracked
    if mean is None or variance is None or (count is not None and int(count) > 0):
        return False
    return not bool(mean.any()) and bool((variance == 1).all())


@contextmanager
def normalised_by_batch(network: nn.Module, names: Iterable[str]) -> Iterator[None]:
    """Lets normalisations use each batch's own statistics; those that they keep stay untouched.

    All else, as dropout, stays in the mode that it is in.
    """
    modules = [network.get_submodule(name) for name in names]
    before = [
        (one, one.training, one.track_running_stats, one.running_mean, one.running_var)
        for one in modules
        if isinstance(one, _NormBase)
    ]
    try:
        for one, *_ in before:
            # Without statistics of its own it has nothing to update.
            one.training, one.track_running_stats = True, False
            one.running_mean = one.running_var = None
        yield
    finally:
        for one, training, tracks, mean, variance in before:
            one.training, one.track_running_stats = training, tracks
            one.running_mean, one.running_var = mean, variance


def check_batches(network: nn.Module, names: Iterable[str], smallest: int) -> None:
    """Says so if a batch is too small to have statistics of its own.

    Raises:
        ValueError: if a batch normalisation would see a single example.
    """
    name = next((n for n in names if isinstance(network.get_submodule(n), _BatchNorm)), None)
    if name is not None and smallest < 2:
        raise ValueError(
            f"{name!r} normalises by the statistics of a batch in training mode, and one example "
            "has none: pass a split of at least 2 examples and batch_size >= 2, or "
            'mode="evaluation"'
        )
