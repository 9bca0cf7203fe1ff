"""What a changed network has lost against the whole one, and an axis that opens near nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter

from surfeit.tables.figures.style import GREY, plain
from surfeit.tables.tables import column

_STEPS = (1, 2, 5)
_ROOM = 1.2  # beyond the outermost value


@dataclass(frozen=True, kw_only=True)
class Lost:
    """How points of a curve become what is lost.

    Args:
        split: whose examples the curve was measured on.
        dense: what the whole network is worth there.
        of_losses: whether the curve is of losses; else of accuracies.
        variance: of real targets, by which a loss is an R²; or None.
    """

    split: str
    dense: float
    of_losses: bool
    variance: float | None = None

    def of(self, values: np.ndarray) -> np.ndarray:
        """Points of accuracy or R², or percent of the loss; negative where something is gained."""
        if not self.of_losses:
            return 100 * (self.dense - values)
        return 100 * (values - self.dense) / self._whole

    @property
    def words(self) -> str:
        """What the axis is of."""
        if not self.of_losses:
            return f"{self.split} accuracy lost (points)"
        if self.variance is not None:
            return f"{self.split} R² lost (points)"
        return f"rise of the {self.split} loss" + (" (%)" if self.dense else " (hundredths)")

    def draw_lines(self, axes: Axes, *, loss: float | None, chance: float | None) -> Line2D | None:
        """The accepted loss, which is returned, and what knowing nothing costs, where known.

        Args:
            axes: of such values.
            loss: what may be lost, a fraction.
            chance: the accuracy of guessing, a fraction.
        """
        accepted = None
        if loss is not None:
            level = 100 * loss if self.dense or self.variance or not self.of_losses else 0.0
            accepted = self._line(axes, level, f"accepted: {self._price(loss)}", (0, (6, 3)))
        if self.of_losses and self.variance is not None:
            worst = float(self.of(np.asarray(self.variance)))
            self._line(axes, worst, "always the mean (R² = 0)", (0, (1, 2)))
        if chance is not None and not self.of_losses:
            self._line(axes, float(self.of(np.asarray(chance))), "chance", (0, (1, 2)))
        return accepted

    @property
    def _whole(self) -> float:
        return self.variance if self.variance is not None else abs(self.dense) or 1.0

    def _price(self, loss: float) -> str:
        if self.of_losses and self.variance is None:
            return f"{100 * loss:g} % more loss"
        points = f"{100 * loss:g} point{'' if loss == 0.01 else 's'}"
        return f"{points} of R²" if self.of_losses else points

    def _line(self, axes: Axes, level: float, label: str, dashes: tuple) -> Line2D:
        return axes.axhline(level, color=GREY, linewidth=0.9, linestyle=dashes, label=label)


def quantity_of(table: pa.Table) -> str:
    """What curves are of: "accuracy", or "loss" where there are no accuracies."""
    return "loss" if table["accuracy"].null_count == table.num_rows else "accuracy"


def values_of(table: pa.Table) -> np.ndarray:
    """The points of curves, in the quantity that they are of."""
    return column(table, quantity_of(table))


def lost_axis(axes: Axes, values: Sequence[float] | np.ndarray, *, loss: float | None) -> None:
    """Makes the vertical axis linear up to the accepted loss and logarithmic beyond.

    So what costs next to nothing has room, and all that was lost is still in sight.

    Args:
        axes: whose vertical axis it is.
        values: all that is drawn, as `Lost.of` gives it.
        loss: what may be lost, a fraction; None or 0: the axis opens at one point.
    """
    near = 100 * loss if loss else 1.0
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    low = min(-0.3 * near, _ROOM * float(finite.min(initial=0.0)))
    high = max(3 * near, _ROOM * float(finite.max(initial=0.0)))
    axes.set_yscale("symlog", linthresh=near, linscale=0.9)  # as high as a decade
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator(_ticks(near, low, high)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value).replace("-", "−")))
    axes.yaxis.set_minor_locator(FixedLocator([]))


def _ticks(near: float, low: float, high: float) -> list[float]:
    """Nothing, the end of the linear part, and from there on both ways 1, 2 and 5 of each ten."""
    decades = range(int(np.floor(np.log10(near))), int(np.ceil(np.log10(max(high, -low)))) + 1)
    many = np.log10(max(high, -low) / near) > 3
    beyond = [
        step * 10.0**decade
        for decade in decades
        for step in ((1,) if many else _STEPS)
        if step * 10.0**decade > 1.5 * near
    ]
    ticks = [0.0, near, *beyond]
    both = {*ticks, *(-tick for tick in ticks)}
    return sorted(tick for tick in both if low <= tick <= high)
