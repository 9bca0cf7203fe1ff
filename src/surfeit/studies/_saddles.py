"""What the study `saddles` measures: beside it, so that judging anew measures nothing anew."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split, Streams, one_thread, squared_error
from surfeit.curvature import LossSurface, dense, hessian
from surfeit.data import Dataset
from surfeit.models import initialise_
from surfeit.store import Run
from surfeit.studies._fitting import examples

_FLOAT = torch.float64
SIDE = 4
"""Images are averaged to SIDE x SIDE, so that the Hessian of a small network is small."""


def linear_spectrum(
    values: Sequence[float], kept: Sequence[int], *, hidden: int, inputs: int, outputs: int
) -> Float[Tensor, " size"]:
    """The Hessian's eigenvalues at a critical point of `‖W₂W₁ − Σ‖²`, ascending; float64.

    Σ = U S Vᵀ has singular values s. A point with `W₂W₁ = Σ_{i in I} s_i u_i v_iᵀ` is critical for
    every set I of at most p of them, and where W₂ and W₁ are balanced, √s_i each, its Hessian falls
    into blocks of one and two weights:

    - `2 (s_c + s_i)` and `2 (s_c − s_i)` for c in I and i not in I: negative where i is larger;
    - `2 s_i` and `−2 s_i` for i not in I and each of the p − |I| units that do nothing;
    - `2 (s_a + s_c)` and 0 for a and c in I;
    - `2 s_c` for c in I and each row or column of Σ that is more than there are values;
    - 0 for what is left.

    Weights that are not balanced have other eigenvalues of the same signs.

    Args:
        values: s, positive, all different, min(inputs, outputs) of them.
        kept: I, indices of values.
        hidden: p.
        inputs, outputs: columns and rows of Σ.

    Source: Baldi and Hornik 1989, fact 4, for the points; the blocks are our own.
    """
    left = [i for i in range(len(values)) if i not in kept]
    found = [2 * sign * values[i] for i in left for sign in (-1, 1)] * (hidden - len(kept))
    found += [2 * (values[c] + s * values[i]) for c, i, s in product(kept, left, (-1, 1))]
    found += [2 * (values[a] + values[c]) for a in kept for c in kept]
    found += [2 * values[c] for c in kept] * (inputs + outputs - 2 * len(values))
    found += [0.0] * (hidden * (inputs + outputs) - len(found))
    return torch.tensor(sorted(found), dtype=_FLOAT)


def linear_network(
    target: Float[Tensor, "outputs inputs"], kept: Sequence[int], hidden: int
) -> nn.Sequential:
    """The two-layer linear network at the balanced critical point of a set of singular values."""
    left, values, right = torch.linalg.svd(target, full_matrices=False)
    first = nn.Linear(target.shape[1], hidden, bias=False, dtype=_FLOAT)
    second = nn.Linear(hidden, target.shape[0], bias=False, dtype=_FLOAT)
    with torch.no_grad():
        first.weight.zero_()
        second.weight.zero_()
        for unit, i in enumerate(kept):
            first.weight[unit] = values[i].sqrt() * right[i]
            second.weight[:, unit] = values[i].sqrt() * left[:, i]
    return nn.Sequential(OrderedDict(fc1=first, fc2=second))


def linear_data(
    seed: int, *, inputs: int, outputs: int, noise: float, count: int
) -> tuple[Split, Float[Tensor, "outputs inputs"]]:
    """Examples with inputs of covariance 1, exactly, and Σ = Yᵀ X / n.

    The squared error of a linear map W is then `‖W − Σ‖²` and what no W can explain.
    """
    generator = Streams(seed).get("linear")
    given: dict[str, Any] = {"generator": generator, "dtype": _FLOAT}
    drawn = torch.randn(count, inputs, **given)
    whitened = torch.linalg.qr(drawn)[0] * count**0.5
    targets = whitened @ torch.randn(inputs, outputs, **given) / inputs**0.5
    targets = targets + noise * torch.randn(count, outputs, **given)
    return Split(whitened, targets), targets.T @ whitened / count


def linear(
    seed: int,
    inputs: int,
    hidden: int,
    outputs: int,
    noise: float,
    count: int,
    distances: Sequence[float],
) -> Iterator[dict[str, Any]]:
    """A row a critical point: its `loss`, and the `share` of negative eigenvalues, of the dense
    Hessian and by the closed form (`exact`), and how far apart all eigenvalues are, `off`.

    Points that are the best of as many values and have a negative eigenvalue, those that training
    meets, also have the escape's `slope`.
    """
    split, target = linear_data(seed, inputs=inputs, outputs=outputs, noise=noise, count=count)
    values = torch.linalg.svdvals(target).tolist()
    sizes = {"hidden": hidden, "inputs": inputs, "outputs": outputs}
    for number in range(min(hidden, len(values)) + 1):
        for kept in combinations(range(len(values)), number):
            network = linear_network(target, kept, hidden)
            surface = LossSurface.of(network, split, squared_error)
            exact = linear_spectrum(values, kept, **sizes)
            found = torch.linalg.eigvalsh(dense(hessian(surface)))
            row: dict[str, Any] = {
                "loss": surface.loss,
                "share": negative_share(found),
                "exact": negative_share(exact),
                "off": float((found - exact).abs().amax() / exact.abs().amax()),
            }
            if kept == tuple(range(number)) and row["exact"]:
                row |= escape(surface, found, distances, Streams(seed).get("escape", number))
            yield row


def negative_share(values: Float[Tensor, " size"], rounding: float = 1e-7) -> float:
    """The share of eigenvalues that are below zero, by more than rounding of the largest."""
    return float((values < -rounding * values.abs().amax()).double().mean())


def shallow(images: Tensor, hidden: int, seed: int) -> nn.Sequential:
    """Images averaged to 4 x 4, so many tanh units, ten classes; weights drawn from the seed.

    Raises:
        ValueError: if the images are not square with sides that are a multiple of 4.
    """
    channels, *sides = images.shape[1:]
    if len(sides) != 2 or sides[0] != sides[1] or sides[0] % SIDE:
        raise ValueError(
            f"images must be square, with sides that are a multiple of {SIDE}, got {sides}"
        )
    model = nn.Sequential(
        OrderedDict(
            pool=nn.AvgPool2d(sides[0] // SIDE),
            flatten=nn.Flatten(),
            fc1=nn.Linear(channels * SIDE**2, hidden),
            tanh=nn.Tanh(),
            fc2=nn.Linear(hidden, 10),
        )
    )
    initialise_(model, Streams(seed).get("init"))
    return model


@one_thread()
def critical(
    run: Run,
    dataset: Dataset,
    images: int,
    noises: Sequence[float],
    iterations: int,
    distances: Sequence[float],
) -> Iterator[dict[str, Any]]:
    """A row a point of small gradient that is found from a snapshot of the training, perturbed.

    `gradient` is what is left of its length, of that at the first snapshot; copies are left out.
    One more row, of `kind` origin, is the saddle where no unit does anything and the outputs are
    the targets' means: exactly critical, it has the escape's `slope`.

    Args:
        run: trained on so many images, as its seed draws them.
        dataset: the whole one.
        images: how many.
        noises: deviations of what is added to each snapshot's weights.
        iterations: at most, of `settle`.
        distances: as of `escape`.
    """
    seed = run.config["seed"]
    split = examples(dataset, images, seed).train
    split = Split(split.inputs.double(), split.targets)
    generator, model = Streams(seed).get("perturbed"), run.model(run.steps()[0]).double()
    loss, begin = _flat_loss(model, split)
    whole, losses = float(torch.func.grad(loss)(begin).norm()), []
    for step in run.steps():
        start = nn.utils.parameters_to_vector(run.model(step).double().parameters()).detach()
        for noise in noises:
            drawn = torch.randn(len(start), generator=generator, dtype=_FLOAT)
            point = settle(loss, start + noise * drawn, iterations=iterations)
            surface = _placed(model, point, split)
            if any(abs(surface.loss - other) < 1e-6 for other in losses):
                continue
            losses.append(surface.loss)
            yield {
                "kind": "found",
                "loss": surface.loss,
                "share": negative_share(torch.linalg.eigvalsh(dense(hessian(surface)))),
                "gradient": float(surface.gradient().norm()) / whole,
            }
    yield _at_origin(model, split, distances, Streams(seed).get("escape"))


def _placed(model: nn.Module, point: Tensor, split: Split) -> LossSurface:
    """The loss around other parameters than the network's."""
    nn.utils.vector_to_parameters(point, model.parameters())
    return LossSurface.of(model, split, squared_error)


