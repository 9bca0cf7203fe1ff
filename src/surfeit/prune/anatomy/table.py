"""What a ticket looks like, as a tidy table: one row a layer and quantity, with its null."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import pyarrow as pa
import torch
from torch import Tensor

from surfeit.core import check_tensor, unknown
from surfeit.prune.anatomy.spread import OVER, spread
from surfeit.prune.anatomy.travel import (
    distances,
    paired_distance_p,
    paired_sign_p,
    sign_changes,
    travel,
)

SCHEMA = pa.schema(
    [
        ("layer", pa.string()),
        ("quantity", pa.string()),
        ("value", pa.float64()),
        ("null", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("p_value", pa.float64()),
        ("n", pa.int64()),
    ]
)
QUANTITIES = {
    "density": "kept share of the layer's weights; null: of the weights of all layers",
    "units_dispersion": "variance of kept weights a unit over that of chance; null: 1",
    "units_conditional": "P(another weight of a kept weight's unit is kept); null: by chance",
    "units_empty": "units without a kept weight; null: expected by chance",
    "inputs_dispersion": "variance of kept weights an input over that of chance; null: 1",
    "inputs_conditional": "P(another weight of a kept weight's input is kept); null: by chance",
    "inputs_empty": "inputs without a kept weight; null: expected by chance",
    "travel": "mean distance of the kept weights, initial deviations; null: of the others",
    "travel_rms": "root mean square of it; null: of the others",
    "further": "P(a kept weight travels further than another); null: 0.5",
    "sign_changes": "share of kept weights whose sign changed; null: of the others",
    "ticket_travel": "mean distance of kept weights in the ticket; null: in the dense network",
    "ticket_sign_changes": "share whose sign changed in the ticket; null: in the dense network",
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One quantity; None where there is no such number."""

    quantity: str
    value: float
    n: int
    null: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Ways:
    """A layer's weights where they began and where they came to, as far as that is known."""

    initial: Tensor
    dense: Tensor | None
    ticket: Tensor | None


def anatomy_table(
    mask: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    *,
    dense: Mapping[str, Tensor] | None = None,
    ticket: Mapping[str, Tensor] | None = None,
    generator: torch.Generator | None = None,
    draws: int = 999,
) -> pa.Table:
    """Measures a ticket: how its weights lie, how far they travel, which signs they change.

    Args:
        mask: bool tensors by parameter name, True = kept.
        initial: the weights that training began from, by parameter name; others may be among them.
        dense: the weights at the end of the *dense* training: gives the rows `travel` to
            `sign_changes`, in which removed weights are compared, since there they travel too.
        ticket: the weights at the end of the ticket's training: gives the rows `ticket_*`, which
            compare the kept weights with their own way in the dense network, where it is given.
        generator: draws the null of the spread; without it p-values are a scaled chi-square's.
        draws: of the null; read only with a generator.

    Returns:
        rows `layer, quantity, value, null, lower, upper, p_value, n`, the quantities those of
        `QUANTITIES`; `lower` and `upper` are a share's 95 % Wilson interval. `n` counts units or
        inputs in rows of a spread, else weights. What is undefined is null. Of a parameter with
        one dimension (a bias) there is no spread.

    Raises:
        ValueError: if a masked parameter is missing from the weights, or as `spread` and `travel`.

    Source: claims F6 and F7; the formulas are those of `spread`, `travel` and `sign_changes`.
    Cost: O(N log N) in the weights; with a generator O(draws) for each unit and input more.
    """
    if not mask:
        raise ValueError("the mask names no parameter, so there is nothing to measure")
    kept, weights = (sum(map(count, mask.values())) for count in (_kept, Tensor.numel))
    rows = []
    for name, chosen in mask.items():
        check_tensor(f"the mask of {name}", chosen)
        ways = _Ways(
            initial=_named(initial, name),
            dense=None if dense is None else _named(dense, name),
            ticket=None if ticket is None else _named(ticket, name),
        )
        found = [_density(chosen, kept / weights), *_spreads(chosen, generator, draws)]
        found += [*_dense_ways(chosen, ways), *_ticket_ways(chosen, ways)]
        rows += [{"layer": layer_name(name)} | _cells(row) for row in found]
    return pa.Table.from_pylist(rows, SCHEMA)


