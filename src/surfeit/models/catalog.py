"""All networks of the library by name."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from surfeit.core import unknown
from surfeit.core.catalog import Catalog
from surfeit.models.families import FAMILIES
from surfeit.models.mistyped import fault_in

if TYPE_CHECKING:
    from surfeit.models.networks import Builder

_ENTRIES: "dict[str, Builder | str]" = {
    "lenet-300-100": "surfeit.models.networks.dense:lenet_300_100",
    "conv-2": "surfeit.models.networks.tickets:conv_2",
    "conv-4": "surfeit.models.networks.tickets:conv_4",
    "conv-6": "surfeit.models.networks.tickets:conv_6",
    "vgg19-bn": "surfeit.models.networks.tickets:vgg19_bn",
}
MODELS: "Mapping[str, Builder]" = Catalog(_ENTRIES)
"""The builders by name; those of `FAMILIES` are there for all sizes."""

EXAMPLES = tuple(family.example for family in FAMILIES)
"""A name of each family."""

FORMS = tuple(family.form for family in FAMILIES)
"""How the names of each family are made."""


def builder_named(name: str) -> "Builder":
    """The network's builder: one of `MODELS`, or one of a family, as `FORMS` says.

    >>> builder_named("mlp-100-50")(input_shape=(1, 8, 8), classes=10)
    >>> builder_named("resnet-56-plain")

    Raises:
        ValueError: if there is none; the word at fault, the nearest names and the family's form
            are told.
    """
    if name in MODELS:
        return MODELS[name]
    for family in FAMILIES:
        if (builder := family.builder_of(name)) is not None:
            return builder
    families = [family for family in FAMILIES if f"{name}-".startswith(f"{family.name}-")]
    faults = [fault for family in families if (fault := fault_in(name, family)) is not None]
    error = f"no model {name!r}: {faults[0]}" if faults else _no_model(name)
    forms = " or ".join(family.form for family in families)
    raise ValueError(f"{error}. Such networks are called {forms}" if forms else f"{error}")


def _no_model(name: str) -> ValueError:
    return unknown("model", name, [*MODELS, *EXAMPLES])


def has_form(name: str) -> bool:
    """Whether a name is that of a network here, by its first word: its sizes may be refused."""
    return name in MODELS or any(name.startswith(f"{family.name}-") for family in FAMILIES)


def name_of(builder: object) -> str | None:
    """The name by which `builder_named` gives this builder; None if it is none of the library's."""
    name = next((name for name, known in MODELS.items() if known is builder), None)
    if name is not None:
        return name
    function = builder.func if isinstance(builder, partial) else builder
    family = next((one for one in FAMILIES if one.is_built_by(function)), None)
    return None if family is None else family.name_of(builder)
