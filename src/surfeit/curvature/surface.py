"""The loss of a network over examples, as a function of its trainable parameters."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import (
    EXAMPLES_AT_ONCE,
    Objective,
    Params,
    Split,
    call,
    check_split,
    copied,
    cross_entropy,
    differentiable,
    fast_path_off,
    lift_,
    one_thread,
)
from surfeit.core.evaluation import check_objective
from surfeit.curvature.coordinates import Coordinates

Mode = Literal["evaluation", "training"]

_FULL = (torch.float32, torch.float64)
_NAMED = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class LossSurface:
    """`L(θ) = mean_i ℓ(f_θ(x_i), y_i)` around the parameters θ that a network has.

    `LossSurface.of` makes one. The examples are taken in chunks, whose sums are added up in
    float64 and divided by the number of all examples: the chunks' size changes L, its gradient and
    every product by rounding alone.

    Args:
        network: a private copy, in the mode that was asked for.
        split: the examples.
        objective: what judges the outputs.
        chunk: examples at a time, at most.
        coordinates: the parameters as one vector.
        loss: L at θ.
        remarks: what a reader should know of how it was computed, a sentence each.
    """

    network: nn.Module
    split: Split
    objective: Objective
    chunk: int
    coordinates: Coordinates
    loss: float
    remarks: tuple[str, ...]

    @staticmethod
    @one_thread()
    def of(
        model: nn.Module,
        split: Split,
        objective: Objective = cross_entropy,
        *,
        chunk: int = EXAMPLES_AT_ONCE,
        mode: Mode = "evaluation",
        mask: Mapping[str, Tensor] | None = None,
    ) -> "LossSurface":
        """The loss surface of a network on a split.

        >>> surface = LossSurface.of(run.model(), data.train.some(1000, generator))
        >>> eigenpairs(hessian(surface), largest=10)

        Args:
            model: the network, which is only read. Half precision is computed in float32. A
                parameter with `requires_grad=False` is left out and named in
                `coordinates.frozen`; one that stands at several places counts once.
            split: the examples, as many as the mean is to be taken over.
            objective: what judges the outputs. Where it is a function of the user's own it must be
                a mean over examples; one that mixes them would depend on the chunks.
            chunk: examples at a time, at most; smaller ones take less memory.
            mode: `evaluation` (dropout off, batch normalisation by running statistics) or
                `training`, for networks that then still are a function of their parameters.
            mask: bool by parameter, True = kept; the entries it removes stay as they are, and are
                no coordinates.

        Raises:
            ValueError: if the network draws at random, an example's output depends on the others
                of its chunk and there is more than one chunk, no parameter is trained, the mask or
                the objective does not fit, or the outputs or the loss are not finite.

        Cost: one forward pass over the examples, and one or two over a chunk.
        """
        check_split(split)
        check_objective(objective)
        if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
            raise ValueError(f"chunk must be a whole number, at least 1, got {chunk!r}")
        if mode not in get_args(Mode):
            raise ValueError(f"mode must be 'evaluation' or 'training', got {mode!r}")
        network = copied(model).train(mode == "training")
        halves = sorted({str(v.dtype) for v in network.parameters() if _is_half(v)})
        lift_(network)
        bare = LossSurface(
            network=network,
            split=split,
            objective=objective,
            chunk=chunk,
            coordinates=Coordinates.of(network, mask),
            loss=math.nan,
            remarks=(),
        )
        _check_function(bare, mode)
        loss = bare.at(bare.coordinates.flat(bare.coordinates.point))
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss must be finite, got {loss} under {objective.name}: nothing can be said "
                "of its curvature"
            )
        remarks = _remarks(bare.coordinates, halves, mode)
        return LossSurface(**{**vars(bare), "loss": loss, "remarks": remarks})

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return self.coordinates.size

    def chunks(self) -> Iterator[Split]:
        """The examples, on the network's device and, if real, in its type."""
        like = self.coordinates.like
        for start in range(0, len(self.split), self.chunk):
            part = self.split[start : start + self.chunk].to(like.device)
            real = part.inputs.is_floating_point()
            yield Split(part.inputs.to(like.dtype) if real else part.inputs, part.targets)

    def outputs(self, tensors: Params, chunk: Split) -> Tensor:
        """The network's outputs for a chunk, under other values of its trainable parameters."""
        with fast_path_off(), differentiable(self.network):
            # The first module may work in place.
            return call(self.network, dict(tensors), chunk.inputs.clone())

    def chunk_loss(self, tensors: Params, chunk: Split) -> Tensor:
        """What a chunk adds to L: the sum of its losses over the number of all examples."""
        found = self.objective.loss(self.outputs(tensors, chunk), chunk.targets, "sum")
        return found / len(self.split)

    @torch.no_grad()
    def at(self, vector: Float[Tensor, " size"]) -> float:
        """L at another point.

        Args:
            vector: the parameters, in the order of the coordinates.

        Raises:
            ValueError: if the objective cannot judge the outputs there: they are not finite, or of
                another form.

        Cost: one forward pass over the examples.
        """
        tensors, total = self._placed(vector), 0.0
        for chunk in self.chunks():
            outputs = self.outputs(tensors, chunk)
            self.objective.check(outputs, chunk.targets)
            total += float(self.objective.loss(outputs, chunk.targets, "sum").double())
        return total / len(self.split)

    def gradient(self, vector: Float[Tensor, " size"] | None = None) -> Float[Tensor, " size"]:
        """∇L at the network's own parameters, or at another point; float64.

        Cost: one forward and one backward pass over the examples.
        """
        return self.loss_and_gradient(vector)[1]

    def loss_and_gradient(
        self, vector: Float[Tensor, " size"] | None = None
    ) -> tuple[float, Float[Tensor, " size"]]:
        """L and ∇L, in float64, at the network's own parameters or at another point.

        Cost: one forward and one backward pass over the examples.
        """
        point = self.coordinates.point if vector is None else self._placed(vector)
        slope = torch.zeros(self.size, dtype=torch.float64, device=self.coordinates.like.device)
        total = 0.0
        for chunk in self.chunks():
            loss, found = self.chunk_gradient(chunk, point)
            total += loss
            slope += found
        return total, slope

    def chunk_gradient(
        self, chunk: Split, point: Params | None = None
    ) -> tuple[float, Float[Tensor, " size"]]:
        """What a chunk adds to L and to ∇L, in float64, at the network's own parameters by default.

        The gradient is zero where the loss depends on none of them.
        """
        leaves = leaves_at(self.coordinates.point if point is None else point)
        with torch.enable_grad(), differentiable(self.network):
            loss = self.chunk_loss(leaves, chunk)
            value = float(loss.detach().double())
            if not loss.requires_grad:
                return value, torch.zeros(self.size, dtype=torch.float64, device=loss.device)
            found = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        return value, self.coordinates.flat(dict(zip(leaves, found, strict=True))).double()

    def one_by_one(self) -> "LossSurface":
        """The same surface with every example as a chunk of its own.

        Raises:
            ValueError: if the network mixes the examples of a chunk (training mode), or as `of`.
        """
        return LossSurface.of(
            self.network,
            self.split,
            self.objective,
            chunk=1,
            mode="training" if self.network.training else "evaluation",
            mask=self.coordinates.kept,
        )

    def _placed(self, vector: Tensor) -> Params:
        """The parameters at a point: what a mask removes stays as it is."""
        own, found = self.coordinates, self.coordinates.tensors(vector)
        for name, kept in own.kept.items():
            found[name] = torch.where(kept, found[name], own.point[name])
        return found


