"""Loss and accuracy of a network on a split."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from surfeit.core.calling import call
from surfeit.core.parameters import Params
from surfeit.core.split import Split

_IMAGES_AT_ONCE = 1000


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy in nats and accuracy as a fraction, over some images."""

    loss: float
    accuracy: float


def score(logits: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]) -> Score:
    """The score of outputs against labels."""
    loss = F.cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    return Score(loss, accuracy)


@torch.no_grad()
def evaluate(model: nn.Module, tensors: Params, split: Split) -> Score:
    """The score of a network with these parameters and buffers on a split, in evaluation mode.

    Args:
        model: the network's structure; its own weights are not used, its mode is restored.
        tensors: parameters and buffers by name.
        split: images and labels on the same device.

    Cost: one forward pass over the split, in parts of 1,000 images.
    """
    training = model.training
    model.eval()
    try:
        parts = split.images.split(_IMAGES_AT_ONCE)
        logits = torch.cat([call(model, tensors, part) for part in parts])
    finally:
        model.train(training)
    return score(logits, split.labels)
