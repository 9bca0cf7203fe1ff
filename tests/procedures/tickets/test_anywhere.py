"""Tickets of networks that are no chains of layers, and of other objectives."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest, own_objective, squared_error
from surfeit.data import Dataset, from_tensors
from surfeit.execute import InProcess, Local
from surfeit.models import Structure, initialise_
from surfeit.procedures.tickets import (
    CONTROLS,
    TicketConfig,
    failures,
    find_tickets,
    ticket_anatomy,
    transfer_tickets,
)
from surfeit.procedures.tickets.selection import Places, check_levels, densities_of
from surfeit.procedures.tickets.transfer import exchange_head_
from surfeit.prune import alive_units, check_nested
from surfeit.tables.tables import where
from surfeit.train import Recipe

from ...oracles.removal import NETWORKS, built

RECIPE = Recipe(lr=0.02, steps=4, batch_size=8)
WEIGHTS = TicketConfig(levels=2, rate=0.2, controls=("reinit", "shuffle"))
UNITS = TicketConfig(
    levels=2, rate=0.25, granularity="unit", score="filter_norm", controls=("reinit", "shuffle")
)
NAMES = ["HeadFirst", "TwoHeads", "Residual", "PreActivation", "UsedTwice", "Grouped", "Lstm"]


def data_for(name: str, outputs: int | None = None) -> tuple[Dataset, nn.Module]:
    """Drawn inputs and labels that fit a network of the oracles, and that network."""
    model, examples = built(NETWORKS[name])
    model = model.float().train()
    shape = model(examples.float()).shape
    classes = outputs or shape[-1]

    def pair(n: int, stream: str) -> tuple[torch.Tensor, torch.Tensor]:
        source = Streams(0).get(stream)
        inputs = torch.randn((n, *examples.shape[1:]), generator=source)
        return inputs, torch.arange(n * shape[1:-1].numel()).view(n, *shape[1:-1]) % classes

    counts = {"train": 40, "validation": 17, "test": 19}
    return from_tensors(name, **{one: pair(n, one) for one, n in counts.items()}), model


@pytest.mark.parametrize("name", NAMES)
def test_tickets_by_weight(name, store):
    data, model = data_for(name)
    table = find_tickets(model, data, RECIPE, WEIGHTS, store=store, engine=InProcess())
    assert failures(table) == {}
    outputs = {f"{one}.weight" for one in Structure.of(model, data.train.inputs[:1]).outputs}
    for row in where(table, arm="ticket").to_pylist()[1:]:
        for one, kept in store.find(row["run"]).mask.items():
            rate = 0.1 if one in outputs else 0.2
            assert int(kept.sum()) == round((1 - rate) ** row["level"] * kept.numel()), one
    assert ticket_anatomy(table, store=store).num_rows > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "UsedTwice"])
def test_tickets_by_unit(name, store):
    data, model = data_for(name)
    table = find_tickets(model, data, RECIPE, UNITS, store=store, engine=InProcess())
    assert failures(table) == {}
    before = {}
    for row in where(table, arm="ticket").to_pylist()[1:]:
        run = store.find(row["run"])
        check_nested(run.mask, before)
        trained = run.model(into=copy.deepcopy(model)).eval()
        alive = alive_units(trained, run.mask)
        for layer, others in model.removable.items():
            count = len(alive[layer])
            assert int(alive[layer].sum()) == round(0.75 ** row["level"] * count), layer
            assert all(torch.equal(alive[other], alive[layer]) for other in others)
        assert all(alive[one].all() for one in Structure.of(model).outputs)
        keep = {layer: alive[layer].float() for layer in model.removable}
        with torch.no_grad():
            expected = trained.without(data.test.inputs, keep)
            found = trained(data.test.inputs)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        before = run.mask


def test_every_control_of_a_residual_networks_units(store):
    data, model = data_for("Residual")
    config = replace(UNITS, levels=1, controls=tuple(CONTROLS))
    table = find_tickets(model, data, RECIPE, config, store=store, engine=InProcess())
    assert failures(table) == {}
    moved = transfer_tickets(
        where(table, arm="ticket"),
        data,
        replace(RECIPE, lr=0.01),
        store=store,
        into=model,
        engine=InProcess(),
    )
    assert failures(moved) == {}
    ticket, control = (store.find(key) for key in moved["run"].to_pylist()[1:])
    alive = alive_units(model, control.mask)
    assert torch.equal(alive["stem"], alive["conv2"])
    assert ticket.mask.keys() == control.mask.keys()


def test_a_head_registered_first_is_the_one_that_is_exchanged(store):
    data, model = data_for("HeadFirst")
    table = find_tickets(model, data, RECIPE, WEIGHTS, store=store, engine=InProcess())
    fewer, _ = data_for("HeadFirst", outputs=2)
    moved = transfer_tickets(table, fewer, RECIPE, store=store, into=model, engine=InProcess())
    assert failures(moved) == {}
    expected = initialise_(nn.Linear(6, 2), Streams(0).get("head")).weight
    for row in where(moved, arm="ticket").to_pylist():
        run = store.find(row["run"])
        assert torch.equal(run.tensors(0)["head.weight"], expected)
        if row["level"]:
            assert run.mask["head.weight"].all()
            source = where(table, level=row["level"], arm="ticket")["run"][0].as_py()
            for one in ("first.weight", "second.weight"):
                assert torch.equal(run.mask[one], store.find(source).mask[one])


def test_heads_that_cannot_be_exchanged_are_told():
    generator = Streams(0).get("head")
    two, inputs = built(NETWORKS["TwoHeads"])
    with pytest.raises(ValueError, match=r"are 'side' \(Linear\), 'main' \(Linear\): build"):
        exchange_head_(two, 2, generator, structure=Structure.of(two, inputs[:1]))
    with pytest.raises(ValueError, match="the network is a single layer"):
        exchange_head_(nn.Linear(4, 3), 2, generator)
    tied = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    tied[2].weight = tied[0].weight
    with pytest.raises(ValueError, match="the output layer '2' is tied, used twice or has"):
        exchange_head_(tied, 2, generator)


def regression() -> Dataset:
    def pair(n: int, stream: str) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(n, 3, generator=Streams(0).get(stream))
        return x, (x[:, :1] * x[:, 1:2]).tanh()

    return from_tensors(
        "product", train=pair(40, "a"), validation=pair(17, "b"), test=pair(19, "c")
    )


def absolute(outputs, targets):
    """The mean absolute error."""
    return (outputs - targets).abs().mean()


def narrow(*, input_shape, classes, generator):
    model = nn.Sequential(nn.Linear(*input_shape, 8), nn.Tanh(), nn.Linear(8, classes))
    return initialise_(model, generator)


@pytest.mark.parametrize("objective", [squared_error, own_objective(absolute)])
@pytest.mark.parametrize("config", [WEIGHTS, replace(UNITS, score="taylor_unit")])
def test_tickets_of_a_regression_are_judged_by_their_loss(objective, config, store):
    data = regression()
    table = find_tickets(
        narrow, data, RECIPE, config, objective=objective, store=store, engine=InProcess()
    )
    assert failures(table) == {}
    for row in table.to_pylist():
        run = store.find(row["run"])
        last = run.metrics().to_pylist()[-1]
        assert row["test_accuracy"] is None
        assert (row["test_loss"], row["validation_loss"]) == (
            last["test_loss"],
            last["validation_loss"],
        )
        assert row["early_stop_loss"] <= row["validation_loss"]
        assert run.config["objective"] == objective.in_key()


def test_regressions_are_searched_side_by_side(store):
    data, config = regression(), replace(WEIGHTS, levels=1, controls=())
    options = {"store": store, "engine": Local(2)}
    table = find_tickets(narrow, data, RECIPE, config, objective=squared_error, **options)
    assert failures(table) == {}
    own = find_tickets(narrow, data, RECIPE, config, objective=own_objective(absolute), **options)
    assert failures(own) == {}
    assert store.find(own["run"][1].as_py()).config["objective"]["function"].endswith("absolute")


def test_an_objective_that_cannot_be_imported_is_for_this_process_alone(store):
    def hidden(outputs, targets):
        return (outputs - targets).abs().mean()

    data, config = regression(), replace(WEIGHTS, levels=1, controls=())
    options = {"objective": own_objective(hidden), "store": store}
    with pytest.raises(ValueError, match=r"cannot have the objective .*engine=InProcess\(\)"):
        find_tickets(narrow, data, RECIPE, config, engine=Local(2), **options)
    assert not store.runs()
    assert failures(find_tickets(narrow, data, RECIPE, config, **options)) == {}


class Drawing(nn.Module):
    """A network that cannot be followed: it draws in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.fc2(nn.functional.dropout(self.fc1(x)))


