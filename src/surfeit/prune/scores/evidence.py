"""What scores are computed from: weights, gradients, activations and Hessian-vector products."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Layer, Params, Split, check_mask_fits, unknown
from surfeit.prune.scores.loss import mean_gradients, mean_hessian_vector_product
from surfeit.prune.scores.network import (
    check_initial,
    check_statistics,
    private_copy,
    prunable_layers,
    weight_name,
)
from surfeit.prune.scores.outputs import unit_outputs
from surfeit.prune.scores.watching import check_untransposed


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a score may look at, each computed when first asked for and then kept.

    Everything is measured on a private copy of the network, made at the first question: in
    evaluation mode, removed weights at zero. The model's weights, gradients, mode and batch
    statistics and the global random generator are left alone. When the model has changed, make new
    evidence.

    >>> evidence = Evidence(run.model(), initial=run.tensors(0), split=dataset.train)
    >>> magnitude_increase(evidence)["fc1.weight"]

    Args:
        model: any module; its layers' weights are prunable, biases and normalisation are not.
        initial: the weights before training by parameter name, e.g. `run.tensors(0)`; other
            tensors in it are ignored.
        split: images and labels that gradients, activations and curvature are averaged over.
        mask: bool tensors by parameter name, True = kept; what it does not name is kept. Whatever
            else than layers' weights it names is scored too. Removed weights are zero and no
            variables of the loss.
        generator: a CPU generator that `random` draws from, and advances.
        batch_size: images at a time; changes results by rounding only.

    Raises:
        ValueError: if the mask or the initial weights are not the model's, the split is no `Split`,
            a layer's weight is no parameter, or batch_size is not positive.
    """

    model: nn.Module
    _: KW_ONLY
    initial: Mapping[str, Tensor] | None = None
    split: Split | None = None
    mask: Mapping[str, Tensor] | None = None
    generator: torch.Generator | None = None
    batch_size: int = 250

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.split is not None and not isinstance(self.split, Split):
            raise ValueError(
                "split must be images and labels, a Split, got a "
                f"{type(self.split).__name__}: pass data.train of a Dataset, or "
                "Split(images, labels)"
            )
        if self.mask is not None:
            check_mask_fits(self.model, self.mask)
        if not self.names:
            raise ValueError("there is nothing to score: the model has no Linear or Conv layers")
        if self.initial is not None:
            check_initial(self.model, self.initial, self.names)

    @cached_property
    def names(self) -> list[str]:
        """The prunable parameters' names, in the order of the model."""
        weights = {weight_name(layer) for layer in prunable_layers(self.model)}
        wanted = weights | set(self.mask or ())
        return [name for name, _ in self.model.named_parameters() if name in wanted]

    @cached_property
    def network(self) -> nn.Module:
        """The private copy: masked, in evaluation mode, without gradients.

        Raises:
            ValueError: if a parameter is not finite.
        """
        return private_copy(self.model, self.mask or {})

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The private copy's layers whose weights are prunable, by dotted name.

        Raises:
            ValueError: if one is a transposed convolution, whose weight's rows are not its units.
        """
        found = prunable_layers(self.network)
        mine = {name: layer for name, layer in found.items() if weight_name(name) in self.names}
        check_untransposed(mine)
        return mine

    @cached_property
    def weights(self) -> Params:
        """The prunable weights by parameter name, removed ones at zero."""
        own = dict(self.network.named_parameters())
        return {name: own[name].detach() for name in self.names}

    @cached_property
    def kept(self) -> Params:
        """True where a prunable weight is kept, by parameter name, on the weights' device."""
        mask = self.mask or {}
        return {
            name: mask[name].to(weight.device)
            if name in mask
            else torch.ones_like(weight, dtype=torch.bool)
            for name, weight in self.weights.items()
        }

    @cached_property
    def initial_weights(self) -> Params:
        """The prunable weights before training, on the device and in the type of the weights.

        Raises:
            ValueError: if they were not given.
        """
        if self.initial is None:
            raise ValueError(
                "this score compares with the weights before training, which were not given: pass "
                "Evidence(model, initial=run.tensors(0))"
            )
        return {name: self.initial[name].detach().to(w) for name, w in self.weights.items()}

    @cached_property
    def examples(self) -> Split:
        """The split, once the network has taken one of its images.

        Raises:
            ValueError: if there is none, the network does not fit it, or a BatchNorm keeps no
                running statistics, so that an image's outputs depend on those beside it.
        """
        if self.split is None:
            raise ValueError(
                "this score needs images and labels, and no split was given: pass "
                "Evidence(model, split=dataset.train)"
            )
        check_statistics(self.network)
        _check_fits(self.network, self.split)
        return self.split

    @property
    def draws(self) -> torch.Generator:
        """The generator.

        Raises:
            ValueError: if there is none.
        """
        if self.generator is None:
            raise ValueError(
                "random scores need a generator, and none was given: pass "
                'Evidence(model, generator=Streams(0).get("scores"))'
            )
        return self.generator

    @cached_property
    def parameter_gradients(self) -> Params:
        """As `gradients`, of every parameter, biases and normalisation included."""
        found = mean_gradients(self.network, self.examples, self.batch_size)
        return found | self._without_removed({name: found[name] for name in self.names})

    @cached_property
    def gradients(self) -> Params:
        """`g = ∇L`, with L the mean cross-entropy (nats) over the split; 0 for removed weights.

        In the weights' dtype, summed over batches in float64.

        Raises:
            ValueError: if there is no split or the gradient is not finite.

        Cost: one forward and backward pass over the split.
        """
        return {name: self.parameter_gradients[name] for name in self.names}

    @cached_property
    def activations(self) -> dict[str, Float[Tensor, "images units"]]:
        """Units' outputs behind their activation, by layer name: [images, units].

        Behind the first elementwise activation that follows the layer; a convolution's outputs are
        averaged over positions.

        Raises:
            ValueError: if there is no split, or a layer runs more than once or never.

        Cost: one forward pass over the split; images x units numbers are kept.
        """
        return unit_outputs(self.network, self.layers, self.examples, self.batch_size)

    def hessian_vector_product(self, v: Mapping[str, Tensor]) -> Params:
        """`Hv`, with H the Hessian of L (see `gradients`) in the kept prunable weights.

        Entries of v at removed weights count as 0, and so do the product's.

        Args:
            v: tensors like the weights, by the same names.

        Raises:
            ValueError: if v's names or shapes differ, there is no split or Hv is not finite.

        Cost: about 2.5 gradients.
        """
        for name in v:
            if name not in self.weights:
                raise unknown("prunable parameter", name, self.names)
        for name, weight in self.weights.items():
            if name not in v or v[name].shape != weight.shape:
                given = f"got {list(v[name].shape)}" if name in v else "which is missing"
                raise ValueError(f"v needs {list(weight.shape)} for {name}, {given}")
        vector = self._without_removed({name: v[name].to(w) for name, w in self.weights.items()})
        product = mean_hessian_vector_product(self.network, vector, self.examples, self.batch_size)
        return self._without_removed(product)

    def _without_removed(self, tensors: Params) -> Params:
        return {name: value.masked_fill(~self.kept[name], 0) for name, value in tensors.items()}


Score = Callable[[Evidence], Params]
UnitScore = Callable[[Evidence], dict[str, Tensor]]


@torch.no_grad()
def _check_fits(network: nn.Module, split: Split) -> None:
    like = next(network.parameters())
    try:
        logits = network(split.images[:1].to(like))
    except RuntimeError as error:
        shape = list(split.images.shape[1:])
        raise ValueError(f"the model takes no image {shape}: {error}") from error
    if logits.dim() != 2 or len(logits) != 1:
        raise ValueError(f"the model must return [images, classes], got {list(logits.shape)}")
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(
            f"labels must be in [0, {logits.shape[1]}), the model's classes, got {low} to {high}"
        )
