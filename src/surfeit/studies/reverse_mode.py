"""What do all derivatives cost by reverse and by forward mode, and what does recomputing save?

Source: Baur and Strassen 1983; Griewank and Walther 2008, chapters 3, 4 and 12; Chen et al. 2016
(1604.06174). Operations and bytes are counted, never timed.
Cost: quick 3 s, laptop 1 min (two cores).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import isqrt, log
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_size
from surfeit.lab import Claim, Lab, Verdict, all_of, equals, exceeds, succeeds
from surfeit.studies._fitting import check_ascending
from surfeit.studies._reverse_mode import counted
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import GREY, panels, plain_axis, style, ticks_at
from surfeit.train import Job

_CHEAP = "Baur and Strassen 1983; Griewank and Walther 2008"
_RECOMPUTING = "Chen et al. 2016"
CLAIMS = (
    Claim(
        id="G20a",
        says="A function's value and all of its derivatives, by reverse mode, take less than five "
        "times the operations of its value, and no larger multiple the more inputs it has.",
        published="at most 5 times",
        source=_CHEAP,
    ),
    Claim(
        id="G20b",
        says="Forward mode takes less than five times the value's operations for one direction, so "
        "that for all derivatives its cost over that of reverse mode grows in proportion to the "
        "inputs.",
        source=_CHEAP,
    ),
    Claim(
        id="G20c",
        says="Where segments of √L layers are computed again, the backward pass through L layers "
        "holds at most 2√L activations in place of more than L; no other length of segment holds "
        "fewer.",
        published="memory O(√n)",
        source=_RECOMPUTING,
    ),
    Claim(
        id="G20d",
        says="That costs the operations of one more forward pass, at every depth.",
        published="one more forward pass",
        source=_RECOMPUTING,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_PARTS = ("graphs", "chains")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Random scalar functions, and chains of tanh layers whose width and batch a seed draws.

    Every depth is a square, so that segments of √L layers are whole. Segments of other lengths are
    tried on the chain of `depth` layers.
    """

    inputs: tuple[int, ...] = (4, 16, 64, 256)
    nodes: int = 8  # operations for each input
    depths: tuple[int, ...] = (4, 16, 64, 256)
    depth: int = 64
    segments: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)  # layers
    most: float = 5.0  # times the value
    margin: float = 0.05  # of an exponent: of 64 times the inputs a multiple that differs by 23 %
    seeds: tuple[int, ...] = tuple(range(20))

    def __post_init__(self) -> None:
        for name in ("inputs", "depths", "segments"):
            check_ascending(name, getattr(self, name))
        check_size("the least number of inputs", self.inputs[0], 2)
        check_size("nodes", self.nodes)
        for depth in (*self.depths, self.depth):
            if isqrt(depth) ** 2 != depth:
                raise ValueError(f"depths must be squares, such as 16 or 64, got {depth}")
        if any(self.depth % segment for segment in self.segments):
            raise ValueError(f"segments must divide the {self.depth} layers, got {self.segments}")
        if isqrt(self.depth) not in self.segments:
            raise ValueError(
                f"segments must have √{self.depth} = {isqrt(self.depth)}, got {self.segments}"
            )


