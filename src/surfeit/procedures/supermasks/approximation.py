"""How near a pruned random network comes to its target, against its width."""

from collections.abc import Sequence

import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Streams
from surfeit.procedures.supermasks.construction import Construction, construct, target_layers
from surfeit.procedures.supermasks.paths import Choose, nearest_pair

SCHEMA = pa.schema(
    [
        ("pairs", pa.int64()),
        ("seed", pa.int64()),
        ("weights", pa.int64()),
        ("kept", pa.int64()),
        ("weight_error", pa.float64()),
        ("output_error", pa.float64()),
        ("mean_output_error", pa.float64()),
        ("output_bound", pa.float64()),
        ("agreement", pa.float64()),
    ]
)


def approximation_error(
    target: nn.Sequential,
    images: Float[Tensor, "n *image"],
    *,
    pairs: Sequence[int],
    seeds: Sequence[int] = (0,),
    choose: Choose = nearest_pair,
) -> pa.Table:
    """Measures constructions of several widths against their target.

    >>> table = approximation_error(mlp((20,)), load("digits").test.images, pairs=(10, 100))

    Args:
        target: as for `construct`.
        images: what both networks are given, of the target's dtype.
        pairs: intermediate units for each input and bias, one number a construction, each >= 1.
        seeds: one a replicate; draws from its stream ("construction", pairs).
        choose: `nearest_pair` or `best_subset`.

    Returns:
        rows `pairs, seed, weights, kept, weight_error, output_error, mean_output_error,
        output_bound, agreement`: how many weights the random network has (biases included) and the
        mask keeps; the largest error of a path; the largest and mean difference of an output over
        the images; what the largest cannot exceed by `output_bound`; the share of images whose
        largest output is the same.

    Raises:
        ValueError: if nothing is to be measured, or as `construct`.

    Source: Malach et al. 2020, section 2. Cost: a construction, two passes over the
    images and one for the bound each.
    """
    if not pairs or not seeds or len(images) == 0:
        raise ValueError("give at least one number of pairs, one seed and one image")
    rows = []
    for seed in seeds:
        for count in pairs:
            generator = Streams(seed).get("construction", count)
            found = construct(target, pairs=count, generator=generator, choose=choose)
            rows.append({"pairs": count, "seed": seed} | _measured(target, found, images))
    return pa.Table.from_pylist(rows, SCHEMA)


@torch.no_grad()
def output_bound(
    target: nn.Sequential, found: Construction, images: Float[Tensor, "n *image"]
) -> Float[Tensor, "n outputs"]:
    """What the difference of each output cannot exceed, by the errors of the paths.

    From `e = 0` at the images, layer by layer with the target's inputs `x`, weights `W` and the
    path errors `E` (and `E_b` of the bias): `e ← |W| e + E (|x| + e) + E_b`. ReLU adds nothing to
    it: `|relu(a) − relu(b)| ≤ |a − b|`.

    Args:
        target: what was constructed.
        found: the construction of it.
        images: [n, ...] as the target takes them.
    """
    x = images.flatten(1) if isinstance(next(target.children()), nn.Flatten) else images
    error = torch.zeros_like(x)
    for place, (name, layer) in enumerate(target_layers(target).items()):
        x = x.relu() if place else x
        path, bias = found.errors[name][:, :-1], found.errors[name][:, -1]
        error = error @ layer.weight.abs().T + (x.abs() + error) @ path.T + bias
        x = layer(x)
    return error


@torch.no_grad()
def _measured(target: nn.Sequential, found: Construction, images: Tensor) -> dict[str, float | int]:
    ours, theirs = found.pruned()(images), target(images)
    difference = (ours - theirs).abs()
    return {
        "weights": sum(value.numel() for value in found.network.parameters()),
        "kept": sum(int(kept.sum()) for kept in found.mask.values()),
        "weight_error": max(float(one.max()) for one in found.errors.values()),
        "output_error": float(difference.max()),
        "mean_output_error": float(difference.mean()),
        "output_bound": float(output_bound(target, found, images).max()),
        "agreement": float((ours.argmax(1) == theirs.argmax(1)).double().mean()),
    }