def layer_name(parameter: str) -> str:
    """The layer's name where the parameter is its weight ("fc1" of "fc1.weight"), else its own."""
    return parameter.removesuffix(".weight")


def _kept(mask: Tensor) -> int:
    return int(mask.sum())


def _named(weights: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in weights:
        raise unknown("weights of the masked parameter", name, weights)
    return weights[name].detach()


def _cells(row: _Row) -> dict[str, object]:
    cells = asdict(row).items()
    return {n: None if isinstance(v, float) and math.isnan(v) else v for n, v in cells}


def _density(mask: Tensor, overall: float) -> _Row:
    return _Row(quantity="density", value=_kept(mask) / mask.numel(), null=overall, n=mask.numel())


def _spreads(mask: Tensor, generator: torch.Generator | None, draws: int) -> Iterator[_Row]:
    if mask.dim() < 2:
        return
    for over in OVER:
        found = spread(mask, over=over, generator=generator, draws=draws)
        p_value, n = found.p_value, found.groups
        values = {
            "dispersion": (found.dispersion, 1.0, p_value),
            "conditional": (found.conditional, found.null_conditional, p_value),
            "empty": (float(found.empty), found.null_empty, None),
        }
        for name, (value, null, p) in values.items():
            yield _Row(quantity=f"{over}_{name}", value=value, null=null, p_value=p, n=n)


def _dense_ways(mask: Tensor, ways: _Ways) -> Iterator[_Row]:
    if ways.dense is None:
        return
    way = travel(ways.initial, ways.dense, mask)
    n, p_value = way.kept_n, way.p_value
    yield _Row(quantity="travel", value=way.kept, null=way.others, p_value=p_value, n=n)
    yield _Row(quantity="travel_rms", value=way.kept_rms, null=way.others_rms, n=n)
    yield _Row(quantity="further", value=way.further, null=0.5, p_value=p_value, n=n)
    signs = sign_changes(ways.initial, ways.dense, mask)
    null = signs.others / signs.others_n if signs.others_n else None
    yield _share("sign_changes", signs.kept, signs.kept_n, null, signs.p_value)


def _ticket_ways(mask: Tensor, ways: _Ways) -> Iterator[_Row]:
    """The kept weights alone: with a ticket's final weights all others are zero by its mask."""
    if ways.ticket is None:
        return
    moved = distances(ways.initial, ways.ticket)[mask]
    turned = (ways.initial.sign() != ways.ticket.sign())[mask]
    null = dense_share = far_p = turned_p = None
    n = len(moved)
    if ways.dense is not None and n:
        before = distances(ways.initial, ways.dense)[mask]
        changed = (ways.initial.sign() != ways.dense.sign())[mask]
        null, dense_share = float(before.mean()), float(changed.double().mean())
        far_p, turned_p = paired_distance_p(moved, before), paired_sign_p(turned, changed)
    mean = float(moved.mean()) if n else math.nan
    yield _Row(quantity="ticket_travel", value=mean, null=null, p_value=far_p, n=n)
    yield _share("ticket_sign_changes", int(turned.sum()), n, dense_share, turned_p)


def _share(quantity: str, count: int, n: int, null: float | None, p_value: float | None) -> _Row:
    if n == 0:
        return _Row(quantity=quantity, value=math.nan, null=null, p_value=p_value, n=0)
    from scipy.stats import binomtest  # here, since it takes a second of a worker's start

    ends = binomtest(count, n).proportion_ci(method="wilson")
    return _Row(
        quantity=quantity,
        value=count / n,
        null=null,
        lower=float(ends.low),
        upper=float(ends.high),
        p_value=p_value,
        n=n,
    )