SIZES = ("inputs", "depths", "depth", "segments", "seeds")
PAPER = Config()
LAPTOP = PAPER
QUICK = replace(
    PAPER,
    inputs=(4, 16, 32),
    depths=(4, 16),
    depth=16,
    segments=(1, 2, 4, 8, 16),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: what is counted is the cost of a gradient."""
    return {}


_COLUMNS = ("inputs", "value", "reverse", "forward", "stored", "recomputed", "extra")


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a function or chain: `part, place, seed` and the columns of its part, others None.

    `graphs` (place: inputs) and `chains` (place: depth) have operations of the `value`, of it with
    all derivatives by `reverse` mode, and with one direction by `forward` mode; chains also the
    most activations held, `stored` and `recomputed`, and the `extra` operations, of a forward pass.
    `segments` (place: their length) have `recomputed`.
    """
    sizes = {"graphs": config.inputs, "chains": config.depths, "segments": ()}
    of = {
        (part, seed): {"part": part, "seed": seed, "sizes": sizes[part]}
        for part in sizes
        for seed in config.seeds
    }
    shared = {"nodes": config.nodes, "depth": config.depth, "segments": config.segments}
    for (part, seed), found in lab.compute(counted, of, **shared).items():
        for row in found:
            yield {"part": part, "seed": seed, "place": 0, **dict.fromkeys(_COLUMNS)} | row


def figure(table: pa.Table) -> Figure:
    """Multiples of the value's operations by inputs, in both modes; activations held."""
    drawn = table.to_pylist()
    part = {
        name: [row for row in drawn if row["part"] == name]
        for name in ("graphs", "chains", "segments")
    }
    with style():
        drawing, ((one, all_), (memory, lengths)) = panels(2, rows=2, height=5.8)
        _draw_multiples(one, part)
        _draw_modes(all_, part)
        _draw_memory(memory, part["chains"])
        _draw_segments(lengths, part["segments"])
    return drawing


_SHORT = {"graphs": "random functions", "chains": "chains of tanh layers"}


def _draw_multiples(axes: Axes, part: dict[str, list[dict[str, Any]]]) -> None:
    """The value with all derivatives, and with one direction."""
    strokes = iter(STROKES)
    for name in _PARTS:
        for mode, words in (("reverse", "all, reverse"), ("forward", "one direction, forward")):
            shown = [row | {"times": row[mode] / row["value"]} for row in part[name]]
            _line(axes, shown, "times", next(strokes), f"{words}: {_SHORT[name]}")
    axes.axhline(5, color=GREY, linestyle=":", label="five times")
    axes.set(xscale="log", ylim=(0, 9.5), xlabel="inputs that are derived by")
    axes.set(ylabel="operations, of the value's", title="Derivatives cost a small multiple")
    axes.legend(loc="upper left", fontsize=7)


def _draw_modes(axes: Axes, part: dict[str, list[dict[str, Any]]]) -> None:
    """All derivatives by forward mode over all by reverse mode."""
    for stroke, name in zip(STROKES, _PARTS, strict=False):
        shown = [row | {"times": _times(row)} for row in part[name]]
        _line(axes, shown, "times", stroke, _SHORT[name])
    places = sorted({row["inputs"] for name in _PARTS for row in part[name]})
    ends = [places[0], places[-1]]
    axes.plot(ends, ends, color=GREY, linestyle=":", label="as many as inputs")
    axes.set(xscale="log", yscale="log", xlabel="inputs that are derived by")
    axes.set(ylabel="operations, of reverse mode's", title="All derivatives by forward mode")
    axes.legend(loc="upper left")


def _line(axes: Axes, rows: list[dict[str, Any]], column: str, stroke: Any, label: str) -> None:
    """Dots of all seeds, joined by their means at each place, whose inputs may differ by seed."""
    by_place: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_place.setdefault(row["place"], []).append(row)
    means = [
        [sum(row[name] for row in some) / len(some) for name in ("inputs", column)]
        for _, some in sorted(by_place.items())
    ]
    across, up = zip(*means, strict=True)
    axes.plot(across, up, label=label, **stroke.options())
    dots = [(row["inputs"], row[column]) for row in rows]
    axes.plot(*zip(*dots, strict=True), ".", color=stroke.color, alpha=0.3, markersize=3)


def _draw_memory(axes: Axes, rows: list[dict[str, Any]]) -> None:
    depths = sorted({row["place"] for row in rows})
    forms: tuple[tuple[str, str, Callable[[int], float]], ...] = (
        ("stored", "all stored", lambda depth: depth + 1),
        ("recomputed", "segments of √L computed again", lambda depth: 2 * depth**0.5),
    )
    for stroke, (name, label, form) in zip(STROKES, forms, strict=False):
        exact = [form(depth) for depth in depths]
        axes.plot(depths, exact, color=stroke.color, linestyle=stroke.linestyle)
        _dots(axes, rows, name, stroke, label)
    axes.set(xscale="log", yscale="log", xlabel="layers L", title="Memory by depth")
    axes.set(ylabel="most activations held at once", ylim=(3, 5 * depths[-1]))
    ticks_at(axes, depths)
    plain_axis(axes)
    axes.legend(loc="upper left")


def _draw_segments(axes: Axes, rows: list[dict[str, Any]]) -> None:
    lengths = sorted({row["place"] for row in rows})
    depth = lengths[-1]
    stroke = STROKES[1]
    exact = [depth / length + length for length in lengths]
    axes.plot(lengths, exact, color=stroke.color, label="L/c + c")
    _dots(axes, rows, "recomputed", stroke, "measured")
    # It ends below the legend.
    axes.axvline(depth**0.5, ymax=0.6, color=GREY, linestyle=":", label="c = √L")
    axes.set(xscale="log", ylim=(0, 1.1 * max(exact)), xlabel="layers of a segment c")
    axes.set(ylabel="most activations held at once", title=f"Segments of {depth} layers")
    ticks_at(axes, lengths)
    axes.legend(loc="upper center")


def _dots(axes: Axes, rows: list[dict[str, Any]], column: str, stroke: Any, label: str) -> None:
    across, up = [row["place"] for row in rows], [row[column] for row in rows]
    axes.plot(across, up, linestyle="", color=stroke.color, marker=stroke.marker, label=label)


def _times(row: dict[str, Any]) -> float:
    """The cost of all derivatives by forward mode, a direction an input, over reverse mode's."""
    return row["inputs"] * row["forward"] / row["reverse"]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G20a and G20b by each seed's largest multiple and its exponent; the others by seeds."""
    rows: _Rows = {}
    for row in table.to_pylist():
        rows.setdefault((row["part"], row["seed"]), {})[row["place"]] = row
    return (
        _reverse(rows, config),
        _forward(rows, config),
        _memory(rows, config),
        _extra(rows, config),
    )


_Rows = dict[tuple[str, int], dict[int, dict[str, Any]]]


def _reverse(rows: _Rows, config: Config) -> Verdict:
    exponents = {
        part: [_exponent(rows[part, seed], _ratio("reverse")) for seed in config.seeds]
        for part in _PARTS
    }
    return all_of(
        "G20a",
        *(_below(part, "reverse", rows, config) for part in _PARTS),
        *(
            equals(
                f"exponent of {_SHORT[part]}",
                values,
                margin=config.margin,
                unit="of the exponent",
                **_JUDGED,
            )
            for part, values in exponents.items()
        ),
        says=_said("Value and all derivatives take", "reverse", rows, config),
        **_JUDGED,
    )


def _forward(rows: _Rows, config: Config) -> Verdict:
    exponents = {
        part: [_exponent(rows[part, seed], _times) for seed in config.seeds] for part in _PARTS
    }
    return all_of(
        "G20b",
        *(_below(part, "forward", rows, config) for part in _PARTS),
        *(
            equals(
                f"exponent of {_SHORT[part]}",
                [value - 1 for value in values],
                margin=config.margin,
                unit="of the exponent",
                **_JUDGED,
            )
            for part, values in exponents.items()
        ),
        says=_said("Value and one direction take", "forward", rows, config),
        **_JUDGED,
    )


def _ratio(mode: str) -> Callable[[dict[str, Any]], float]:
    return lambda row: row[mode] / row["value"]


def _exponent(rows: dict[int, dict[str, Any]], of: Callable[[dict[str, Any]], float]) -> float:
    """Between the fewest and the most inputs: the power of the inputs that a quantity grows by."""
    first, last = (rows[place] for place in (min(rows), max(rows)))
    return log(of(last) / of(first)) / log(last["inputs"] / first["inputs"])


def _below(part: str, mode: str, rows: _Rows, config: Config) -> Verdict:
    """Each seed's largest multiple is below the most that is allowed."""
    largest = [max(map(_ratio(mode), rows[part, seed].values())) for seed in config.seeds]
    left = [config.most - one for one in largest]
    return exceeds(_SHORT[part], left, unit="times the value", signed=False, **_JUDGED)


def _said(begin: str, mode: str, rows: _Rows, config: Config) -> str:
    words = []
    for part in _PARTS:
        times = [_ratio(mode)(row) for seed in config.seeds for row in rows[part, seed].values()]
        words.append(f"{min(times):.2f} to {max(times):.2f} times ({_SHORT[part]})")
    return f"{begin} {' and '.join(words)} the operations of the value."


def _memory(rows: _Rows, config: Config) -> Verdict:
    """By seed: at every depth, and against every other length of segment."""
    root = isqrt(config.depth)

    def holds(seed: int) -> bool:
        few = all(
            row["recomputed"] <= 2 * depth**0.5 and row["stored"] > depth
            for depth, row in rows["chains", seed].items()
        )
        held = {c: row["recomputed"] for c, row in rows["segments", seed].items()}
        return few and held[root] == min(held.values())

    deepest = rows["chains", config.seeds[0]][config.depths[-1]]
    return succeeds(
        "G20c",
        [holds(seed) for seed in config.seeds],
        rate=0.5,
        unit="of seeds",
        says=f"Of {config.depths[-1]} layers {deepest['stored']:g} activations are held where all "
        f"are stored, {deepest['recomputed']:g} where segments of {isqrt(config.depths[-1])} are "
        "computed again.",
        **_JUDGED,
    )


def _extra(rows: _Rows, config: Config) -> Verdict:
    extra = {seed: [row["extra"] for row in rows["chains", seed].values()] for seed in config.seeds}
    every = [one for some in extra.values() for one in some]
    return succeeds(
        "G20d",
        [all(abs(one - 1) < 1e-6 for one in some) for some in extra.values()],
        rate=0.5,
        unit="of seeds",
        says=f"Computing segments again takes {min(every):.3f} to {max(every):.3f} forward passes.",
        **_JUDGED,
    )
