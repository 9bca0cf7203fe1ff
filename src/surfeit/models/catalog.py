"""All networks of the library by name."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from surfeit.core import unknown
from surfeit.core.catalog import Catalog

if TYPE_CHECKING:
    from surfeit.models.networks import Builder

_ENTRIES: "dict[str, Builder | str]" = {
    "lenet-300-100": "surfeit.models.networks:lenet_300_100",
    "conv-2": "surfeit.models.networks:conv_2",
    "conv-4": "surfeit.models.networks:conv_4",
    "conv-6": "surfeit.models.networks:conv_6",
    "vgg19-bn": "surfeit.models.networks:vgg19_bn",
}
MODELS: "Mapping[str, Builder]" = Catalog(_ENTRIES)
"""The builders by name; `mlp-W1-W2-...` is there for all widths."""


def builder_named(name: str) -> "Builder":
    """The network's builder: one of `MODELS`, or `mlp-W1-W2-...` for hidden layers of those widths.

    >>> builder_named("mlp-100-50")(input_shape=(1, 8, 8), classes=10)

    Raises:
        ValueError: if there is none; the nearest are suggested.
    """
    if name in MODELS:
        return MODELS[name]
    kind, *widths = name.split("-")
    if kind == "mlp" and widths and all(width.isdecimal() for width in widths):
        from surfeit.models.networks import mlp

        return partial(mlp, tuple(int(width) for width in widths))
    raise unknown("model", name, [*MODELS, "mlp-100-50"])


def name_of(builder: object) -> str | None:
    """The name by which `builder_named` gives this builder; None if it is none of the library's."""
    from surfeit.models.networks import mlp

    name = next((name for name, known in MODELS.items() if known is builder), None)
    if name is not None or not isinstance(builder, partial) or builder.func is not mlp:
        return name
    widths = builder.args[0] if len(builder.args) == 1 and not builder.keywords else ()
    whole = widths and all(type(width) is int and width > 0 for width in widths)
    return "-".join(["mlp", *map(str, widths)]) if whole else None
