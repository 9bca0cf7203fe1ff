"""What removing units costs: every criterion, both ways, and chance."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from surfeit.tables.figures.lost import Lost, lost_axis, quantity_of, values_of
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
    WIDTH,
    Stroke,
    style,
)
from surfeit.tables.tables import where

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
DIRECTIONS = {"least": "Least important first", "most": "Most important first"}
ROLES = {"validation": "chooses", "test": "judges"}
MARK = "answer_"
"""What the identifiers of marks begin with that depend on the accepted loss."""
_HEIGHT = 2.9  # inches, of a row of panels


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


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What curves are held against.

    Args:
        loss: what may be lost, a fraction; its line is drawn where given.
        chance: the accuracy of guessing, a fraction; its line is drawn where given.
        variance: by split, that of real targets.
    """

    loss: float | None
    chance: float | None
    variance: Mapping[str, float | None]


def figure(
    table: pa.Table,
    *,
    loss: float | None = None,
    chance: float | None = None,
    answer: Answer | None = None,
    variance: Mapping[str, float | None] = MappingProxyType({}),
) -> Figure:
    """What removals of one layer's units cost: points of accuracy or R², or percent of the loss.

    Two panels show the least important unit first and, as a check, the most important one. Where
    validation curves are there too, those that chose stand before those that judge. The axis is
    linear up to the accepted loss and logarithmic beyond. Random removal is the mean over its
    repeats with a band of one standard deviation, the same in both directions. Between criterion
    and direction no colour is needed: dashes and markers differ.

    Args:
        table: one row a point: `split` ("validation" and "test", or one alone), `criterion`,
            `remove` ("least" or "most" first; null for random), `repeat` (0 where nothing is
            random), `removed` (units), `accuracy` (fraction) or, where that is null, `loss`.
        loss: the accuracy that may be lost (fraction); its line is drawn where given. Of losses
            with a variance, of R²; of others, a share of the dense loss.
        chance: the accuracy of guessing (fraction); its line is drawn where given and accuracies
            are.
        answer: how many units can go; marked where given, by groups whose identifiers begin with
            `MARK` in an SVG, as that of the accepted loss does.
        variance: by split, of real targets the loss of always answering their mean; its line is
            drawn where given and losses are.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a removal figure needs at least one curve")
    splits = set(table["split"].to_pylist())
    judges = "test" if "test" in splits else min(splits)
    chooses = ["validation"] * ("validation" in splits and judges != "validation")
    shown = [*((split, "least") for split in (*chooses, judges)), (judges, "most")]
    lines = Reference(loss=loss, chance=chance, variance=variance)
    with style():
        rows = -(-len(shown) // 2)
        drawing = Figure(figsize=(WIDTH, _HEIGHT * rows + 0.8 * (rows == 1)), layout="constrained")
        panels = [drawing.add_subplot(rows, 2, place + 1) for place in range(len(shown))]
        marks: list[Artist] = []
        for panel, (split, remove) in zip(panels, shown, strict=True):
            rows = where(table, split=split)
            marks += _draw(panel, rows, remove, lines, answer, judging=split == judges)
            panel.set_title(_title(split, remove, alone=not chooses))
        _share_limits(panels)
        for place, artist in enumerate(marks):
            artist.set_gid(f"{MARK}{place}")
        _legend(drawing, panels)
    return drawing


def _title(split: str, remove: str, *, alone: bool) -> str:
    if remove == "most":
        return f"The check: {DIRECTIONS[remove].lower()}"
    return DIRECTIONS[remove] if alone else f"What {ROLES.get(split, 'judges')}: {split}"


def _draw(
    axes: Axes,
    table: pa.Table,
    remove: str,
    lines: Reference,
    answer: Answer | None,
    *,
    judging: bool,
) -> list[Artist]:
    """One direction on one split; what depends on the accepted loss is returned."""
    lost = lost_of(table, lines.variance)
    _draw_random(axes, table, lost)
    marked = answer if remove == "least" else None
    chosen = marked.criterion if marked is not None and judging else None
    _draw_criteria(axes, where(table, remove=remove), lost, chosen=chosen)
    accepted = lost.draw_lines(axes, loss=lines.loss, chance=lines.chance)
    axes.set(xlabel=f"units removed, {DIRECTIONS[remove].lower()}", ylabel=lost.words)
    axes.set_xlim(0, max(table["removed"].to_pylist()))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    drawn = [np.asarray(line.get_ydata(), float) for line in axes.get_lines()]
    lost_axis(axes, np.concatenate(drawn), loss=lines.loss)
    marks = [] if marked is None else list(_mark_answer(axes, marked, judging=judging))
    return marks if accepted is None else [accepted, *marks]


def _share_limits(panels: Sequence[Axes]) -> None:
    """One scale for all panels, so that heights can be compared."""
    widest = [panel.get_ylim() for panel in panels]
    values = [end for ends in widest for end in ends]
    for panel in panels:
        ticks = max((other.get_yticks().tolist() for other in panels), key=len)
        panel.set_yticks(ticks)
        panel.set_ylim(min(values), max(values))


def _legend(drawing: Figure, panels: Sequence[Axes]) -> None:
    handles, labels = panels[0].get_legend_handles_labels()
    if len(panels) % 2:  # the last place of the grid is free
        drawing.legend(handles, labels, loc="center", bbox_to_anchor=(0.77, 0.28), handlelength=3)
    else:
        drawing.legend(handles, labels, loc="outside lower center", ncols=3, handlelength=3)


def strokes_of(names: Iterable[str]) -> dict[str, Stroke]:
    """How each criterion is drawn: those without a stroke of their own take others in turn."""
    others = cycle(OTHERS)
    return {name: STROKES[name] if name in STROKES else next(others) for name in names}


def lost_of(table: pa.Table, variance: Mapping[str, float | None]) -> Lost:
    """How the curves of a table's one split become what is lost."""
    split, of_losses = table["split"][0].as_py(), quantity_of(table) == "loss"
    return Lost(
        split=split,
        dense=float(values_of(where(table, removed=0))[0]),
        of_losses=of_losses,
        variance=variance.get(split) if of_losses else None,
    )


