"""What the study `cross_entropy` computes and measures: beside it, so that judging anew computes
nothing anew. All is in nats."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from surfeit.core import Split, Streams, evaluate, outputs_of
from surfeit.core.threads import one_thread
from surfeit.data import Dataset, with_label_noise
from surfeit.store import Run
from surfeit.studies._fitting import examples

SLIDES = ((0.3, 0.4, 0.3), (0.01, 0.98, 0.01))
"""Two outputs for an example of the second of three classes: the slides give 0.916 and 0.02 nats.

Of a label without doubt the cross-entropy is −log of what its class is given, here 0.4 and 0.98,
however the rest is shared out; the slides' numbers leave that open, and so do we.
"""


def entropy(p: Tensor) -> Tensor:
    """H(p) = −Σ p log p over the last axis, with 0 log 0 = 0."""
    return -torch.xlogy(p, p).sum(-1)


def cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """H(p, q) = −Σ p log q over the last axis; infinite where q is 0 and p is not."""
    return -torch.xlogy(p, q).sum(-1)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) = Σ p log(p/q) over the last axis: H(p, q) − H(p), at least 0, and 0 at q = p."""
    return torch.xlogy(p, torch.where(p > 0, p / q, 1.0)).sum(-1)


def noisy_labels(share: float, classes: int) -> Tensor:
    """The distribution [classes] of a label that was 0, and is drawn anew with this chance.

    1 − share + share/classes of its own class, share/classes of each other.
    """
    p = torch.full((classes,), share / classes, dtype=torch.float64)
    p[0] += 1 - share
    return p


def tables(seed: int, classes: int, many: int, labels: int, steps: int) -> Iterator[dict[str, Any]]:
    """A row: the loss of one random distribution on many labels drawn from another, and what it is
    made of; and the distribution under which some labels are most likely.

    The likelihood is climbed by gradient descent on the logits, at the rate 1, from equal ones.
    """
    generator = Streams(seed).get("tables")
    p, q = _distributions(2, classes, generator)
    lost = -q.log()[torch.multinomial(p, many, replacement=True, generator=generator)]
    drawn = torch.multinomial(p, labels, replacement=True, generator=generator)
    frequencies = torch.bincount(drawn, minlength=classes).double() / labels
    logits = torch.zeros(classes, dtype=torch.float64)
    for _ in range(steps):
        logits = logits - (logits.softmax(0) - frequencies)
    likely = logits.log_softmax(0)
    yield {
        "cross": lost.mean().item(),
        "entropy": entropy(p).item(),
        "divergence": divergence(p, q).item(),
        "loss": -likely[drawn].mean().item(),  # a label at a time: −log likelihood / labels
        "least": entropy(frequencies).item(),
    }


def _distributions(count: int, classes: int, generator: torch.Generator) -> Tensor:
    """Distributions [count, classes] drawn uniformly from all that there are."""
    drawn = torch.rand(count, classes, generator=generator, dtype=torch.float64)
    weights = -drawn.log()
    return weights / weights.sum(1, keepdim=True)


def right_model(
    seed: int, sizes: list[int], features: int, classes: int, draws: int, test: int
) -> Iterator[dict[str, Any]]:
    """A row a number of examples: what maximum likelihood in a right model loses, and seems to win.

    Labels are drawn from a softmax of a linear function of normal inputs, a new one each draw, and
    the same model is fitted. Losses are over what the right distribution itself has: on new inputs
    in expectation over labels, on the training examples with the labels drawn.
    """
    for size in sizes:
        generator = Streams(seed).get("right model", size)
        options: Any = {"generator": generator, "dtype": torch.float64}
        true = torch.randn(draws, features + 1, classes - 1, **options) / features**0.5
        seen = _with_ones(torch.randn(draws, size, features, **options))
        right = _log_softmax(seen, true)
        labels = torch.multinomial(right.exp().flatten(0, 1), 1, generator=generator)
        labels = labels.view(draws, size, 1)
        found = most_likely(seen, labels[:, :, 0], classes)
        gain = (_log_softmax(seen, found) - right).gather(2, labels).mean((1, 2))
        new = _with_ones(torch.randn(draws, test, features, **options))
        p, q = (_log_softmax(new, weights).exp() for weights in (true, found))
        yield {
            "place": size,
            "entropy": entropy(p).mean().item(),
            "excess": divergence(p, q).mean().item(),
            "gain": gain.mean().item(),
        }


