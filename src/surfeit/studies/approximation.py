"""How close does one hidden layer come as it grows wider, and what does depth save?

Functions on [0, 1], one input and one output. Source: Cybenko 1989 and Hornik 1991 for the theorem;
Telgarsky 2016 (1602.04485) for the sawtooth.
Cost: quick 2 s, laptop 1 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from surfeit.core import check_positive, check_size
from surfeit.lab import Claim, Lab, Verdict, all_of, equals, exceeds, ranks, succeeds
from surfeit.studies._approximation import by_depth, by_width
from surfeit.studies._fitting import check_ascending
from surfeit.tables.figures.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILLION,
    panels,
    plain_axis,
    style,
    ticks_at,
)
from surfeit.train import Job

_UNIVERSAL = "Cybenko 1989; Hornik 1991"
_DEPTH = "Telgarsky 2016"
CLAIMS = (
    Claim(
        id="G12a",
        says="A network of one hidden layer that interpolates errs by the closed form, which falls "
        "to 0 as the layer grows wider, for smooth functions and for Brownian paths.",
        published="‖f″‖ / (√120 N²) of smooth functions, √(1/(6N)) of Brownian paths, root mean "
        "squares for N units",
        source=_UNIVERSAL,
    ),
    Claim(
        id="G12b",
        says="So does one whose hidden layer is drawn at random and not fitted: its error falls "
        "with every doubling of the width.",
        source=_UNIVERSAL,
    ),
    Claim(
        id="G12c",
        says="k layers of two units are the sawtooth of 2^k straight pieces; one hidden layer has "
        "at most a piece more than units, so that it needs about 2^k units, which suffice.",
        source=_DEPTH,
    ),
    Claim(
        id="G12d",
        says="With as many weights as the deep network one hidden layer errs by no less than the "
        "closed form, the deep one not at all, wherever the closed form is above 0.",
        published="error² ≥ (1 − N / 2^(k − 1)) / 12 for N units",
        source=f"{_DEPTH}; the bound in squared error is ours",
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """A seed draws smooth functions, paths, bends, rescalings, and starts of training."""

    widths: tuple[int, ...] = (4, 8, 16, 32, 64, 128, 256)
    waves: int = 3  # of a smooth function: frequencies 1, 2, 3
    draws: int = 8  # functions of each kind a seed
    depths: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)  # k
    places: int = 4096  # at which errors are measured
    starts: int = 8  # trainings of one hidden layer on the sawtooth, of which the best counts
    steps: int = 4000
    rate: float = 0.02  # of Adam
    seeds: tuple[int, ...] = tuple(range(20))
    clear: int = 32  # units from which the closed form is judged: it is one of large N
    margin: float = 0.1  # of the closed form's squared error
    rounding: float = 1e-12

    def __post_init__(self) -> None:
        check_ascending("widths", self.widths)
        check_ascending("depths", self.depths)
        for name in ("waves", "draws", "places", "starts", "steps"):
            check_size(name, getattr(self, name))
        check_positive("rate", self.rate)
        odd = [one for one in self.widths if self.places % one or self.places < 4 * one]
        if odd:
            raise ValueError(
                f"widths must divide the {self.places} places into four or more each, so that "
                f"knots are among them, got {odd[0]}"
            )
        if self.places < 4 * 2 ** self.depths[-1]:
            raise ValueError(
                f"depths must leave four of the {self.places} places for each of 2^k pieces, got "
                f"{self.depths[-1]}"
            )
        if sum(width >= self.clear for width in self.widths) < 2:
            raise ValueError(
                f"widths must have two of at least {self.clear} units, got {self.widths}"
            )


SIZES = ("widths", "depths", "starts", "steps", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER, depths=(1, 2, 3, 4, 5, 6, 7, 8), starts=4, steps=1000, seeds=tuple(range(16))
)
QUICK = replace(
    PAPER, widths=(8, 16, 32, 64), depths=(1, 3, 5), starts=2, steps=50, seeds=tuple(range(8))
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: networks of one input are the study's own, and most are written down, not trained."""
    return {}


