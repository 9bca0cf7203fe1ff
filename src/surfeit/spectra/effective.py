"""A layer's weight matrix in a private copy of its network, where it can be replaced."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from surfeit.core import check_finite, copied, finite_matrix, full_precision, lift_
from surfeit.models import Structure
from surfeit.models.structure import Layer, Part, tensor
from surfeit.spectra.projection import check_ranks, check_shapes, factors


@torch.no_grad()
def projected(
    model: nn.Module,
    name: str,
    rank: int,
    *,
    initial: Float[Tensor, "units *inputs"] | None = None,
    structure: Structure | None = None,
) -> nn.Module:
    """A copy of a network, in evaluation mode, with one layer's weights or their update projected.

    The network whose accuracy `accuracy_by_rank` gives for that rank: any kind of layer, half
    precision as float32, computed weights replaced by their value.

    Args:
        model: the network; it is not changed.
        name: the layer's dotted name.
        rank: from 0 to min(units, inputs) of the weight matrix.
        initial: the weight matrix [units, inputs] at the start, or for a convolution the weight.
        structure: of the model, if it is at hand.

    Raises:
        ValueError: if there is no such layer, the rank is out of range, the initial weight is of
            another shape, or a weight is not finite.
    """
    known = structure if structure is not None else Structure.of(model)
    weights = Weights(lift_(copied(model)).eval(), known.layer(name))
    base = weights.base(initial)
    check_ranks([rank], weights.matrix)
    if rank < min(weights.matrix.shape):
        left, right = factors(weights.matrix - base)
        weights.write_(base + left[:, :rank] @ right[:rank])
    return weights.model


class Weights:
    """The tensors that hold a layer's weights, and the matrix [units, inputs] that they make up.

    What a parametrisation or a hook computes is made a tensor of its own first: nothing else could
    replace it.

    Args:
        model: a private copy of the network, in evaluation mode; it is changed.
        layer: the layer.

    Raises:
        ValueError: if a weight is not finite.
    """

    def __init__(self, model: nn.Module, layer: Layer) -> None:
        for name in {part.tensor for part in layer.weights} & set(layer.computed):
            _keep_computed_(model, name)
        self.model = model
        self._layer = layer
        self._module = model.get_submodule(layer.module)
        self.tensors = [_stored(model, part.tensor) for part in layer.weights]
        self.matrix: Float[Tensor, "units inputs"] = finite_matrix(layer.matrix(model)).clone()

    @torch.no_grad()
    def write_(self, matrix: Float[Tensor, "units inputs"]) -> None:
        """Replaces the weights by those of another matrix; zeros between groups stay out."""
        first = 0
        for part, value in zip(self._layer.weights, self.tensors, strict=True):
            columns = part.inputs(value.shape)
            write_part_(part, value, matrix[:, first : first + columns])
            first += columns

    def base(self, initial: Tensor | None) -> Float[Tensor, "units inputs"]:
        """The matrix that what is projected is added to: `Z`, or zero.

        Raises:
            ValueError: if `Z` is of another shape or not finite.
        """
        if initial is None:
            return torch.zeros_like(self.matrix)
        if initial.dim() > 2 and len(self.tensors) == 1:
            check_shapes(self.tensors[0], initial)
            initial = self._layer.weights[0].matrix(initial)
        check_shapes(self.matrix, initial)
        start = full_precision(initial.detach(), "initial weights").to(self.matrix)
        check_finite(start, "initial weights")
        return start

    def used_by(self, model: nn.Module) -> bool:
        """Whether a module's parameters or buffers lie over the memory of these weights."""
        own = {value.data_ptr() for value in self.tensors}
        return any(value.data_ptr() in own for value in [*model.parameters(), *model.buffers()])

    def belong_to(self, module: nn.Module) -> bool:
        """Whether a module is the one that computes the layer."""
        return module is self._module


@torch.no_grad()
def write_part_(part: Part, value: Tensor, matrix: Float[Tensor, "units inputs"]) -> None:
    """Writes a part's columns of a weight matrix back into its tensor: `Part.matrix` turned round.

    Args:
        part: which entries of the tensor belong to which unit.
        value: the tensor; entries that belong to no unit of the layer stay.
        matrix: what `part.matrix(value)` is to be; entries between groups are left out.
    """
    # The same rearrangement of each entry's number says where it has to go; 0 stands for none.
    numbers = torch.arange(1, value.numel() + 1, device=value.device).view(value.shape)
    places = part.matrix(numbers)
    kept = places > 0
    flat = value.reshape(-1).clone()
    flat[places[kept] - 1] = matrix[kept].to(value)
    value.copy_(flat.view(value.shape))


def _stored(model: nn.Module, name: str) -> Tensor:
    path, _, attribute = name.rpartition(".")
    return getattr(model.get_submodule(path), attribute).detach()


def _keep_computed_(model: nn.Module, name: str) -> None:
    """Replaces what computes a tensor by the value that is computed."""
    value = nn.Parameter(tensor(model, name).clone(), requires_grad=False)
    path, _, attribute = name.rpartition(".")
    module = model.get_submodule(path)
    if parametrize.is_parametrized(module, attribute):
        # Taking the parametrisation off would change a class that all copies of the module share.
        chains = module.parametrizations
        assert isinstance(chains, nn.ModuleDict)
        chains[attribute] = _Constant(value)
        return
    for key, hook in list(module._forward_pre_hooks.items()):
        if attribute in (getattr(hook, "name", None), getattr(hook, "_tensor_name", None)):
            del module._forward_pre_hooks[key]
    if hasattr(module, attribute):
        delattr(module, attribute)
    module.register_parameter(attribute, value)


class _Constant(nn.Module):
    """Stands where a parametrisation stood."""

    def __init__(self, value: nn.Parameter) -> None:
        super().__init__()
        self.value = value

    def forward(self) -> Tensor:
        return self.value
