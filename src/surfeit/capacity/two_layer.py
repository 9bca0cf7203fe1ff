"""A two-layer network as capacity measures take it: its weights, and those it began with."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoLayer:
    """The weights of `x -> V relu(U x)` at the end of a training, and at its start.

    There are no biases. Those of the hidden layer are weights of one more input that is always 1;
    those of the output have no place in the measures.

    Args:
        U: of the hidden layer, h units of d inputs.
        V: of the output layer, c outputs of h units.
        U0, V0: what they were before training.

    Raises:
        ValueError: if shapes do not fit, or a weight is not a finite real number.
    """

    U: Float[Tensor, "h d"]
    V: Float[Tensor, "c h"]
    U0: Float[Tensor, "h d"]
    V0: Float[Tensor, "c h"]

    def __post_init__(self) -> None:
        for name in ("U", "V", "U0", "V0"):
            object.__setattr__(self, name, finite_matrix(getattr(self, name)).double())
        if self.V.shape[1] != self.U.shape[0]:
            raise ValueError(
                f"V must read the {self.U.shape[0]} units of U [units, inputs], one a column, got "
                f"{list(self.V.shape)}"
            )
        for name, start in (("U", self.U0), ("V", self.V0)):
            now = getattr(self, name)
            if start.shape != now.shape:
                raise ValueError(
                    f"{name}0 must have the shape of {name}, {list(now.shape)}, got "
                    f"{list(start.shape)}"
                )

    @property
    def width(self) -> int:
        """h, the number of hidden units."""
        return self.U.shape[0]


def unit_capacity(network: TwoLayer) -> Float[Tensor, " h"]:
    """How far training moved each hidden unit: `β_i = ‖u_i − u_i⁰‖`, with u_i a row of U.

    Source: Neyshabur et al. 2018 (1805.12076). Cost: O(entries of U).
    """
    return torch.linalg.vector_norm(network.U - network.U0, dim=1)


def unit_impact(network: TwoLayer) -> Float[Tensor, " h"]:
    """How much each hidden unit says: `α_i = ‖v_i‖`, with v_i a column of V.

    Source: Neyshabur et al. 2018 (1805.12076). Cost: O(entries of V).
    """
    return torch.linalg.vector_norm(network.V, dim=0)