def most_likely(inputs: Tensor, labels: Tensor, classes: int, *, steps: int = 12) -> Tensor:
    """Weights [draws, features, classes − 1] of the softmax that make the labels most likely.

    Newton's method from 0; the last class has the net input 0. Of inputs [draws, n, features] and
    labels [draws, n].

    Raises:
        ValueError: if the gradient is not 0 at the end, as where classes can be told apart without
            an error and the weights grow without bound.
    """
    draws, size, features = inputs.shape
    weights = inputs.new_zeros(draws, features, classes - 1)
    wanted = torch.nn.functional.one_hot(labels, classes)[..., :-1].to(inputs)
    slope = weights
    for _ in range(steps):
        p = _log_softmax(inputs, weights).exp()[..., :-1]
        slope = torch.einsum("dnf,dnc->dfc", inputs, p - wanted) / size
        spread = torch.diag_embed(p) - p[..., :, None] * p[..., None, :]
        bend = torch.einsum("dnf,dnce,dng->dfcge", inputs, spread, inputs) / size
        square = bend.reshape(draws, features * (classes - 1), -1)
        step, _ = torch.linalg.solve_ex(square, slope.reshape(draws, -1, 1))
        weights = weights - step.view_as(weights)
    if not bool((slope.abs() < 1e-6).all()):
        raise ValueError(
            f"no weights make the labels of {size} examples most likely: they can be told apart "
            "without an error; draw more examples"
        )
    return weights


def _with_ones(inputs: Tensor) -> Tensor:
    return torch.cat([inputs, torch.ones_like(inputs[..., :1])], -1)


def _log_softmax(inputs: Tensor, weights: Tensor) -> Tensor:
    """log p [draws, n, classes]; the last class has the net input 0."""
    net = inputs @ weights
    return torch.cat([net, torch.zeros_like(net[..., :1])], -1).log_softmax(-1)


def relabelled(dataset: Dataset, share: float, seed: int) -> Dataset:
    """The data with a share of the training labels drawn anew from all classes, by a seed.

    Raises:
        ValueError: as `with_label_noise`.
    """
    return with_label_noise(dataset, share, Streams(seed).get("labels"), kind="uniform")


def losses_by_step(
    run: Run, dataset: Dataset, images: int, share: float
) -> Iterator[dict[str, Any]]:
    """A row a kept step: the losses, on validation and test images in expectation over noise.

    Args:
        run: trained on so many images of its seed, `relabelled`.
        dataset: the whole one, with its right labels: it is sent once for all runs.
        images: as of `examples`.
        share: as of `relabelled`.
    """
    seed = run.config["seed"]
    seen = relabelled(examples(dataset, images, seed), share, seed).train
    model = run.model()
    for step in run.steps():
        tensors = run.tensors(step)
        with one_thread():
            yield {
                "step": step,
                "train_loss": evaluate(model, tensors, seen).loss,
                **{
                    f"{name}_loss": expected_loss(
                        outputs_of(model, tensors, dataset.splits[name].inputs),
                        dataset.splits[name],
                        share,
                    )
                    for name in ("validation", "test")
                },
            }


def expected_loss(outputs: Tensor, split: Split, share: float) -> float:
    """The mean cross-entropy from what noisy labels are, given the right ones, to the outputs.

    (1 − share) of −log softmax at the right label and share/classes of the sum over all.
    """
    logs = outputs.double().log_softmax(1)
    at_label = logs.gather(1, split.labels[:, None]).mean().item()
    return -(1 - share) * at_label - share * logs.mean().item()


def excess_of(parameters: int, size: int) -> float:
    """The mean excess k/(2n) of the loss of maximum likelihood with k parameters, for large n.

    As much as the loss of its own n examples is too low: 2n times either is χ² of k degrees.

    Source: Wilks 1938; Akaike 1974.
    """
    return parameters / (2 * size)


def conditional_entropy(share: float, classes: int) -> float:
    """The entropy of a label that is drawn anew with this chance: `entropy(noisy_labels(...))`."""
    right, wrong = 1 - share + share / classes, share / classes
    return sum(
        -count * one * math.log(one) for count, one in ((1, right), (classes - 1, wrong)) if one > 0
    )
