"""The probe `dead_units`: units that answer nothing, whatever they see."""

from collections.abc import Iterator
from typing import Any

from surfeit.models.structure import Structure, unit_outputs
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep

EXAMPLES = 1_000
"""Training examples that a unit may answer to."""


def _look(step: ProbedStep) -> Iterator[dict[str, Any]]:
    """A unit is dead if it is exactly zero, at all positions, for all of so many examples.

    As its first reader takes it: behind normalisation, activation and pooling. Units that are no
    layer's alone, as in a residual stream, and output units are taken as their layer leaves them,
    where they are rarely zero.
    """
    network = step.network().eval()
    inputs = step.split.some(EXAMPLES, step.generator).inputs
    structure = Structure.of(network, inputs[:1])
    names = [name for name in structure.layers if structure.calls(name)]
    for name, answers in unit_outputs(network, names, inputs, structure=structure).items():
        dead = (answers == 0).all(2).all(0)
        yield {
            "layer": name,
            "dead": int(dead.sum()),
            "units": len(dead),
            "examples": len(inputs),
        }


dead_units = Probe(
    name="dead_units",
    look=_look,
    words=f"a row a layer: units whose output is zero for all of {EXAMPLES:,} training examples "
    "(fewer where there are fewer), of how many",
)
"""Dead units by layer, in evaluation mode. Cost: a forward pass of 1,000 examples, and what
`Structure.of` takes: some 20 for a network of three layers."""
