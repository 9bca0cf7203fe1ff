"""What the tests of this room draw: small networks of many replicates, in float64."""

import torch

from surfeit.core import Streams
from surfeit.teachers import Networks


def generators(count, name="examples"):
    return [Streams(seed).get(name) for seed in range(count)]


def networks(replicates, units, inputs, seed=0, dtype=torch.float64):
    """Weights and outer weights of all sizes and signs."""
    generator = Streams(seed).get("networks", units)
    weights = torch.randn(replicates, units, inputs, generator=generator, dtype=torch.float64)
    outputs = torch.randn(replicates, units, generator=generator, dtype=torch.float64)
    return Networks(weights.to(dtype), outputs.to(dtype))