def leaves_at(point: Params) -> Params:
    """Copies that a graph can start from."""
    return {name: value.detach().clone().requires_grad_() for name, value in point.items()}


@torch.no_grad()
def _check_function(surface: LossSurface, mode: Mode) -> None:
    """Says so if L is no function of the parameters, or one of the chunks, too."""
    first = next(surface.chunks())
    point = surface.coordinates.point
    outputs = surface.outputs(point, first)
    surface.objective.check(outputs, first.targets)
    if not torch.equal(outputs, surface.outputs(point, first)):
        how = "take mode='evaluation'" if mode == "training" else "take the drawing out of it"
        raise ValueError(
            "the network draws at random (as dropout does): its loss is another one in every "
            f"pass and has no curvature; {how}"
        )
    if len(surface.split) <= surface.chunk:
        return
    half = first[: -(-len(first) // 2)]
    names = _by_batch(surface.network)
    if names or not _alike(outputs[: len(half)], surface.outputs(point, half)):
        who = f"batch normalisation ({_listed(names)})" if names else "something in the network"
        raise ValueError(
            f"{who} normalises or mixes the examples of a chunk, so that the loss would depend on "
            f"the chunk size: take all {len(surface.split):,} examples at once (chunk), fewer "
            "examples, or mode='evaluation' with running statistics"
        )


def _by_batch(network: nn.Module) -> list[str]:
    """Batch normalisations that use a batch's own statistics, by dotted name."""
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None)
    ]


def _alike(one: Tensor, other: Tensor) -> bool:
    scale = float(one.abs().amax()) if one.numel() else 0.0
    return bool(((one - other).abs() <= 1e-3 * scale).all())


def _is_half(value: Tensor) -> bool:
    return value.is_floating_point() and value.dtype not in _FULL


def _remarks(coordinates: Coordinates, halves: list[str], mode: Mode) -> tuple[str, ...]:
    said = []
    if coordinates.frozen:
        said.append(f"left out, as they are not trained: {', '.join(coordinates.frozen)}")
    if coordinates.kept:
        removed = sum(int((~kept).sum()) for kept in coordinates.kept.values())
        said.append(f"left out, as a mask removes them: {removed:,} weights")
    if halves:
        said.append(f"{' and '.join(halves)} parameters are computed in float32")
    if mode == "training":
        said.append("in training mode")
    return tuple(said)


def _listed(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return ", ".join(name or "the network" for name in names[:_NAMED]) + more
