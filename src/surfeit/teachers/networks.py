"""Networks of one hidden layer, one a replicate: students, teachers, and their starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from surfeit.teachers.checks import check_shape, check_size, check_wide_enough


@dataclass(frozen=True)
class Networks:
    """`φ(x) = Σ_k v_k g(w_k·x/√N)`, one network a replicate.

    Args:
        weights: w, of the first layer.
        outputs: v, of the second; of the same type.

    Raises:
        ValueError: if shapes do not match, an axis is empty, or types differ or are neither float32
            nor float64.
    """

    weights: Float[Tensor, "replicates units inputs"]
    outputs: Float[Tensor, "replicates units"]

    def __post_init__(self) -> None:
        if self.weights.dim() != 3 or 0 in self.weights.shape:
            raise ValueError(
                "weights must be of shape [replicates, units, inputs], each at least 1, got "
                f"{list(self.weights.shape)}"
            )
        check_shape("outputs", self.outputs, tuple(self.weights.shape[:2]))
        types = {self.weights.dtype, self.outputs.dtype}
        if len(types) > 1 or not types <= {torch.float32, torch.float64}:
            raise ValueError(
                "weights and outputs must be both float32 or both float64, got "
                f"{self.weights.dtype} and {self.outputs.dtype}"
            )

    @property
    def replicates(self) -> int:
        """How many networks there are."""
        return self.weights.shape[0]

    @property
    def units(self) -> int:
        """K or M, hidden units of each."""
        return self.weights.shape[1]

    @property
    def inputs(self) -> int:
        """N."""
        return self.weights.shape[2]

    def extended(
        self, units: int, generators: Sequence[Generator], *, deviation: float = 1e-3
    ) -> "Networks":
        """Nearly the same functions with so many units in all: the surplus ones start near 0.

        A wider student that starts here starts at its teacher. A ReLU unit of no weights at all has
        the slope 0 and would stay there, hence the deviation.

        Args:
            units: K, at least as many as there are.
            generators: of the surplus weights, one a replicate.
            deviation: of the surplus weights; their outer weights are 1.

        Raises:
            ValueError: if there are more units already, or generators are not one a replicate.
        """
        check_wide_enough(units, self.units)
        if len(generators) != self.replicates:
            raise ValueError(
                f"each of the {self.replicates} replicates needs a generator of its own, got "
                f"{len(generators)}"
            )
        if units == self.units:
            return self
        more = drawn_networks(
            units - self.units,
            self.inputs,
            generators,
            deviation=deviation,
            dtype=self.weights.dtype,
        )
        return Networks(
            torch.cat([self.weights, more.weights], 1), torch.cat([self.outputs, more.outputs], 1)
        )


def drawn_networks(
    units: int,
    inputs: int,
    generators: Sequence[Generator],
    *,
    deviation: float = 1.0,
    output: float = 1.0,
    output_deviation: float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> Networks:
    """Networks with normal weights, each from its own generator.

    Args:
        units, inputs: K or M, and N.
        generators: one a replicate, such as `Streams(seed).get("teacher")`.
        deviation: of the first layer's weights; `Q_kk` is about its square.
        output, output_deviation: mean and standard deviation of the second layer's.
        dtype: float32 or float64.

    Raises:
        ValueError: if a size is below 1 or there is no replicate.
    """
    check_size("units", units)
    check_size("inputs", inputs)
    check_size("replicates", len(generators))
    weights = torch.empty(len(generators), units, inputs, dtype=dtype)
    outputs = torch.full((len(generators), units), output, dtype=dtype)
    for place, generator in enumerate(generators):
        weights[place] = torch.randn(units, inputs, generator=generator, dtype=dtype) * deviation
        if output_deviation:
            drawn = torch.randn(units, generator=generator, dtype=dtype)
            outputs[place] += drawn * output_deviation
    return Networks(weights, outputs)
