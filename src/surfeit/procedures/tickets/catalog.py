"""The controls of tickets by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from surfeit.core.catalog import Catalog

if TYPE_CHECKING:
    from surfeit.procedures.tickets.controls import Control

_ENTRIES: "dict[str, Control | str]" = {
    "reinit": "surfeit.procedures.tickets.controls:REINIT",
    "random": "surfeit.procedures.tickets.controls:RANDOM",
    "shuffle": "surfeit.procedures.tickets.controls:SHUFFLE",
    "scratch-e": "surfeit.procedures.tickets.controls:SCRATCH_E",
    "scratch-b": "surfeit.procedures.tickets.controls:SCRATCH_B",
    "sign": "surfeit.procedures.tickets.controls:SIGN",
    "constant": "surfeit.procedures.tickets.controls:CONSTANT",
    "invert": "surfeit.procedures.tickets.controls:INVERT",
}
CONTROLS: "Mapping[str, Control]" = Catalog(_ENTRIES)
"""The controls by name."""