def _draw_random(axes: Axes, table: pa.Table, lost: Lost) -> None:
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
            lower = np.maximum(lower, points.min(axis=0))  # no loss below what was measured
        label = f"random: ± standard deviation of {len(repeats)}"
        axes.fill_between(
            removed, lost.of(lower), lost.of(upper), color=PALE, linewidth=0, label=label
        )
    axes.plot(removed, lost.of(mean), color=BLACK, linewidth=1.2, label="random: mean")


def _draw_criteria(axes: Axes, rows: pa.Table, lost: Lost, *, chosen: str | None) -> None:
    """The curve of each criterion in one direction; where one is chosen the others are faint."""
    names = [name for name in dict.fromkeys(rows["criterion"].to_pylist()) if name != "random"]
    strokes = strokes_of(names)
    for place, name in enumerate(names):
        removed, points = _curve(where(rows, criterion=name))
        every = max(1, len(removed) // 8)
        axes.plot(
            removed,
            lost.of(points),
            label=name.replace("_", " "),
            # Markers of equal curves stand side by side instead of hiding each other.
            markevery=(place * every // 4, every),
            alpha=1.0 if chosen in (None, name) else 0.35,
            **strokes[name].options(),
        )


def _mark_answer(axes: Axes, answer: Answer, *, judging: bool) -> Iterator[Artist]:
    """The bounds where the split judges, else the estimate."""
    if not judging or answer.bounds is None:
        yield axes.axvline(answer.estimate, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        name = answer.criterion.replace("_", " ")
        yield _note(axes, answer.estimate, f"estimate {answer.estimate},\n{name}", right=False)
        return
    lower, upper = answer.bounds
    yield axes.axvspan(lower, upper, color=SKY, alpha=0.22, linewidth=0)
    for place, words, right in ((lower, "at least", False), (upper, "at most", True)):
        if 0 < place < axes.get_xlim()[1]:  # the ends themselves say nothing
            yield axes.axvline(place, color=BLACK, linewidth=0.9)
            yield _note(axes, place, f"{words} {place}", right=right)


def _note(axes: Axes, place: int, text: str, *, right: bool) -> Artist:
    """Words beside a place, on the side that is wanted where there is room.

    Before it the curves are still low, behind it high: the words keep out of their way.
    """
    share = place / axes.get_xlim()[1]
    to_right = share < 0.45 or (right and share < 0.7)
    bottom = 0.03 if right or not to_right else 0.12
    return axes.annotate(
        text,
        (place, bottom if to_right else 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(4 if to_right else -4, 0),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if to_right else "right",
        va="bottom" if to_right else "top",
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def _curve(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    removed = np.asarray(rows["removed"].to_pylist())
    order = np.argsort(removed, kind="stable")
    return removed[order], values_of(rows)[order]
