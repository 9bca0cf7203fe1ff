"""What the study `regularisers` computes and measures: beside it, so that judging is for free."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from surfeit.core import one_thread
from surfeit.data import Dataset
from surfeit.least_squares import sparse_solution
from surfeit.store import Run
from surfeit.studies._fitting import examples


@one_thread()
def solved(
    dataset: Dataset, seed: int, images: int, strengths: list[float]
) -> Iterator[dict[str, Any]]:
    """Linear least squares on a seed's images with L1 and with L2, a row for each strength.

    Pixels and one-hot labels are taken less their means, and pixels that never change are left
    out: their weights would be zero whatever the penalty is. A strength is a share of the largest
    pull `max |Xᵀ Y| / n`, at which L1 leaves nothing. `l1_zeros` and `l2_zeros` are shares of the
    weights that are exactly zero, `l1_error` and `l2_error` of the test images misclassified.
    """
    chosen, test = examples(dataset, images, seed).train, dataset.test
    rows = chosen.inputs.flatten(1).double()
    changes = rows.amax(0) > rows.amin(0)
    centre, labels = rows[:, changes].mean(0), F.one_hot(chosen.labels, dataset.classes).double()
    rows, targets = rows[:, changes] - centre, labels - labels.mean(0)
    judged = test.inputs.flatten(1).double()[:, changes] - centre
    hessian, pull = rows.T @ rows / len(rows), rows.T @ targets / len(rows)
    for strength in strengths:
        penalty = strength * float(pull.abs().max())
        found = {
            "l1": sparse_solution(rows, targets, penalty=penalty, tolerance=1e-3),
            "l2": torch.linalg.solve(hessian + penalty * torch.eye(len(pull)).double(), pull),
        }
        row: dict[str, Any] = {"seed": seed, "strength": strength}
        for name, weights in found.items():
            right = (judged @ weights + labels.mean(0)).argmax(1) == test.labels
            row[f"{name}_zeros"] = float((weights == 0).double().mean())
            row[f"{name}_error"] = 1 - float(right.double().mean())
        yield row


def small_weights(run: Run, least: float) -> Iterator[dict[str, Any]]:
    """Of the weights at a run's end the share that is 0, and the share smaller than `least`."""
    every = torch.cat([v.flatten() for v in run.tensors().values() if v.dim() > 1])
    yield {
        "zeros": float((every == 0).double().mean()),
        "small": float((every.abs() < least).double().mean()),
    }
