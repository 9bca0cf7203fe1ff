"""How many units of a layer can go, as the report and `surfeit prune` say it of the same run."""

from dataclasses import dataclass

import torch

from surfeit.core import Objective, Split
from surfeit.data import Dataset
from surfeit.prune import CanGo, Removal, can_go_of_layer, can_go_sentence, competing_criteria
from surfeit.viewer.frames.operations import removal_operations
from surfeit.viewer.timelines.networks import Network

# Operations that the curves of one layer may take: some seconds of one core. A report that takes
# all examples, too, is far from its own limit then.
_OPERATIONS = 5e10
LOSS = 0.01
"""A point, as `surfeit inspect` and `surfeit prune` have it if not told otherwise."""


@dataclass(frozen=True)
class Answer:
    """How many units can go.

    Args:
        found: the numbers.
        words: the same as a sentence without its stop.
    """

    found: CanGo
    words: str


def can_go_answer(
    network: Network, layer: str, dataset: Dataset, objective: Objective
) -> Answer | None:
    """The bounds for a layer, in numbers and in words: see `can_go_of_layer`.

    Args:
        network: the trained network.
        layer: its dotted name.
        dataset: whose validation split chooses and whose test split judges.
        objective: what judges the outputs.

    Returns:
        the answer. None where there are no bounds, as without classes; where the report takes a
        sample of the examples, as of convolutions; and where the curves would take long.

    Raises:
        ValueError: if units cannot be removed, or the outputs cannot be judged.

    Cost: about 3 s for 300 units, 5,000 validation and 10,000 test images, on one core.
    """
    removal = Removal.of(network.structure, layer)
    splits = {name: dataset.splits[name].to("cpu") for name in ("validation", "test")}
    linear = network.structure.layer(layer).kind == "linear"
    if not linear or removal.units < 2 or not _has_bounds(network, splits["test"], objective):
        return None
    examples = len(competing_criteria()) * len(splits["validation"]) + len(splits["test"])
    one = removal_operations(network, removal, splits["test"])
    if one * removal.units * examples > _OPERATIONS:
        return None
    found = can_go_of_layer(
        network.model,
        layer,
        splits,
        objective=objective,
        loss=LOSS,
        structure=network.structure,
    )
    noun = "images" if dataset.test.holds_images else "examples"
    whose = layer or "the only layer"
    words = can_go_sentence(found, whose=whose, price="a point of accuracy", noun=noun)
    return Answer(found, words)


@torch.no_grad()
def _has_bounds(network: Network, split: Split, objective: Objective) -> bool:
    """Whether each example is right or wrong."""
    first = split[:1]
    right = objective.correct(network.model(network.takes(first.inputs)), first.targets)
    return right is not None and right.numel() == 1
