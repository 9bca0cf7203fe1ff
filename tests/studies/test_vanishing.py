"""Claims G16a to G16d on planted tables, and the chains that are measured, by closed forms."""

import math
from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.core import Streams
from surfeit.studies import _chains as chains
from surfeit.studies import _vanishing as measuring
from surfeit.studies import vanishing as study
from surfeit.studies._chains import Chain

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
FAILS = dict(zip(THREE, (0, SEEDS, SEEDS // 2), strict=True))
"""In how many seeds something fails."""


def _table(planted, shift=None, off=None, diverged=SEEDS, learned=SEEDS, cosine=0, turned=0.4):
    """Everything as by the closed forms.

    Args:
        shift: by kind of random chain, each seed's nats a layer above the exact rate.
        off: each seed's share that aligned lengths are off.
        diverged, learned, cosine: in how many seeds a training diverges without clipping, learns
            with it, and has steps that are turned by it.
        turned: 1 less the cosine of clipping entry by entry.
    """
    rows, layers = [], CONFIG.layers
    for seed in CONFIG.seeds:
        for top in CONFIG.largest:
            for depth in CONFIG.depths:
                exact = top**depth * (1 + 0.001 * seed / depth)
                share = 1 + (off or [1e-14] * SEEDS)[seed]
                rows.append(_row("aligned", seed, f"{top:g}", depth, exact * share, exact))
    for at, (kind, chain) in enumerate(measuring.kinds(layers).items()):
        exact = chain.typical_gradients(layers, CONFIG.units)
        typical = layers * chains.typical_rate(CONFIG.units) if kind == "linear" else None
        end = math.log(exact[layers]) if typical is None else typical
        more = (shift or {}).get(kind, planted(0, 0.001, SEEDS, seed=at))
        for seed in CONFIG.seeds:
            for place in (0, layers):
                measured = math.exp(place * (end / layers + more[seed]))
                rows.append(_row("random", seed, kind, place, measured, exact[place]))
    turns = planted(turned, 0.02, SEEDS, seed=9)
    for seed in CONFIG.seeds:
        for step in (0, CONFIG.steps):
            lost = None if seed < diverged else 0.5
            rows.append(
                _row("clipping", seed, "none", step, lost) | {"cosine": 1.0, "longest": 9.0}
            )
            left = 0.01 if seed < learned else 0.5
            straight = 1.0 if seed >= cosine else 0.9
            by_norm = {"cosine": straight, "longest": 1.0}
            rows.append(_row("clipping", seed, "norm", step, left) | by_norm)
            by_entry = {"cosine": 1 - turns[seed], "longest": 1.0}
            rows.append(_row("clipping", seed, "entries", step, left) | by_entry)
    return pa.Table.from_pylist(rows)


def _row(part, seed, kind, place, measured, exact=None):
    about = {"part": part, "seed": seed, "kind": kind, "place": place}
    return about | {"measured": measured, "exact": exact, "cosine": None, "longest": None}


def _planted(claim, ruling, planted):
    fails = FAILS[ruling]
    rate = {"supported": 0.0, "contradicted": 0.1, "inconclusive": CONFIG.margin}[ruling]
    values = planted(rate, 0.002, SEEDS, seed=30)
    if claim == "G16a":
        return {"off": [1e-3 * (seed < fails) for seed in CONFIG.seeds]}
    if claim == "G16b":
        return {"shift": {"tanh": values}}
    if claim == "G16c":
        return {"shift": {"relu" + measuring.UNSCALED: values}}
    return {"learned": SEEDS - fails}


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("claim", ["G16a", "G16b", "G16c", "G16d"])
def test_verdicts_of_planted_tables(planted, claim, ruling):
    table = _table(planted, **_planted(claim, ruling, planted))
    found = rulings(study.verdicts(table, CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


@pytest.mark.parametrize(
    ("about", "decides"),
    [
        ({"diverged": 0}, "diverges without"),
        ({"cosine": SEEDS}, "direction and length"),
        ({"turned": 0.01}, "entry by entry"),
    ],
)
def test_each_part_of_clipping_can_contradict_it(planted, about, decides):
    found = _judged(_table(planted, **about), "G16d")
    assert (found.ruling, found.doubt) == ("contradicted", f"decided by {decides}")


def test_scaled_branches_must_keep_the_length(planted):
    kind = "sigmoid" + measuring.SCALED
    lost = planted(-2 / CONFIG.layers, 0.001, SEEDS)
    found = _judged(_table(planted, shift={kind: lost}), "G16c")
    assert (found.ruling, found.doubt) == ("contradicted", f"decided by {kind}")


def test_linear_chains_are_held_against_their_exact_expectation(planted):
    """Ten times closer than the others: a limit of many units would be too far off."""
    limit = planted(-chains.typical_rate(CONFIG.units), 0.0005, SEEDS)
    found = _judged(_table(planted, shift={"linear": limit}), "G16b")
    assert (found.ruling, found.doubt) == ("contradicted", "decided by linear")


def test_the_figure_draws_all_parts(planted):
    assert len(study.figure(_table(planted, diverged=1)).axes) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depths": (2, 1)}, "depths must be 2 or more whole numbers"),
        ({"largest": (1.0, 0.9)}, "largest must be ascending singular values"),
        ({"largest": (-1.0, 0.9)}, "a singular value, scale, rate or threshold must be above 0"),
        ({"threshold": 0.0}, "a singular value, scale, rate or threshold must be above 0"),
        ({"width": 0}, "width must be a whole number of at least 1, got 0"),
        ({"units": 1}, "units must be a whole number of at least 2, got 1"),
        ({"layers": 1}, "layers must be a whole number of at least 2, got 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_chains_of_unknown_units_and_scales_are_refused():
    with pytest.raises(ValueError, match=r"(?s)relo.*relu"):
        Chain(activation="relo")
    with pytest.raises(ValueError, match="scale must be above 0"):
        Chain(activation="relu", scale=0.0)
    with pytest.raises(ValueError, match="branch must be above 0"):
        Chain(activation="relu", branch=-1.0)
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1"):
        chains.passed([], width=2, depth=1, draws=0, generator=Streams(0).get("x"))


@pytest.mark.parametrize("name", ["linear", "relu"])
def test_closed_forms_of_homogeneous_units_are_powers_of_the_scale(name):
    chain = Chain(activation=name, scale=1.2)
    powers = [1.2 ** (2 * layer) for layer in range(6)]
    assert chain.squares(5) == pytest.approx(powers)
    assert chain.gradients(5) == pytest.approx(powers)
    with_shortcuts = Chain(activation=name, scale=1.2, branch=0.5)
    assert with_shortcuts.gradients(3)[-1] == pytest.approx((1 + 0.25 * 1.44) ** 3)


@pytest.mark.parametrize(("name", "function"), [("tanh", torch.tanh), ("sigmoid", torch.sigmoid)])
def test_gaussian_means_are_those_of_many_numbers(name, function):
    at = 0.7**0.5 * torch.randn(400_000, generator=Streams(0).get("x"), dtype=torch.float64)
    at.requires_grad_()
    (slope,) = torch.autograd.grad(function(at).sum(), at)
    for values, is_slope in ((function(at), False), (slope, True)):
        squares = values.detach().square()
        error = float(squares.std() / len(squares) ** 0.5)
        exact = chains._mean(name, 0.7, power=2, slope=is_slope)
        assert abs(float(squares.mean()) - exact) < 4 * error


@pytest.mark.parametrize("name", chains.ACTIVATIONS)
@pytest.mark.parametrize("branch", [None, 0.5])
def test_values_and_gradients_of_wide_chains_are_near_their_expectation(name, branch):
    chain = Chain(activation=name, scale=1.1, branch=branch)
    generator = Streams(1).get("chains")
    ((squares, gradients),) = chains.passed(
        [chain], width=200, depth=4, draws=20, generator=generator
    )
    for found, exact in (
        (squares, chain.squares(4)),
        (gradients, chain.gradients(4)),
    ):
        error = found.std(0) / len(found) ** 0.5
        off = (found.mean(0) - torch.tensor(exact, dtype=torch.float64)).abs()
        # Four standard errors, and what 200 units are short of many.
        assert bool((off <= 4 * error + 0.02 * torch.tensor(exact)).all())


def test_the_typical_rate_of_linear_chains_is_exact_at_few_units():
    chain = Chain(activation="linear", scale=0.9)
    generator = Streams(2).get("chains")
    ((_, gradients),) = chains.passed([chain], width=3, depth=6, draws=4000, generator=generator)
    rates = gradients[:, -1].log() / 12
    error = float(rates.std() / 4000**0.5)
    assert abs(float(rates.mean()) - chains.typical_rate(3, 0.9)) < 4 * error
    # The mean square is that of many units all the same.
    mean, spread = gradients[:, 2].mean(), gradients[:, 2].std() / 4000**0.5
    assert abs(mean - 0.9**4) < 4 * spread


def test_typical_gradients_of_linear_chains_tend_to_the_exact_ones():
    """What is left out falls as the square of 1 / units."""
    chain = Chain(activation="linear", scale=0.9)
    off = [
        math.log(chain.typical_gradients(1, width)[-1]) - chains.typical_rate(width, 0.9)
        for width in (20, 40)
    ]
    assert off[0] == pytest.approx(4 * off[1], rel=0.1)
    assert abs(off[0]) < 1e-3


@pytest.mark.parametrize("name", chains.ACTIVATIONS)
@pytest.mark.parametrize("branch", [None, 1.0])
def test_typical_gradients_are_the_geometric_means_of_chains(name, branch):
    chain = Chain(activation=name, branch=branch)
    ((_, gradients),) = chains.passed(
        [chain], width=30, depth=6, draws=300, generator=Streams(4).get("chains")
    )
    logs = gradients[:, -1].log() / 2
    error = float(logs.std() / len(logs) ** 0.5)
    exact = math.log(chain.typical_gradients(6, 30)[-1])
    # Six layers, each off by some 1 / units²: and the mean square is told apart from it.
    assert abs(float(logs.mean()) - exact) < 4 * error + 0.02
    if name == "relu" and branch is None:
        assert abs(float(logs.mean())) > 4 * error


def test_gradients_of_chains_are_products_of_jacobians():
    """Against the Jacobians, multiplied, of a chain drawn by hand from the same stream."""
    width, depth = 3, 2
    chain = Chain(activation="tanh", scale=1.3, branch=0.5)
    ((squares, gradients),) = chains.passed(
        [chain], width=width, depth=depth, draws=1, generator=Streams(0).get("one")
    )
    drawn = {"generator": Streams(0).get("one"), "dtype": torch.float64}
    weights = 1.3 * torch.randn(depth, 1, width, width, **drawn)[:, 0] / width**0.5
    values = torch.randn(1, width, 1, **drawn)[0, :, 0]
    back = torch.randn(1, width, 1, **drawn)[0, :, 0]
    back /= back.norm()
    assert float(squares[0, 0]) == pytest.approx(float(values.square().mean()))
    jacobians = []
    for weight in weights:
        slope = 1 - torch.tanh(values) ** 2
        jacobians.append(torch.eye(width, dtype=torch.float64) + 0.5 * weight * slope)
        values = values + 0.5 * weight @ torch.tanh(values)
    assert float(squares[0, -1]) == pytest.approx(float(values.square().mean()))
    for layers in range(depth + 1):
        assert float(gradients[0, layers]) == pytest.approx(float(back.square().sum()))
        back = jacobians[depth - 1 - layers].T @ back if layers < depth else back


def test_aligned_chains_have_the_length_of_the_closed_form():
    rows = list(measuring.aligned(3, 5, (0.5, 1.5), (1, 3, 9)))
    assert len(rows) == 6
    for row in rows:
        assert row["measured"] == pytest.approx(row["exact"], rel=1e-12)
    values, parts = torch.tensor([2.0, 1.0]), torch.tensor([0.6, 0.8])
    assert measuring.aligned_norm(values, parts, 2) == pytest.approx(math.hypot(4 * 0.6, 0.8))


def test_clipping_by_the_norm_bounds_the_step_and_keeps_its_direction():
    settings = {"width": 4, "layers": 8, "scale": 1.6, "examples": 16, "rate": 0.03}
    rows = list(measuring.clipping(0, **settings, threshold=1.0, steps=30, places=(0, 1, 30)))
    end = {row["kind"]: row for row in rows if row["place"] == 30}
    assert end["none"]["measured"] is None or end["none"]["measured"] > 1e6
    assert end["norm"]["measured"] < 1
    assert end["norm"]["longest"] == pytest.approx(1, abs=1e-9)
    assert end["norm"]["cosine"] == pytest.approx(1, abs=1e-9)
    assert end["entries"]["cosine"] < 0.95
    assert end["entries"]["longest"] <= 1 + 1e-9
    starts = {row["measured"] for row in rows if row["place"] == 0}
    assert starts == {1.0}
