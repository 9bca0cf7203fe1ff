"""Whether what a network says of an example depends on the examples beside it."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def check_examples_apart(model: nn.Module) -> None:
    """Says so if an example's outputs depend on those beside it, and so on the batch size.

    Raises:
        ValueError: if a batch normalisation keeps no running statistics.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"{name!r} keeps no running statistics, so that an example's outputs depend on the "
                "others beside it: build it with track_running_stats=True"
            )
