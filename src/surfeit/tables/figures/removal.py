"""Accuracy or loss against the number of units removed: every criterion, both ways, and chance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILLION,
    Stroke,
    accepted_label,
    accepted_level,
    loss_axis,
    panels,
    percent_axis,
    style,
)
from surfeit.tables.tables import column, where

STROKES = {
    "magnitude": Stroke(color=BLUE, linestyle="-", marker="o"),
    "frame_potential": Stroke(color=VERMILLION, linestyle="--", marker="s"),
    "inner_product": Stroke(color=GREEN, linestyle="-.", marker="^"),
    "raw_frame_potential": Stroke(color=PURPLE, linestyle=":", marker="D"),
}
OTHERS = (
    Stroke(color=ORANGE, linestyle=(0, (1, 1)), marker="v"),
    Stroke(color=SKY, linestyle=(0, (5, 1)), marker="P"),
    Stroke(color=BLUE, linestyle=(0, (3, 1, 1, 1)), marker="X"),
    Stroke(color=GREEN, linestyle=(0, (4, 2, 1, 2, 1, 2)), marker="*"),
)
TITLES = {
    "least": "Least important first",
    "most": "Most important first (the check)",
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How many units can go: what the figure marks.

    Args:
        criterion: whose order was chosen, on the validation examples.
        estimate: how many its curve of the validation examples lets go.
        bounds: at least and at most how many, by the test examples; None where nobody knows.
    """

    criterion: str
    estimate: int
    bounds: tuple[int, int] | None


def figure(
    table: pa.Table,
    *,
    loss: float | None = None,
    chance: float | None = None,
    answer: Answer | None = None,
    variance: Mapping[str, float | None] = MappingProxyType({}),
) -> Figure:
    """Removal curves of one layer: one panel for each direction on the split that judges.

    Where validation curves are there too, two panels stand above: those that chose beside those
    that judge, about the accuracy that may be lost, with the answer. Random removal is the mean
    over its repeats with a band of one standard deviation, the same in both directions. Between
    criterion and direction no colour is needed: dashes and markers differ.

    Args:
        table: one row a point: `split` ("validation" and "test", or one alone), `criterion`,
            `remove` ("least" or "most" first; null for random), `repeat` (0 where nothing is
            random), `removed` (units), `accuracy` (fraction) or, where that is null, `loss`.
        loss: the accuracy that may be lost (fraction); its line is drawn where given. Of losses
            with a variance, of R²; of others, a share of the dense loss.
        chance: the accuracy of guessing (fraction); its line is drawn where given and accuracies
            are.
        answer: how many units can go; marked where given.
        variance: by split, of real targets the loss of always answering their mean; its line is
            drawn where given and losses are.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a removal figure needs at least one curve")
    splits = set(table["split"].to_pylist())
    judges = "test" if "test" in splits else min(splits)
    lines = Lines(loss=loss, chance=chance, variance=variance)
    both = len(splits) > 1 and "validation" in splits
    with style():
        drawing, axes = panels(2, rows=2 if both else 1, height=6.6 if both else 3.7)
        if both:
            _close_panels(axes[0], table, ("validation", judges), lines, answer)
        _whole_panels(axes[-1], where(table, split=judges), lines)
        if not both and answer is not None:
            falls = quantity_of(table) == "accuracy"
            _mark_answer(axes[-1][0], answer, judging=True, falls=falls)
        handles, labels = axes[-1][0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=3)
    return drawing


def _whole_panels(axes: Sequence[Axes], table: pa.Table, lines: "Lines") -> None:
    """Both directions, from no removal to all."""
    what = quantity_of(table)
    for panel, (remove, title) in zip(axes, TITLES.items(), strict=True):
        draw_random(panel, table)
        draw_criteria(panel, table, remove)
        lines.draw(panel, table)
        panel.set(title=title, xlabel="units removed")
        panel.set_xlim(0, max(table["removed"].to_pylist()))
        if what == "accuracy":
            panel.set_ylim(bottom=0)
    first, second = axes
    if what == "loss":
        loss_axis(first, column(table, what))
    second.sharey(first)
    second.tick_params(labelleft=False)
    _label(first, table)


def _close_panels(
    axes: Sequence[Axes],
    table: pa.Table,
    splits: tuple[str, str],
    lines: "Lines",
    answer: Answer | None,
) -> None:
    """What chose beside what judges, near the accuracy or loss that is accepted."""
    for panel, split, role in zip(axes, splits, ("chooses", "judges"), strict=True):
        rows = where(table, split=split)
        draw_random(panel, rows)
        chosen = None if answer is None or role == "chooses" else answer.criterion
        draw_criteria(panel, rows, "least", chosen=chosen)
        lines.draw(panel, rows)
        panel.set(title=f"What {role}: {split}", xlabel="units removed, least important first")
        panel.set_xlim(0, max(rows["removed"].to_pylist()))
        span = lines.span(rows)
        if span is not None:
            panel.set_ylim(*span)
        _label(panel, rows)
        if answer is not None:
            falls = quantity_of(table) == "accuracy"
            _mark_answer(panel, answer, judging=role == "judges", falls=falls)


def _label(axes: Axes, table: pa.Table) -> None:
    split = table["split"][0].as_py()
    if quantity_of(table) == "accuracy":
        axes.set_ylabel(f"{split} accuracy")
        percent_axis(axes)
        return
    scale = ", logarithmic axis" if axes.get_yscale() == "log" else ""
    axes.set_ylabel(f"{split} loss (lower is better{scale})")


def strokes_of(names: Iterable[str]) -> dict[str, Stroke]:
    """How each criterion is drawn: those without a stroke of their own take others in turn."""
    others = cycle(OTHERS)
    return {name: STROKES[name] if name in STROKES else next(others) for name in names}


def draw_random(axes: Axes, table: pa.Table) -> None:
    """The mean over random orders, with a band of a standard deviation within what is possible."""
    rows = where(table, criterion="random")
    if rows.num_rows == 0:
        return
    repeats = sorted(set(rows["repeat"].to_pylist()))
    curves = [_curve(where(rows, repeat=repeat)) for repeat in repeats]
    removed = curves[0][0]
    points = np.stack([values for _, values in curves])
    mean = points.mean(axis=0)
    if len(repeats) > 1:
        spread = points.std(axis=0, ddof=1)
        lower, upper = mean - spread, mean + spread
        if quantity_of(table) == "accuracy":
            lower, upper = lower.clip(0, 1), upper.clip(0, 1)
        elif points.min() > 0:
            # A logarithmic axis has no place for what the band takes below all that was measured.
            lower = np.maximum(lower, points.min(axis=0))
        label = f"random: ± standard deviation of {len(repeats)}"
        axes.fill_between(removed, lower, upper, color=PALE, linewidth=0, label=label)
    axes.plot(removed, mean, color=BLACK, linewidth=1.2, label="random: mean")


def draw_criteria(axes: Axes, table: pa.Table, remove: str, *, chosen: str | None = None) -> None:
    """The curve of each criterion in one direction; where one is chosen the others are faint."""
    rows = where(table, remove=remove)
    names = [name for name in dict.fromkeys(rows["criterion"].to_pylist()) if name != "random"]
    strokes = strokes_of(names)
    for place, name in enumerate(names):
        removed, points = _curve(where(rows, criterion=name))
        every = max(1, len(removed) // 8)
        axes.plot(
            removed,
            points,
            label=name.replace("_", " "),
            # Markers of equal curves stand side by side instead of hiding each other.
            markevery=(place * every // 4, every),
            alpha=1.0 if chosen in (None, name) else 0.35,
            **strokes[name].options(),
        )


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What curves are held against: the accepted loss, guessing, and always the mean.

    Args:
        loss, chance, variance: as `figure` takes them.
    """

    loss: float | None
    chance: float | None
    variance: Mapping[str, float | None]

    def draw(self, axes: Axes, table: pa.Table) -> None:
        """Draws those that are known, for the curves of one split."""
        of_losses, variance = quantity_of(table) == "loss", self._variance(table)
        if self.loss is not None:
            level = self._level(table, self.loss)
            label = accepted_label(self.loss, variance, of_losses=of_losses)
            axes.axhline(level, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)), label=label)
        if variance is not None and of_losses:
            label = "always the mean (R² = 0)"
            axes.axhline(variance, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), label=label)
        if self.chance is not None and not of_losses:
            label = "chance"
            axes.axhline(self.chance, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), label=label)

    def span(self, table: pa.Table) -> tuple[float, float] | None:
        """The values near the accepted one: three times what may be lost better, ten worse."""
        if not self.loss:
            return None
        dense = dense_of(table)
        allowed = self._level(table, self.loss) - dense  # negative of accuracies
        if not allowed:
            return None
        low, high = sorted((dense - 3 * allowed, dense + 10 * allowed))
        if quantity_of(table) == "accuracy":
            return max(low, 0.0), min(high, 1.0 + 0.1 * self.loss)
        return low, high

    def _level(self, table: pa.Table, loss: float) -> float:
        of_losses = quantity_of(table) == "loss"
        return accepted_level(dense_of(table), loss, self._variance(table), of_losses=of_losses)

    def _variance(self, table: pa.Table) -> float | None:
        return self.variance.get(table["split"][0].as_py())


