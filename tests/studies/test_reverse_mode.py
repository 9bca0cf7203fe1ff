"""Claims G20a to G20d on planted tables, and what is counted."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.core import Streams
from surfeit.studies import _reverse_mode as counting
from surfeit.studies import reverse_mode as study

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
CLAIMS = ("G20a", "G20b", "G20c", "G20d")
SIDES = {"supported": 0, "contradicted": SEEDS, "inconclusive": SEEDS // 2}
"""In how many seeds something fails."""


def _table(planted, **changed):
    """Multiples of about three at all sizes, and memory as by the closed forms.

    Args:
        changed: `reverse` and `forward`, each seed's multiple; `grows`, by which power of inputs
            multiples of random functions grow; `held` and `extra`, of each seed.
    """
    multiple = {
        mode: changed.get(mode, planted(3.0, 0.05, SEEDS, seed=at))
        for at, mode in enumerate(("reverse", "forward"))
    }
    grows = changed.get("grows", planted(0, 0.01, SEEDS, seed=4))
    held, extra = (changed.get(name, [1.0] * SEEDS) for name in ("held", "extra"))
    rows = []
    for seed in CONFIG.seeds:
        empty = {"seed": seed} | dict.fromkeys(study._COLUMNS)
        for part, places in (("graphs", CONFIG.inputs), ("chains", CONFIG.depths)):
            for at, place in enumerate(places):
                bend = (place / places[0]) ** (grows[seed] * (at == len(places) - 1))
                row = empty | {"part": part, "place": place, "inputs": place, "value": 1000}
                row["reverse"] = 1000 * multiple["reverse"][seed] * bend
                row["forward"] = 1000 * multiple["forward"][seed] * bend**2
                if part == "chains":
                    row |= {"stored": place + 1.0, "extra": extra[seed]}
                    row["recomputed"] = 2 * place**0.5 * held[seed]
                rows.append(row)
        for c in CONFIG.segments:
            row = empty | {"part": "segments", "place": c}
            rows.append(row | {"recomputed": CONFIG.depth / c + c})
    return pa.Table.from_pylist(rows)


def _planted(claim, ruling, planted):
    fails = [float(seed < SIDES[ruling]) for seed in CONFIG.seeds]
    if claim == "G20c":
        return {"held": [1 + 0.1 * one for one in fails]}
    if claim == "G20d":
        return {"extra": [1 + 0.01 * one for one in fails]}
    mean = {"supported": 4.0, "contradicted": 6.0, "inconclusive": 5.0}[ruling]
    values = planted(mean, 0.5, SEEDS, seed=7)
    return {"reverse" if claim == "G20a" else "forward": values}


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("claim", CLAIMS)
def test_verdicts_of_planted_tables(planted, claim, ruling):
    table = _table(planted, **_planted(claim, ruling, planted))
    found = rulings(study.verdicts(table, CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


@pytest.mark.parametrize(
    ("mean", "ruling"), [(0.0, "supported"), (0.2, "contradicted"), (0.05, "inconclusive")]
)
def test_a_multiple_that_grows_with_the_inputs_is_not_bounded(planted, mean, ruling):
    table = _table(planted, grows=planted(mean, 0.01, SEEDS), reverse=planted(1.5, 0.01, SEEDS),
                   forward=planted(0.1, 0.001, SEEDS))  # fmt: skip
    found = study.verdicts(table, CONFIG)
    assert [one.ruling for one in found[:2]] == [ruling] * 2
    if ruling != "supported":
        assert all("decided by exponent of " in one.doubt for one in found[:2])


def test_shorter_segments_that_held_less_would_contradict_the_root(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["part"] == "segments" and row["place"] == 4:
            row["recomputed"] = 15.0
    found = rulings(study.verdicts(pa.Table.from_pylist(rows), CONFIG))
    assert found["G20c"] == "contradicted"


def test_what_is_said_has_the_ranges(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert "times (random functions) and " in found[0].says
    assert found[2].says == (
        "Of 256 layers 257 activations are held where all are stored, 32 where segments of 16 are "
        "computed again."
    )


def test_the_figure_has_lines_of_the_closed_forms(planted):
    axes = study.figure(_table(planted)).axes
    assert len(axes) == 4
    stored = next(line for line in axes[2].lines if line.get_linestyle() != "None")
    assert list(stored.get_ydata()) == [depth + 1 for depth in CONFIG.depths]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": (16, 4)}, "inputs must be 2 or more whole numbers"),
        ({"inputs": (1, 4)}, "the least number of inputs must be a whole number of at least 2"),
        ({"nodes": 0}, "nodes must be a whole number of at least 1, got 0"),
        ({"depths": (4, 15)}, "depths must be squares, such as 16 or 64, got 15"),
        ({"depth": 60}, "depths must be squares, such as 16 or 64, got 60"),
        ({"segments": (3, 8)}, "segments must divide the 64 layers"),
        ({"segments": (4, 16)}, "segments must have √64 = 8"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_operations_are_counted_as_by_hand():
    x, y = torch.rand(2, 3), torch.rand(3, 4)
    assert counting.operations(lambda: x @ y) == 2 * 2 * 3 * 4
    assert counting.operations(lambda: x * x + x) == 12
    assert counting.operations(lambda: x.sum()) == 6
    assert counting.operations(lambda: x.T.clone()) == 0
    leaf = torch.rand(3, requires_grad=True)
    # tanh and the sum, then g (1 − y²): a square, a difference, a product.
    taken = counting.operations(lambda: leaf.tanh().sum().backward())
    assert taken == 3 + 3 + 3 * 3


def test_a_product_of_all_inputs_costs_three_a_factor_in_reverse_and_n_directions_forward():
    """x1 · x2 · ... · xn: each factor gives two products on the way back."""
    n = 10
    graph = (("mul", 0, 1), *(("mul", n + at, at + 2) for at in range(n - 2)))
    inputs = torch.rand(n, dtype=torch.float64) + 0.5
    found = counting.costs(lambda *x: counting.evaluated(graph, x), inputs.unbind())
    assert found == {"value": n - 1, "reverse": 3 * (n - 1), "forward": 4 * (n - 1)}
    assert counting.evaluated(graph, inputs.unbind()) == pytest.approx(inputs.prod().item())


@pytest.mark.parametrize("inputs", [2, 7])
def test_every_value_of_a_random_graph_leads_to_the_last_one(inputs):
    graph = counting.random_graph(inputs, nodes=6 * inputs, generator=Streams(3).get("graph"))
    used = {value for _, *values in graph for value in values}
    assert used == set(range(inputs + len(graph) - 1))
    assert all(max(values) < inputs + at for at, (_, *values) in enumerate(graph))
    assert graph == counting.random_graph(
        inputs, nodes=6 * inputs, generator=Streams(3).get("graph")
    )


@pytest.mark.parametrize(
    ("depth", "segment", "activations"),
    [(6, None, 7), (9, 3, 6), (8, 2, 6), (8, 8, 9), (5, 1, 6), (1, None, 2)],
)
def test_peaks_are_those_of_the_closed_forms(depth, segment, activations):
    """L + 1 where all are stored; L/c + c in segments, whose last output is held as well."""
    layers = counting.chain(depth, 5, Streams(0).get("chain"))
    inputs = torch.rand(3, 5, dtype=torch.float64)
    assert counting.peak_bytes(layers, inputs, segment) == activations * 3 * 5 * 8


def test_recomputing_changes_no_derivative():
    layers = counting.chain(9, 5, Streams(0).get("chain"))
    inputs = torch.rand(3, 5, dtype=torch.float64, requires_grad=True)
    weights = list(layers.parameters())
    counting.loss(layers, inputs).backward()
    stored = [weight.grad.clone() for weight in weights]
    layers.zero_grad()
    counting.loss(layers, inputs, 3).backward()
    assert all(torch.equal(weight.grad, one) for weight, one in zip(weights, stored, strict=True))


def test_rows_of_chains_have_costs_and_peaks():
    (row,) = counting.counted("chains", 5, (4,), 8, 4, (1, 2, 4))
    assert (row["place"], row["stored"], row["recomputed"], row["extra"]) == (4, 5, 4, 1)
    assert 3 < row["reverse"] / row["value"] < 3.3
    held = [row["recomputed"] for row in counting.counted("segments", 5, (), 8, 4, (1, 2, 4))]
    assert held == [5, 4, 5]