_COLUMNS = ("interpolated", "fitted", "trained", "pieces")
_DEEP = ("deep", "deep_pieces", "deep_weights", "enough")


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed, part and place, with root mean square errors and what is `exact`.

    `part` is `smooth` or `rough` (place: units) or `sawtooth` (place: layers of two units;
    `trained` and `pieces` are of one hidden layer with as many weights). What a part lacks is null.
    """
    of = {seed: {"seed": seed} for seed in config.seeds}
    wide = lab.compute(
        by_width,
        of,
        widths=list(config.widths),
        waves=config.waves,
        places=config.places,
        draws=config.draws,
    )
    training = {"starts": config.starts, "steps": config.steps, "rate": config.rate}
    deep = lab.compute(
        by_depth, of, depths=list(config.depths), places=config.places, training=training
    )
    for seed in config.seeds:
        for row in (*wide[seed], *deep[seed]):
            yield {"seed": seed, **dict.fromkeys((*_COLUMNS, *_DEEP)), **row}


def figure(table: pa.Table) -> Figure:
    """Dots are measured, a seed each, lines are closed forms."""
    drawn = table.to_pylist()
    with style():
        drawing, ((wide, pieces, equal),) = panels(3, height=3.2)
        _draw_widths(wide, [row for row in drawn if row["part"] != "sawtooth"])
        _draw_depths(pieces, equal, [row for row in drawn if row["part"] == "sawtooth"])
    return drawing


def _draw_widths(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    colors = {"smooth": BLUE, "rough": VERMILLION}
    for kind, color in colors.items():
        some = [row for row in drawn if row["part"] == kind]
        across = [row["place"] for row in some]
        error = [row["fitted"] for row in some]
        axes.plot(across, error, "x", color=color, alpha=0.4, markersize=3.5)
        axes.plot(across, [row["interpolated"] for row in some], ".", color=color, alpha=0.5)
        widths = sorted({*across})
        squares = [[row["exact"] ** 2 for row in some if row["place"] == at] for at in widths]
        axes.plot(widths, [np.mean(one) ** 0.5 for one in squares], color=color, label=kind)
    axes.plot([], [], ".", color=GREY, label="interpolates")
    axes.plot([], [], "x", color=GREY, markersize=3.5, label="random bends")
    axes.set(xscale="log", yscale="log", title="One hidden layer")
    axes.set(xlabel="units", ylabel="root mean square error")
    ticks_at(axes, sorted({row["place"] for row in drawn})[::2])
    plain_axis(axes)
    axes.legend(loc="lower left")


def _draw_depths(pieces: Axes, equal: Axes, drawn: list[dict[str, Any]]) -> None:
    depths = sorted({row["place"] for row in drawn})
    across = [row["place"] for row in drawn]
    pieces.plot(depths, [2**at for at in depths], color=BLUE, label="2$^k$")
    pieces.plot(depths, [2 * at + 1 for at in depths], "--", color=VERMILLION, label="2k + 1")
    fine = np.linspace(depths[0], depths[-1], 200)
    bound = np.sqrt(np.maximum(0, 1 - 2 * fine / 2 ** (fine - 1)) / 12)
    equal.plot(fine, bound, "--", color=VERMILLION, label="least possible")
    equal.axhline(12**-0.5, color=BLACK, linestyle=":", label="the constant ½")
    for axes, deep, shallow in ((pieces, "deep_pieces", "pieces"), (equal, "deep", "trained")):
        counts = [row[deep] for row in drawn], [row[shallow] for row in drawn]
        axes.plot(across, counts[0], "o", color=BLUE, label="k layers of two units")
        axes.plot(
            across, counts[1], "s", color=VERMILLION, alpha=0.5, label="one layer of 2k units"
        )
        axes.set(xlabel="k (6k + 1 weights each)")
        axes.set_xticks(depths)
        axes.xaxis.set_minor_locator(NullLocator())
    pieces.set(yscale="log", ylabel="straight pieces", title="Pieces")
    plain_axis(pieces)
    pieces.legend(handles=pieces.lines[:2], loc="upper left")
    equal.set(ylabel="root mean square error", title="The sawtooth", ylim=(-0.02, 0.44))
    equal.legend(loc="upper left")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each claim by seeds, beside its closed form."""
    seen = _Seen(table)
    return (
        _interpolates(seen, config),
        _random_bends(seen, config),
        _counted(seen, config),
        _equal_weights(seen, config),
    )