def _at_origin(
    model: nn.Module, split: Split, distances: Sequence[float], generator: torch.Generator
) -> dict[str, Any]:
    parameters = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    classes = nn.functional.one_hot(split.targets, len(parameters["fc2.bias"]))
    parameters["fc2.bias"] = classes.double().mean(0)
    surface = _placed(model, nn.utils.parameters_to_vector(parameters.values()), split)
    values = torch.linalg.eigvalsh(dense(hessian(surface)))
    row = {"kind": "origin", "loss": surface.loss, "share": negative_share(values)}
    row["gradient"] = float(surface.gradient().norm())
    return row | escape(surface, values, distances, generator)


def _flat_loss(model: nn.Module, split: Split) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The squared error as a function of all parameters in one vector, and where they are."""
    names = [name for name, _ in model.named_parameters()]
    shapes = [value.shape for value in model.parameters()]
    sizes = [shape.numel() for shape in shapes]

    def loss(vector: Tensor) -> Tensor:
        parts = vector.split(sizes)
        given = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        outputs = torch.func.functional_call(model, given, (split.inputs,))
        return squared_error.loss(outputs, split.targets, "mean")

    return loss, nn.utils.parameters_to_vector(model.parameters()).detach()


def settle(
    loss: Callable[[Tensor], Tensor],
    start: Float[Tensor, " size"],
    *,
    iterations: int,
    tolerance: float = 1e-9,
) -> Float[Tensor, " size"]:
    """Where the gradient's length has a minimum: a critical point if it is zero there.

    Levenberg and Marquardt's method on `‖g‖²`: steps `−(H² + μ)⁻¹ H g`, Newton's where μ vanishes,
    which go to saddles as to minima. A minimum of ‖g‖ that is not zero is no critical point.

    Args:
        loss: twice differentiable.
        start: where to begin.
        iterations: at most.
        tolerance: of ‖g‖, at which it ends.

    Source: Dauphin et al. 2014, section 5; Frye et al. 2019 (the other minima).

    Cost: a dense Hessian and an eigendecomposition an iteration.
    """
    slope, curvature = torch.func.grad(loss), torch.func.hessian(loss)
    point, damping = start, 1e-3
    gradient = slope(point)
    for _ in range(iterations):
        if float(gradient.norm()) <= tolerance:
            break
        values, vectors = torch.linalg.eigh(curvature(point))
        along = vectors.T @ gradient
        for _ in range(12):
            step = -vectors @ (values / (values**2 + damping * values.abs().amax() ** 2) * along)
            further = slope(point + step)
            if float(further.norm()) < float(gradient.norm()):
                point, gradient, damping = point + step, further, damping / 5
                break
            damping *= 4
        else:
            break
    return point


def escape(
    surface: LossSurface,
    values: Float[Tensor, " size"],
    distances: Sequence[float],
    generator: torch.Generator,
    *,
    drop: float = 0.01,
    most: int = 5_000,
) -> dict[str, float | None]:
    """How gradient descent leaves a saddle, from several distances in one random direction.

    The steps t until the loss is below the saddle's by a share of it. Along the most negative
    eigenvalue λ a step with rate η multiplies the distance ε by `1 + η |λ|`, so that t grows by
    `ln(1/ε) / ln(1 + η |λ|)`: the rate is a half of 1 / λ_max.

    Args:
        surface: around the saddle.
        values: the Hessian's eigenvalues, ascending.
        distances: ε, two or more.
        generator: draws the direction.
        drop: of the saddle's loss.
        most: steps at most.

    Returns:
        `slope`, that of `t ln(1 + η |λ|)` against `ln(1/ε)`, 1 as above, None if one did not leave;
        `left`, the share of the distances from which it left.
    """
    rate = 0.5 / float(values[-1])
    loss, start = _flat_loss(surface.network, surface.split)
    drawn = torch.randn(len(start), generator=generator, dtype=_FLOAT)
    direction, taken = drawn / drawn.norm(), []
    descend = torch.func.grad_and_value(loss)
    for distance in distances:
        point = start + distance * direction
        for step in range(most):
            gradient, value = descend(point)
            if float(value) < (1 - drop) * surface.loss:
                taken.append(step)
                break
            point = point - rate * gradient
    growth = math.log1p(rate * -float(values[0]))
    slope = None
    if len(taken) == len(distances):
        across = -torch.tensor(distances, dtype=_FLOAT).log()
        across = across - across.mean()
        up = growth * torch.tensor(taken, dtype=_FLOAT)
        slope = float((across @ up) / across.square().sum())
    return {"slope": slope, "left": len(taken) / len(distances)}
