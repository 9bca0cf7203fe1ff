"""What the study `dropout` measures: beside it, so that judging anew measures nothing anew."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn

from surfeit.core import Streams, one_thread
from surfeit.data import Dataset
from surfeit.similarity import explained_by_others, output_directions, shuffled
from surfeit.store import Run


@one_thread()
@torch.no_grad()
def averaged(
    run: Run, dataset: Dataset, rate: float, images: int, networks: int
) -> Iterator[dict[str, Any]]:
    """The network with its weights scaled against the average of networks with units left out.

    The scaled network is the one that is used after training. Distances are between probabilities,
    squared, summed over the classes and averaged over images. The average over all sub-networks is
    not known, so that its distance is estimated without bias from two halves that share none:
    `⟨p − a, p − b⟩`, with `a` and `b` the halves' means. It is held against the distance of a
    single sub-network from the average, its variance.

    Args:
        run: a training of a fully connected network, with or without dropout.
        dataset: whose first test images are looked at.
        rate: of dropout, at which units are left out here, whatever the training did.
        images: how many.
        networks: how many sub-networks, even.

    Yields:
        one row: `distance` and its standard error over images, `error_of_distance`; `spread`, the
        variance; `ratio`, distance over spread; accuracies of the `scaled` and the `averaged`.
    """
    network, inputs = run.model(), dataset.test.inputs[:images]
    labels = dataset.test.labels[:images]
    scaled = network.eval()(inputs).softmax(1).double()
    masked = masked_network(network, rate, Streams(run.config["seed"]).get("sub-networks"))
    halves = torch.zeros(2, *scaled.shape, dtype=torch.float64)
    squares = torch.zeros(len(scaled), dtype=torch.float64)
    for place in range(networks):
        found = masked(inputs).softmax(1).double()
        halves[place % 2] += found / (networks / 2)
        squares += found.square().sum(1) / networks
    mean = halves.mean(0)
    spread = (squares - mean.square().sum(1)) * networks / (networks - 1)
    distance = ((scaled - halves[0]) * (scaled - halves[1])).sum(1)
    yield {
        "distance": float(distance.mean()),
        "error_of_distance": float(distance.std() / len(distance) ** 0.5),
        "spread": float(spread.mean()),
        "ratio": float(distance.mean() / spread.mean()),
        "scaled_accuracy": float((scaled.argmax(1) == labels).double().mean()),
        "averaged_accuracy": float((mean.argmax(1) == labels).double().mean()),
    }


def masked_network(network: nn.Module, rate: float, generator: Generator) -> nn.Module:
    """The layers of a fully connected network, each call with other units left out.

    One draw serves all images of a call: a sub-network. Units that stay are scaled by
    1 / (1 − rate), as dropout does in training.
    """
    parts: list[nn.Module] = []
    for part in network.children():
        if not isinstance(part, nn.Dropout):
            parts.append(part)
        if isinstance(part, nn.ReLU):
            parts.append(_LeftOut(rate, generator))
    return nn.Sequential(*parts)


class _LeftOut(nn.Module):
    def __init__(self, rate: float, generator: Generator) -> None:
        super().__init__()
        self._rate, self._generator = rate, generator

    def forward(self, hidden: Tensor) -> Tensor:
        kept = torch.rand(hidden.shape[1], generator=self._generator) >= self._rate
        return hidden * (kept.to(hidden) / (1 - self._rate))


@one_thread()
@torch.no_grad()
def adapted(run: Run, dataset: Dataset, images: int, alike: float) -> Iterator[dict[str, Any]]:
    """How much a network's hidden units go together, on the first test images, a row a layer.

    Outputs are those behind the ReLU, the whole network being used. `square` is the mean squared
    correlation of all pairs of units that are not dead, `near` the share of these pairs with a
    correlation of at least `alike`, `explained` the mean share of a unit's variance that a linear
    combination of the others explains, `live` the share of units that are not dead. `null_square`,
    `null_near` and `null_explained` are the same of outputs with each unit's images shuffled.
    """
    network, hidden = run.model().eval(), dataset.test.inputs[:images]
    generator = Streams(run.config["seed"]).get("shuffled")
    layer = 0
    for part in network.children():
        hidden = part(hidden)
        if not isinstance(part, nn.ReLU):
            continue
        layer += 1
        outputs = hidden.T.contiguous()
        found = _together(outputs, alike)
        null = _together(shuffled(outputs, generator), alike)
        row: dict[str, Any] = {"layer": layer}
        row |= found | {f"null_{name}": value for name, value in null.items() if name != "live"}
        row["test_accuracy"] = run.metrics()["test_accuracy"][-1].as_py()
        yield row


def _together(outputs: Tensor, alike: float) -> dict[str, float | None]:
    directions = output_directions(outputs).double()
    live = directions.norm(dim=1) > 0
    rows = directions[live]
    upper = torch.triu_indices(len(rows), len(rows), 1)
    pairs = (rows @ rows.T)[upper[0], upper[1]]
    explained = explained_by_others(outputs)
    return {
        "square": float(pairs.square().mean()) if len(pairs) else None,
        "near": float((pairs >= alike).double().mean()) if len(pairs) else None,
        "explained": float(explained.nanmean()) if len(pairs) else None,
        "live": float(live.double().mean()),
    }
