"""What a network is worth, in words: an accuracy, an R², or a loss, and how much may be lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Numbers = Mapping[str, Any]
Name = Literal["accuracy", "r2", "loss"]
SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number that says how good a network is.

    Args:
        name: as tables have it.
        words: as pages have it.
        curve: the column of a removal or rank curve that holds it or that it follows from.
    """

    name: Name
    words: str
    curve: Literal["accuracy", "loss"]

    def amount(self, value: float) -> str:
        """A value, e.g. "97.1 %", "0.971" or "0.0123"."""
        if self.name == "accuracy":
            return percent(value)
        return f"{value:.3f}".replace("-", "−") if self.name == "r2" else f"{value:.4g}"

    def change(self, test: Numbers, end: str = "change") -> float:
        """How much better it has become: in points as a fraction, a loss as a share of itself.

        Args:
            test: `before` and `change`, with its interval's `lower` and `upper`.
            end: which of the three.
        """
        if self.name != "loss":
            return test[end]
        other = {"change": "change", "lower": "upper", "upper": "lower"}[end]
        return -test[other] / max(abs(test["before"]), 1e-300)

    def change_words(self, test: Numbers) -> str:
        """A change with its interval, e.g. "−0.5 points; 95 % interval −1.6 to +0.6"."""
        scale = max(abs(test["before"]), 1e-300) if self.name == "loss" else 1.0
        unit = f"{SPACE}%" if self.name == "loss" else " points"
        text = f"{points(test['change'] / scale)}{unit}"
        if test["lower"] is None:
            return f"{text}; a single example has no interval"
        lower, upper = (points(test[end] / scale) for end in ("lower", "upper"))
        return f"{text}; 95{SPACE}% interval {lower} to {upper}"

    def allowance(self, loss: float) -> str:
        """What may be lost: "a point", "2 points", or "1 %"."""
        if self.name == "loss":
            return f"{100 * loss:g}{SPACE}%"
        return "a point" if loss == 0.01 else f"{100 * loss:g} points"

    def price(self, loss: float) -> str:
        """What may be lost, and of what: "a point of accuracy", "1 % more loss"."""
        if self.name == "loss":
            return f"{self.allowance(loss)} more loss"
        return f"{self.allowance(loss)} of {self.words}"

    @property
    def unit(self) -> str:
        """What changes are counted in."""
        return "percent of the loss" if self.name == "loss" else "points"

    @property
    def definition(self) -> str:
        """What "can go" asks for, with `{loss}` for what may be lost."""
        if self.name == "accuracy":
            return "validation accuracy never falls by more than {loss} on the way"
        if self.name == "r2":
            return (
                "R² on the validation data never falls by more than {loss} on the way, that is, "
                "the loss never rises by more than that share of the targets' variance"
            )
        return (
            "the loss on the validation data never rises by more than {loss} of what it was on "
            "the way"
        )


ACCURACY = Quantity(name="accuracy", words="accuracy", curve="accuracy")
R2 = Quantity(name="r2", words="R²", curve="loss")
LOSS = Quantity(name="loss", words="loss", curve="loss")
QUANTITIES = {quantity.name: quantity for quantity in (ACCURACY, R2, LOSS)}


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent, e.g. 0.9712 -> "97.1 %"; the space does not break a line."""
    return f"{100 * fraction:.{digits}f}{SPACE}%"


def points(change: float, *, signed: bool = True) -> str:
    """A change of a fraction in points, e.g. -0.0123 -> "−1.2"; zero has no sign."""
    text = f"{100 * change:{'+' if signed else ''}.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")
