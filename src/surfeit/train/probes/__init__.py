"""Probes: functions that look at a training at chosen steps, write tables, and change nothing.

A new one is a value of `Probe` in a file of its own and a line in `catalog.py`.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.train.probes.activations import activations
    from surfeit.train.probes.catalog import PROBES, probe_named
    from surfeit.train.probes.covariate_shift import covariate_shift
    from surfeit.train.probes.dead_units import dead_units
    from surfeit.train.probes.gradient_noise import gradient_noise
    from surfeit.train.probes.gradient_norms import gradient_norms
    from surfeit.train.probes.movement import movement
    from surfeit.train.probes.probe import Probe, own_probe
    from surfeit.train.probes.sharpness import sharpness
    from surfeit.train.probes.smoothness import smoothness
    from surfeit.train.probes.step import ProbedStep

__all__ = [
    "PROBES",
    "Probe",
    "ProbedStep",
    "activations",
    "covariate_shift",
    "dead_units",
    "gradient_noise",
    "gradient_norms",
    "movement",
    "own_probe",
    "probe_named",
    "sharpness",
    "smoothness",
]

lazy_front(__name__)
