"""The names that users type, and what they stand for."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surfeit.models import Builder
    from surfeit.prune import Criterion
    from surfeit.train import Recipe

MODELS = ("lenet-300-100", "conv-2", "conv-4", "conv-6", "vgg19-bn")


def builder_of(name: str) -> "Builder":
    """The network's builder: one of `MODELS`, or `mlp-W1-W2-...` for hidden layers of those widths.

    Raises:
        ValueError: if there is none; the nearest are suggested.
    """
    from surfeit import models
    from surfeit.core import unknown

    if name in MODELS:
        return getattr(models, name.replace("-", "_"))
    kind, *widths = name.split("-")
    if kind == "mlp" and widths and all(width.isdigit() for width in widths):
        return partial(models.mlp, tuple(int(width) for width in widths))
    raise unknown("model", name, [*MODELS, "mlp-100-50"])


def criteria_of(names: Iterable[str]) -> "dict[str, Criterion]":
    """The criteria by the names that tables and figures show.

    Raises:
        ValueError: if there is none of a name; the nearest are suggested.
    """
    from surfeit.core import unknown
    from surfeit.prune import CRITERIA

    found = {}
    for name in names:
        key = name.replace("-", "_")
        if key not in CRITERIA:
            raise unknown("criterion", name, [known.replace("_", "-") for known in CRITERIA])
        found[key] = CRITERIA[key]
    return found


def published_recipe(model: str, data: str) -> "Recipe":
    """How tickets of a network were trained where they were published.

    A network without published tickets is trained as the report does, or as LeNet; on digits 2,000
    steps are enough.
    """
    from dataclasses import replace

    from surfeit.procedures.tickets import PUBLISHED
    from surfeit.train import REPORT_RECIPES

    if model in PUBLISHED:
        base = PUBLISHED[model].recipe
    else:
        base = REPORT_RECIPES.get(model, PUBLISHED["lenet-300-100"].recipe)
    return replace(base, steps=2_000) if data == "digits" else base
