"""What scores are computed from: weights, gradients, activations and Hessian-vector products."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import (
    Objective,
    Params,
    Split,
    check_mask_fits,
    check_split,
    cross_entropy,
    ties,
    unknown,
    unwrapped,
)
from surfeit.models import Structure
from surfeit.models.structure import Layer, check_examples_apart, layers
from surfeit.prune.evidence.activations import activations, check_taken
from surfeit.prune.evidence.derivatives import Derivatives
from surfeit.prune.evidence.loss import MeanLoss, batches, mean_gradients, real_parameters
from surfeit.prune.evidence.network import check_initial, private_copy
from surfeit.prune.evidence.normalising import by_batch, check_batches
from surfeit.prune.options import Mode, check_temperature
from surfeit.prune.prunable import prunable


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
        model: any module; its layers' weights are prunable, biases, normalisation and embeddings
            are not.
        initial: the weights before training by parameter name, e.g. `run.tensors(0)`; other
            tensors in it are ignored.
        split: inputs and targets that gradients, activations and curvature are averaged over.
        objective: the loss `L` that gradients and curvature are of.
        structure: of the model, if it is at hand; it is found by running the model on an example
            of the split where units' outputs are asked for.
        mask: bool tensors by parameter name, True = kept; what it does not name is kept. Whatever
            else than layers' weights it names is scored too. Removed weights are zero and no
            variables of the loss.
        generator: a CPU generator that `random` draws from, and advances.
        batch_size: examples at a time; changes results by rounding only, save where batch
            normalisations use a batch's own statistics (see `loss`).

    Raises:
        ValueError: if the mask or the initial weights are not the model's, the split is no `Split`,
            a layer's weight is no parameter, or batch_size is not positive.
    """

    model: nn.Module
    _: KW_ONLY
    initial: Mapping[str, Tensor] | None = None
    split: Split | None = None
    objective: Objective = cross_entropy
    structure: Structure | None = None
    mask: Mapping[str, Tensor] | None = None
    generator: torch.Generator | None = None
    batch_size: int = 250

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", unwrapped(self.model))
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.split is not None:
            check_split(self.split)
        if not isinstance(self.objective, Objective):
            raise ValueError(
                f"objective must be an Objective such as cross_entropy, got {self.objective!r}"
            )
        if self.mask is not None:
            check_mask_fits(self.model, self.mask)
        if not self.names:
            raise ValueError("there is nothing to score: the model has no layers with weights")
        if self.initial is not None:
            check_initial(self.model, self.initial, self.names)

    @cached_property
    def names(self) -> list[str]:
        """The prunable parameters' names, in the order of the model."""
        wanted = {*prunable(self.model), *(self.mask or ())}
        return [name for name, _ in self.model.named_parameters() if name in wanted]

    @cached_property
    def network(self) -> nn.Module:
        """The private copy: masked, in evaluation mode, without gradients.

        Raises:
            ValueError: if a parameter is not finite.
        """
        return private_copy(self.model, self.mask or {})

    @cached_property
    def followed(self) -> Structure:
        """The network's structure."""
        if self.structure is not None:
            return self.structure
        example = None if self.split is None else self.split.inputs[:1]
        found = Structure.of(self.model, example)
        if found.obstacle is not None and self.mask:
            return Structure.of(self.network, example)  # NaN at a removed weight does no harm
        return found

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The layers that hold prunable weights by dotted name, of tied ones each."""
        own, found = self._own_names, layers(self.network)
        return {
            name: layer
            for name, layer in found.items()
            if layer.multiplies
            and any(own.get(part.tensor) in self.names for part in layer.weights)
        }

    @cached_property
    def unit_layers(self) -> dict[str, Layer]:
        """The layers whose units are scored: all of `layers` that a pass through the network runs.

        Where the network cannot be followed, which run is not known, and all are scored.
        """
        if self.followed.obstacle is not None:
            return self.layers
        unused = self.followed.unused
        return {name: layer for name, layer in self.layers.items() if name not in unused}

    def matrix(self, name: str) -> Float[Tensor, "units inputs"]:
        """A layer's weight matrix `W` in float64, removed weights at zero: see `Layer.matrix`.

        Raises:
            ValueError: if there is no such layer, or no pass runs it, so that it has no scores.
        """
        if name in self.layers and name not in self.unit_layers:
            raise ValueError(
                f"no pass through the network runs {self.layers[name].label}, so that its units "
                "are not scored"
            )
        if name not in self.layers:
            raise unknown("layer", name, self.unit_layers)
        return self.layers[name].matrix(self.network).double()

    def of_units(self, name: str, tensors: Mapping[str, Tensor], *, biases: bool) -> Tensor:
        """Sums over what belongs to each unit of a layer, of tensors by parameter name: [units].

        Args:
            name: of the layer.
            tensors: shaped like the parameters; a tied one stands for all of its names. Those of
                parameters that are missing count as zero.
            biases: whether the units' biases count as well.
        """
        layer, tied = self.layers[name], ties(self.network)
        sums = []
        for part in (*layer.weights, *(layer.biases if biases else ())):
            tie = tied.get(part.tensor)
            value = tensors.get(part.tensor if tie is None else tie.to)
            if value is not None:
                value = (value if tie is None else tie.of(value)).double()
                sums.append(part.matrix(value[:, None] if value.dim() == 1 else value).sum(dim=1))
        return torch.stack(sums).sum(dim=0)

    @cached_property
    def weights(self) -> Params:
        """The prunable weights by parameter name, removed ones at zero."""
        own = dict(self.network.named_parameters())
        return {name: own[name].detach() for name in self.names}

    @cached_property
    def parameters(self) -> Params:
        """All parameters of the private copy by name, removed weights at zero."""
        return {name: value.detach() for name, value in self.network.named_parameters()}

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
        """The split, once the network has taken one of its inputs.

        Raises:
            ValueError: if there is none, the network does not take it, or a BatchNorm keeps no
                running statistics, so that an example's outputs depend on those beside it.
        """
        check_examples_apart(self.network)
        return self._taken

    @cached_property
    def _taken(self) -> Split:
        """As `examples`, whether or not their outputs depend on each other."""
        if self.split is None:
            raise ValueError(
                "this score needs inputs and targets, and no split was given: pass "
                "Evidence(model, split=dataset.train)"
            )
        check_taken(self.network, self.split)
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

    def loss(
        self, mode: Mode | None = "evaluation", *, temperature: float = 1.0, size: int | None = None
    ) -> MeanLoss:
        """The mean loss `L` over the split, as scores differentiate it.

        Args:
            mode: `evaluation`, batch normalisations use the statistics that they keep; `training`,
                those of each batch of `batch_size` examples or a few less, as the network does
                while it is trained; or None: each that has seen no batch yet (mean 0, variance 1)
                uses the batch's, the others their own. What they keep is never changed, and
                dropout stays off in every mode: what it drops is chance.
            temperature: what the outputs are divided by before they are judged, > 0.
            size: examples at a time; by default `batch_size`.

        Raises:
            ValueError: if there is no such mode, the temperature is not positive or the objective
                judges outputs that are no logits, there is no split or the network does not take
                it, a batch would be a single example in training mode, or a BatchNorm keeps no
                statistics in another mode.
        """
        check_temperature(temperature, self.objective)
        names = by_batch(self.network, mode)
        split = self._taken if mode == "training" else self.examples
        size = self.batch_size if size is None else size
        check_batches(self.network, names, min(size, len(split) // -(-len(split) // size)))
        return MeanLoss(
            network=self.network,
            split=split,
            objective=self.objective,
            size=size,
            by_batch=names,
            temperature=temperature,
        )

    def gradients_of(self, loss: MeanLoss) -> Params:
        """The gradient of a mean loss in the prunable weights, as `gradients`.

        Raises:
            ValueError: if the objective cannot judge the network's outputs, or the gradient is not
                finite.

        Cost: one forward and backward pass over the split, once for each mode and temperature.
        """
        return self._derivatives.gradients(loss)

    @cached_property
    def gradients(self) -> Params:
        """`g = ∇L`, with L the objective's mean over the split; 0 for removed weights.

        In evaluation mode and in the weights' dtype, summed over batches in float64.

        Raises:
            ValueError: if there is no split, the objective cannot judge the network's outputs, or
                the gradient is not finite.

        Cost: one forward and backward pass over the split.
        """
        return self.gradients_of(self.loss())

    @cached_property
    def parameter_gradients(self) -> Params:
        """As `gradients`, of every parameter, biases and normalisation included."""
        found = mean_gradients(self.loss(), real_parameters(self.network))
        weights = {name: found[name] for name in self.names}
        return found | self._derivatives.without_removed(weights)

    def squared_gradients(self, minibatch: int) -> Params:
        """`mean_b g_b²`, with `g_b` the gradient of the mean loss over minibatch b.

        Args:
            minibatch: examples of each, >= 1, taken from the split in its order.

        Returns:
            float64 tensors shaped like the weights; 0 for removed weights.

        Raises:
            ValueError: as `gradients`.

        Cost: one forward and backward pass over the split, in minibatches.
        """
        return self._derivatives.squared_gradients(self.loss(size=minibatch))

    @cached_property
    def activations(self) -> dict[str, Float[Tensor, "examples units"]]:
        """Units' outputs by layer name, [examples, units], averaged over their positions.

        What a unit's output is, `surfeit.models.structure.UnitOutputs.of` says: what its first
        reader reads. Layers whose units' outputs are to be had nowhere are left out: queries, keys
        and values of attention, and the lower levels of a recurrent module.

        Raises:
            ValueError: if there is no split, or the network cannot be followed.

        Cost: one forward pass over the split; examples x units numbers are kept.
        """
        like = next(iter(self.weights.values()))
        parts = batches(self.examples, self.batch_size, like)
        return activations(self.network, self.followed, self.unit_layers, parts)

    def hessian_vector_product(
        self, v: Mapping[str, Tensor], loss: MeanLoss | None = None
    ) -> Params:
        """`Hv`, with H the Hessian of L (see `gradients`) in the kept prunable weights.

        Entries of v at removed weights count as 0, and so do the product's.

        Args:
            v: tensors like the weights, by the same names.
            loss: another mean loss, of this evidence's `loss`.

        Raises:
            ValueError: if v's names or shapes differ, there is no split or Hv is not finite.

        Cost: about 2.5 gradients.
        """
        return self._derivatives.hessian_vector_product(v, self.loss() if loss is None else loss)

    @cached_property
    def _derivatives(self) -> Derivatives:
        return Derivatives(self.weights, self.kept)

    @cached_property
    def _own_names(self) -> dict[str, str]:
        """The name that each parameter is scored by: of a tied one that of the first."""
        own = {name: name for name, _ in self.network.named_parameters()}
        return own | {name: tie.to for name, tie in ties(self.network).items()}
