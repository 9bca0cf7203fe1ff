"""What the first weights are drawn from, as a group of flags."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import Group, Parameter

from surfeit.cli.flags import flag, listed
from surfeit.models import INITIALS

if TYPE_CHECKING:
    from surfeit.models import Builder, Initial

INITIAL = Group("Initial weights", sort_key=2)

if TYPE_CHECKING:
    LawName = str | None
else:
    LawName = flag(
        str | None,
        help=f"The law that layers' weights are drawn from: {listed(INITIALS)}; by default "
        "glorot-normal, and of a function of your own what it draws. Biases are zero.",
    )


@Parameter(name="*", group=INITIAL)
@dataclass(frozen=True, kw_only=True)
class InitialOptions:
    """What the first weights are drawn from."""

    initial: LawName = None
    initial_scale: float | None = None
    "What they are multiplied by; of the law 'normal' their standard deviation."

    @property
    def law(self) -> "Initial | None":
        """The law that was asked for; None if none was.

        Raises:
            ValueError: if there is none of the name, or the scale is not positive.
        """
        from surfeit.models import Initial

        if self.initial is None and self.initial_scale is None:
            return None
        kind = "glorot-normal" if self.initial is None else self.initial
        return Initial(kind, 1.0 if self.initial_scale is None else self.initial_scale)  # pyright: ignore[reportArgumentType]

    def applied_to(self, builder: "Builder") -> "Builder":
        """The builder, drawing from the law that was asked for.

        Raises:
            ValueError: as `law`.
        """
        if self.law is None:
            return builder
        from surfeit.models import drawn_as

        return drawn_as(builder, self.law)

    def named(self, model: str) -> str:
        """The network's name with that of the law, for files."""
        return model if self.law is None else f"{model}-{self.law.words}"
