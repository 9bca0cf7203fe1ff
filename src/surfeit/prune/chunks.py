"""How many images at a time: bounded by memory, small enough for the processor's cache."""

import math
from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from surfeit.prune.chain import Cut

# Next-layer activations of about this size are read from the cache again at every removal.
_CACHE = 2**20
# Fewer images than this leave matrix products waiting for weights.
_LEAST = 128


def images_at_once(cut: Cut, image: Tensor, *, memory: int) -> int:
    """Images whose removals are computed together, at least 1.

    As many as `memory` bytes hold, by the shapes that one image [1, ...] takes on its way; on a CPU
    no more than the cache holds of the next layer's activations.

    Raises:
        ValueError: if the model does not take such an image, or a layer's output is not what a
            chain over images gives.
    """
    try:
        features = cut.before(image)
        _check_units(cut, features)
        features = cut.between(features)
        Z = features if cut.following is None else cut.following(features)
        logits = cut.after(Z)
    except RuntimeError as error:
        raise ValueError(f"the model takes no image {list(image.shape[1:])}: {error}") from error
    _check_features(cut, features)
    if logits.dim() != 2:
        raise ValueError(f"the model must return [images, classes], got {list(logits.shape)}")
    # Kept through a chunk: the features, their reduced copy and their blocks; Z and what joins it.
    kept = 3 * features.numel() + 3 * Z.numel()
    following = () if cut.following is None else (cut.following,)
    passing = max(
        _largest_step((*cut.before, *cut.between), image),
        _largest_step(following, features),
        _largest_step(cut.after, Z),
    )
    most = memory // ((kept + passing) * Z.element_size())
    if image.device.type == "cpu":
        most = min(most, max(_LEAST, _CACHE // (Z.numel() * Z.element_size())))
    return max(1, most)


def _largest_step(modules: Iterable[nn.Module], x: Tensor) -> int:
    """Numbers held at once, at most, while the modules run one after another."""
    largest = x.numel()
    for module in modules:
        out = module(x)
        largest = max(largest, x.numel() + out.numel() + _unfolded(module, out))
        x = out
    return largest


def _unfolded(module: nn.Module, out: Tensor) -> int:
    # Double precision convolutions on a CPU lay all their patches out in memory.
    if not isinstance(module, _ConvNd):
        return 0
    positions = out.numel() // module.out_channels
    return module.in_channels * math.prod(module.kernel_size) * positions


def _check_units(cut: Cut, output: Tensor) -> None:
    if output.dim() < 2 or output.shape[1] != cut.units:
        raise ValueError(
            f"the layer's output must be [images, {cut.units} units, ...], got "
            f"{list(output.shape)}: is a Flatten missing before it?"
        )


def _check_features(cut: Cut, features: Tensor) -> None:
    dims = len(cut.following.kernel_size) + 2 if isinstance(cut.following, _ConvNd) else 2
    if features.dim() != dims or features.shape[1] % cut.units != 0:
        raise ValueError(
            f"the next layer reads {list(features.shape)}, where the units' outputs must be side "
            "by side in the second dimension: is a Flatten missing before it?"
        )
