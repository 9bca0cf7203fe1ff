"""Untrained networks with a mask: from a trained network's weights, learned, or popped up."""

from surfeit.procedures.supermasks.actions import (
    KEPT,
    REMOVED,
    Action,
    Weights,
    signed_constants,
    untrained,
)
from surfeit.procedures.supermasks.bernoulli import BernoulliMask
from surfeit.procedures.supermasks.edge_popup import EdgePopup, kaiming
from surfeit.procedures.supermasks.masked import MaskedNetwork
from surfeit.procedures.supermasks.sampled import sampled_accuracy

__all__ = [
    "KEPT",
    "REMOVED",
    "Action",
    "BernoulliMask",
    "EdgePopup",
    "MaskedNetwork",
    "Weights",
    "kaiming",
    "sampled_accuracy",
    "signed_constants",
    "untrained",
]
