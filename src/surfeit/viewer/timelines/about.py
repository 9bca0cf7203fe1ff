"""What timelines are chosen by among many: model, data, seed, role, density, tags; and settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from surfeit.core import StoreError
from surfeit.store import Run, Summary
from surfeit.store.summary import summary_of

_LONGEST = 60
_MOST = 200


@dataclass(frozen=True, kw_only=True)
class About:
    """A timeline in a few words, each empty or None where it is not known.

    Args:
        model, data: what they are called.
        seed: of the training; of tickets, their replicate's.
        arm: "ticket" or a control's name; "tickets" of a whole search.
        level: in a search for tickets, 0 for the dense network.
        density: the fraction of all layers' weights that the mask keeps at the end.
        tags: as the user gave them.
    """

    model: str = ""
    data: str = ""
    seed: int | None = None
    arm: str = ""
    level: int | None = None
    density: float | None = None
    tags: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """As JSON values, by field."""
        return {name: getattr(self, name) for name in FIELDS} | {"tags": list(self.tags)}


FIELDS = tuple(field.name for field in fields(About))


def about_in(summary: Summary) -> About:
    """What a run's summary says of it."""
    return About(
        model=summary.model,
        data=summary.data,
        seed=summary.seed,
        arm=summary.arm,
        level=summary.level,
        density=summary.density,
        tags=summary.tags,
    )


def about_of(run: Run) -> About:
    """What a run's record says of it; of a damaged one nothing."""
    return about_in(summary_of(run.path, run.path.parent))


def settings_of(run: Run) -> dict[str, str]:
    """The run's configuration as short words by dotted name, such as {"recipe.lr": "0.1"}.

    The network's description, and what is longer than a line, is left out: names of models tell it.
    """
    try:
        config = run.config
    except StoreError:
        return {}
    told = {name: value for name, value in config.items() if name != "architecture"}
    return dict(list(_flat(told, ""))[:_MOST])


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif len(text := "none" if value is None else str(value)) <= _LONGEST:
            yield f"{prefix}{name}", text
