"""The layers of all fully connected ReLU networks of a stack."""

from collections.abc import Sequence

from surfeit.train.stack.memory import StackMemory, aligned


class StackLayers:
    """Weights [places, units, inputs] and biases [places, units], first layer to last.

    Args:
        names: the layers' names.
        memory: of the stack.
    """

    def __init__(self, names: Sequence[str], memory: StackMemory) -> None:
        self.names, self.places = names, memory.places
        self.weights = [memory.of(f"{name}.weight") for name in names]
        self.biases = [memory.of(f"{name}.bias") for name in names]

    @property
    def widths(self) -> list[int]:
        """How many numbers the inputs have, and what each layer puts out."""
        return [self.weights[0].shape[2], *(bias.shape[1] for bias in self.biases)]

    def rows(self, count: int) -> int:
        """How many rows are computed for so many examples: each place's begin at a cache line."""
        return aligned(count, self.widths, self.weights[0].element_size())
