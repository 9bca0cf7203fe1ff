"""The library's probes by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from surfeit.core import unknown
from surfeit.core.catalog import Catalog

if TYPE_CHECKING:
    from surfeit.train.probes.probe import Probe

_ENTRIES: "dict[str, Probe | str]" = {
    "gradient_norms": "surfeit.train.probes.gradient_norms:gradient_norms",
    "gradient_noise": "surfeit.train.probes.gradient_noise:gradient_noise",
    "smoothness": "surfeit.train.probes.smoothness:smoothness",
    "activations": "surfeit.train.probes.activations:activations",
    "covariate_shift": "surfeit.train.probes.covariate_shift:covariate_shift",
    "dead_units": "surfeit.train.probes.dead_units:dead_units",
    "sharpness": "surfeit.train.probes.sharpness:sharpness",
    "movement": "surfeit.train.probes.movement:movement",
}
PROBES: "Mapping[str, Probe]" = Catalog(_ENTRIES)
"""The library's probes by name."""


def probe_named(name: str) -> "Probe":
    """The probe of this name; hyphens may stand for underscores.

    Raises:
        ValueError: if there is none; the nearest are suggested.
    """
    key = name.replace("-", "_")
    if key not in PROBES:
        raise unknown("probe", name, [one.replace("_", "-") for one in PROBES])
    return PROBES[key]