class _Seen:
    """A table's values by part, place and column: one a seed, in the same order everywhere."""

    def __init__(self, table: pa.Table) -> None:
        self._rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in sorted(table.to_pylist(), key=lambda row: row["seed"]):
            self._rows.setdefault((row["part"], row["place"]), []).append(row)

    def values(self, part: str, place: int, column: str) -> np.ndarray:
        """float64, one a seed; NaN where nothing was measured."""
        return np.array([row[column] for row in self._rows.get((part, place), [])], dtype=float)


def _interpolates(seen: _Seen, config: Config) -> Verdict:
    """Mean squares, of which the closed form is that of the path's expectation."""
    last, parts, words = config.widths[-1], [], []
    for kind in ("smooth", "rough"):
        errors = [seen.values(kind, width, "interpolated") for width in config.widths]
        parts.append(
            ranks(f"{kind} falls", config.widths, np.transpose(errors), falls=True, **_JUDGED)
        )
        for width in (one for one in config.widths if one >= config.clear):
            off = (
                seen.values(kind, width, "interpolated") / seen.values(kind, width, "exact")
            ) ** 2 - 1
            unit = "of the closed form's square"
            parts.append(
                equals(f"{kind}, {width} units", off, margin=config.margin, unit=unit, **_JUDGED)
            )
        words.append(f"{errors[-1].mean():.2g} for {kind} functions")
    return all_of(
        "G12a", *parts, says=f"With {last} units the error is {' and '.join(words)}.", **_JUDGED
    )


def _random_bends(seen: _Seen, config: Config) -> Verdict:
    first, last = config.widths[0], config.widths[-1]
    parts, words = [], []
    for kind in ("smooth", "rough"):
        errors = [seen.values(kind, width, "fitted") for width in config.widths]
        parts += [
            exceeds(
                f"{kind}, {wide} units", np.log2(a / b), unit="halvings of the error", **_JUDGED
            )
            for wide, a, b in zip(config.widths[1:], errors[:-1], errors[1:], strict=True)
        ]
        words.append(f"{np.median(errors[0]):.2g} to {np.median(errors[-1]):.2g} ({kind})")
    said = f"From {first} to {last} units the median error falls from {' and from '.join(words)}."
    return all_of("G12b", *parts, says=said, **_JUDGED)


def _counted(seen: _Seen, config: Config) -> Verdict:
    """In how many seeds all that is exact is so at every depth."""
    held = np.ones(len(config.seeds), dtype=bool)
    most = []
    for depth in config.depths:
        deep = seen.values("sawtooth", depth, "deep")
        enough = seen.values("sawtooth", depth, "enough")
        pieces = seen.values("sawtooth", depth, "pieces")
        held &= (deep < config.rounding) & (enough < config.rounding)
        held &= seen.values("sawtooth", depth, "deep_pieces") == 2**depth
        held &= pieces <= 2 * depth + 1
        most.append(int(pieces.max()))
    last = config.depths[-1]
    return succeeds(
        "G12c",
        held.tolist(),
        rate=0.5,
        unit="of the seeds",
        says=f"{last} layers of two units have {2**last:,} pieces and the sawtooth's values; of "
        f"trained networks of one hidden layer of {2 * last} units none has more than {most[-1]}.",
        **_JUDGED,
    )


def _equal_weights(seen: _Seen, config: Config) -> Verdict:
    last, parts = config.depths[-1], []
    for depth in config.depths:
        bound, error = (seen.values("sawtooth", depth, name) for name in ("exact", "trained"))
        if not (bound > 0).all():
            continue
        deep = seen.values("sawtooth", depth, "deep")
        parts += [
            exceeds(f"bound at k = {depth}", error - bound, unit="of error", **_JUDGED),
            exceeds(
                f"deep at k = {depth}",
                error - deep,
                margin=bound[0] / 2,
                unit="of error",
                **_JUDGED,
            ),
        ]
    error, bound = (seen.values("sawtooth", last, name).mean() for name in ("trained", "exact"))
    return all_of(
        "G12d",
        *parts,
        says=f"With {6 * last + 1} weights one hidden layer errs by {error:.3f} at best, where "
        f"{bound:.3f} is the least possible; {last} layers of two units do not err.",
        **_JUDGED,
    )
