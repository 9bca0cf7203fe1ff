"""Masks from a trained network's weights, put on the untrained one: its accuracy by criterion."""

from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import torch
from torch import nn

from surfeit.core import CollapseError, Params, Split, Streams, buffers, parameters
from surfeit.core.evaluation import evaluate
from surfeit.data import Dataset
from surfeit.models import Structure
from surfeit.procedures.supermasks.actions import Action, rewind, untrained, zero
from surfeit.prune.allocation import layer_rates, layerwise_mask
from surfeit.prune.masks import density
from surfeit.prune.prunable import layer_of
from surfeit.prune.scores import SCORES, Evidence, Score


def large_final_same_sign(evidence: Evidence) -> Params:
    """`|w_f|` where the trained weight `w_f` has the sign of the initial one, else `−|w_f|`.

    The weights that an untrained network already has pointing the right way, the largest first.

    Raises:
        ValueError: if the evidence has no initial weights.

    Source: Zhou et al. 2019, section 5, who give 0 to every changed sign and break the ties at
    random; ours keeps the least of them first. Cost: O(weights).
    """
    before = evidence.initial_weights
    return {
        name: torch.where(w.sign() == before[name].sign(), w.abs(), -w.abs()).double()
        for name, w in evidence.weights.items()
    }


_NAMES = (
    "large_final",
    "small_final",
    "large_init",
    "small_init",
    "large_init_large_final",
    "small_init_small_final",
    "magnitude_increase",
    "movement",
    "random",
)

MASK_CRITERIA: Mapping[str, Score] = MappingProxyType(
    {name: SCORES[name] for name in _NAMES} | {"large_final_same_sign": large_final_same_sign}
)
"""The mask criteria of Zhou et al. 2019 by name: scores of weights, not of units to remove."""

_REWIND: Mapping[str, Action] = MappingProxyType({"rewind": rewind})
_ZERO: Mapping[str, Action] = MappingProxyType({"zero": zero})

SCHEMA = pa.schema(
    [
        ("criterion", pa.string()),
        ("level", pa.int64()),
        ("density", pa.float64()),
        ("kept", pa.string()),
        ("removed", pa.string()),
        ("validation_accuracy", pa.float64()),
        ("test_accuracy", pa.float64()),
    ]
)


def untrained_table(
    network: nn.Module,
    trained: nn.Module,
    dataset: Dataset,
    *,
    streams: Streams,
    criteria: Mapping[str, Score] = MASK_CRITERIA,
    levels: Sequence[int] = tuple(range(1, 25)),
    rate: float = 0.2,
    kept: Mapping[str, Action] = _REWIND,
    removed: Mapping[str, Action] = _ZERO,
) -> pa.Table:
    """Accuracy of an untrained network under masks that its trained weights give.

    At level `l` each layer keeps `(1 − rate)^l` of its weights, the output layer
    `(1 − rate / 2)^l`: those with the largest scores, all at once. The initial weights that are
    kept become what `kept` says, the others what `removed` says; nothing is trained.

    >>> untrained_table(run.model(0), run.model(), dataset, streams=Streams(0))

    Args:
        network: with its initial weights.
        trained: the same network after training.
        dataset: accuracy is measured on its validation and test splits.
        streams: `random` draws from `("criterion", level)`, actions from `("action", level)`.
        criteria: scores by the name they have in the table.
        levels: integers >= 0; level 0 keeps everything.
        rate: removed a level, in [0, 1).
        kept: mask-1 actions by name, see `surfeit.procedures.supermasks.KEPT`.
        removed: mask-0 actions by name, see `surfeit.procedures.supermasks.REMOVED`.

    Returns:
        a row for each criterion, level and pair of actions: `criterion`, `level`, `density` (of
        the mask, over all layers), `kept`, `removed`, `validation_accuracy`, `test_accuracy`
        (fractions).

    Raises:
        ValueError: if there is nothing to measure, a level is negative, the data set is a
            regression, the networks differ or cannot be followed.
        CollapseError: if a level would leave a layer without weights.

    Source: Zhou et al. 2019, sections 2 to 5; their masks for untrained networks are one-shot too.
    Cost: a forward pass over both splits a row.
    """
    if not criteria or not levels or not kept or not removed:
        raise ValueError(
            "a table needs at least one criterion, level and action of each kind, got "
            f"{list(criteria)}, {list(levels)}, {list(kept)} and {list(removed)}"
        )
    if min(levels) < 0:
        raise ValueError(f"levels must be integers >= 0, got {list(levels)}")
    check_classes(dataset)
    structure = Structure.of(network, dataset.train.inputs[:1])
    check_levels(network, levels, rate=rate, structure=structure)
    final = parameters(trained)
    rows: list[dict[str, Any]] = []
    for criterion, level in product(criteria, levels):
        evidence = Evidence(
            trained, initial=parameters(network), generator=streams.get("criterion", level)
        )
        densities = _densities(network, rate, level, structure)
        mask = layerwise_mask(criteria[criterion](evidence), densities)
        row = {"criterion": criterion, "level": level, "density": density(mask)}
        for one, other in product(kept, removed):
            source = streams.get("action", level)
            made = untrained(
                network, mask, final, kept=kept[one], removed=removed[other], generator=source
            )
            rows.append(row | {"kept": one, "removed": other} | accuracies(made, dataset))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def check_classes(dataset: Dataset) -> None:
    """Says so if there are no classes, by which untrained networks with a mask are judged.

    Raises:
        ValueError: if the data set is a regression.
    """
    if dataset.task != "classes":
        raise ValueError(
            f"masks of untrained networks are judged by their accuracy, and {dataset.name} is a "
            "regression, which has none: search for tickets instead, find_tickets(..., "
            "objective=squared_error)"
        )


def check_levels(
    network: nn.Module,
    levels: Sequence[int],
    *,
    rate: float = 0.2,
    structure: Structure | None = None,
) -> None:
    """Says which level of `untrained_table` would leave a layer without weights.

    Raises:
        CollapseError: naming level and layer.
    """
    own = dict(network.named_parameters())
    for level in sorted(levels):
        for name, share in _densities(network, rate, level, structure).items():
            if round(share * own[name].numel()) < 1:
                raise CollapseError(
                    f"level {level} would leave layer {layer_of(name)!r} without weights: its "
                    f"{own[name].numel():,} are too few; ask for levels below {level}"
                )


def accuracies(network: nn.Module, dataset: Dataset) -> dict[str, float]:
    """`validation_accuracy` and `test_accuracy` of a network as it stands, fractions."""
    return {
        f"{name}_accuracy": accuracy(network, dataset.splits[name])
        for name in ("validation", "test")
    }


def accuracy(network: nn.Module, split: Split) -> float:
    """The accuracy of a network as it stands, a fraction."""
    found = evaluate(network, parameters(network) | buffers(network), split).accuracy
    assert found is not None  # cross-entropy judges classes alone
    return found


def _densities(
    network: nn.Module, rate: float, level: int, structure: Structure | None
) -> dict[str, float]:
    rates = layer_rates(network, rate, structure=structure)
    return {name: (1 - own) ** level for name, own in rates.items()}