def test_networks_that_cannot_be_followed_have_tickets_by_weight_at_one_rate(store):
    torch.manual_seed(0)  # of few weights, some draws leave a layer none
    data, model = regression(), Drawing()
    options = {"objective": squared_error, "store": store, "engine": InProcess()}
    with pytest.raises(ValueError, match=r"cannot be followed: .* output_rate=0\.2, and no conv"):
        find_tickets(model, data, RECIPE, WEIGHTS, **options)
    with pytest.raises(ValueError, match="gives other numbers when it is run again"):
        find_tickets(model, data, RECIPE, UNITS, **options)
    assert not store.runs()
    for config in (
        replace(WEIGHTS, output_rate=0.2),
        replace(WEIGHTS, allocation="global"),
    ):
        assert failures(find_tickets(model, data, RECIPE, config, **options)) == {}


def test_frozen_backbones_are_pruned_and_stay_as_they_are(store):
    data, model = data_for("Residual")
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    for config in (WEIGHTS, UNITS):
        table = find_tickets(model, data, RECIPE, config, store=store, engine=InProcess())
        assert failures(table) == {}
        for row in where(table, arm="ticket").to_pylist():
            run = store.find(row["run"])
            first, last = run.tensors(0), run.tensors(4)
            frozen = {n: v for n, v in first.items() if "conv" in n}
            assert digest(frozen) == digest({n: last[n] for n in frozen})


def test_transposed_convolutions_have_their_units_along_the_second_axis(store):
    data, model = data_for("Grouped")
    densities = densities_of(UNITS, Places(model, Structure.of(model), "unit"), 1)
    assert densities == dict.fromkeys(("conv", "up", "out"), 0.75)
    check_levels(UNITS, model)
    table = find_tickets(
        model, data, RECIPE, replace(UNITS, levels=1, controls=()), store=store, engine=InProcess()
    )
    mask = store.find(table["run"].to_pylist()[1]).mask
    kept = mask["up.weight"].unflatten(0, (2, 3)).any(1).flatten(2).any(2).flatten()
    assert int(kept.sum()) == 6
    shown = where(ticket_anatomy(table, store=store), layer="up", quantity="units_empty")
    assert shown["n"].to_pylist() == [8]
    assert shown["value"].to_pylist() == [2.0]