def _mark_answer(axes: Axes, answer: Answer, *, judging: bool, falls: bool) -> None:
    """The bounds where the split judges, else the estimate.

    Args:
        axes: of the least important unit first.
        answer: what is marked.
        judging: whether the curves are those of the split that judges.
        falls: whether curves fall as units go, as accuracies do: words keep out of their way.
    """
    if not judging or answer.bounds is None:
        axes.axvline(answer.estimate, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        name = answer.criterion.replace("_", " ")
        _note(
            axes, answer.estimate, f"estimate {answer.estimate},\n{name}", right=False, falls=falls
        )
        return
    lower, upper = answer.bounds
    axes.axvspan(lower, upper, color=SKY, alpha=0.22, linewidth=0)
    for place, words, right in ((lower, "at least", False), (upper, "at most", True)):
        if 0 < place < axes.get_xlim()[1]:  # the ends themselves say nothing
            axes.axvline(place, color=BLACK, linewidth=0.9)
            _note(axes, place, f"{words} {place}", right=right, falls=falls)


def _note(axes: Axes, place: int, text: str, *, right: bool, falls: bool) -> None:
    """Words beside a place, on the side that is wanted where there is room.

    Before it the curves are still near their beginning, behind it far from there.
    """
    share = place / axes.get_xlim()[1]
    to_right = share < 0.35 or (right and share < 0.7)
    top = to_right == falls
    axes.annotate(
        text,
        (place, (0.97 if right or not to_right else 0.88) if top else 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(4 if to_right else -4, 0),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if to_right else "right",
        va="top" if top else "bottom",
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def dense_of(table: pa.Table) -> float:
    """What the whole network is worth on the table's one split."""
    return float(where(table, removed=0)[quantity_of(table)][0].as_py())


def quantity_of(table: pa.Table) -> str:
    """What the curves are of: "accuracy", or "loss" where there are no accuracies."""
    return "loss" if table["accuracy"].null_count == table.num_rows else "accuracy"


def _curve(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    removed = np.asarray(rows["removed"].to_pylist())
    order = np.argsort(removed, kind="stable")
    return removed[order], column(rows, quantity_of(rows))[order]
