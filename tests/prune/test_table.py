"""The table of removal curves holds what orders and curves give."""

import pytest
import torch

from surfeit.core import Split, Streams
from surfeit.models import mlp
from surfeit.prune import (
    CRITERIA,
    frame_potential,
    random,
    removal_curve,
    removal_order,
    removal_table,
    scoring_examples,
    usual_criteria,
)
from surfeit.prune.table import SCHEMA

MODEL = mlp((12, 7), input_shape=(1, 4, 4))


def split(n):
    generator = Streams(n).get("images")
    images = torch.randn(n, 1, 4, 4, generator=generator)
    return Split(images, torch.randint(0, 10, (n,), generator=generator))


SPLITS = {"validation": split(60), "test": split(80)}


def curve_of(table, **wanted):
    rows = [row for row in table.to_pylist() if all(row[name] == wanted[name] for name in wanted)]
    assert [row["removed"] for row in rows] == list(range(len(rows)))
    return [row["accuracy"] for row in rows]


def test_table_has_a_row_for_each_point_of_each_curve():
    calls = []
    table = removal_table(
        MODEL,
        "fc1",
        SPLITS,
        streams=Streams(0),
        repeats=3,
        progress=lambda done, total: calls.append((done, total)),
    )
    curves = (2 * 4 + 3) * 2
    assert table.schema == SCHEMA
    assert table.num_rows == curves * 13
    assert calls == [(done, curves) for done in range(curves + 1)]
    assert set(table["units"].to_pylist()) == {12}
    assert set(table["criterion"].to_pylist()) == set(usual_criteria())
    assert set(table["remove"].to_pylist()) == {"least", "most", None}


def test_table_holds_the_curves_of_the_orders():
    criteria = {"angles": frame_potential, "chance": random}
    table = removal_table(MODEL, "fc1", SPLITS, streams=Streams(4), criteria=criteria, repeats=2)
    for name, chosen in SPLITS.items():
        for remove in ("least", "most"):
            order = removal_order(MODEL.fc1.weight, frame_potential, remove)
            expected = removal_curve(MODEL, "fc1", order, chosen).tolist()
            assert curve_of(table, criterion="angles", remove=remove, split=name) == expected
        for repeat in range(2):
            generator = Streams(4).get("removal", "fc1", repeat)
            order = removal_order(MODEL.fc1.weight, random, generator=generator)
            expected = removal_curve(MODEL, "fc1", order, chosen).tolist()
            assert curve_of(table, criterion="chance", repeat=repeat, split=name) == expected


def slopes_of_units(data, layer, minibatch):
    """The mean square of the loss's slope in a gate on each unit, by autograd alone."""
    total = 0.0
    for start in range(0, len(data), minibatch):
        part = data[start : start + minibatch]
        hidden = part.inputs.flatten(1)
        for name in ("fc1", "fc2"):
            hidden = torch.relu(MODEL.get_submodule(name)(hidden))
            if name == layer:
                gate = torch.ones(hidden.shape[1], requires_grad=True)
                hidden = hidden * gate
        loss = torch.nn.functional.cross_entropy(MODEL.fc3(hidden), part.targets)
        (slope,) = torch.autograd.grad(loss, gate)
        total = total + len(part) / len(data) * slope.double().square()
    return total


def accuracy_without(units, layer, data):
    """The accuracy once the layer's units of these numbers are zero, by a pass written out."""
    hidden = data.inputs.double().flatten(1)
    for name in ("fc1", "fc2"):
        module = MODEL.get_submodule(name)
        hidden = torch.relu(hidden @ module.weight.double().T + module.bias.double())
        if name == layer:
            hidden = hidden.index_fill(1, units, 0.0)
    outputs = hidden @ MODEL.fc3.weight.double().T + MODEL.fc3.bias.double()
    return float((outputs.argmax(1) == data.targets).double().mean())


def correlations_of_units(data, layer):
    hidden = data.inputs.double().flatten(1)
    for name in ("fc1", "fc2"):
        module = MODEL.get_submodule(name)
        hidden = torch.relu(hidden @ module.weight.double().T + module.bias.double())
        if name == layer:
            break
    hidden = hidden.detach()
    r = torch.corrcoef(hidden.T).abs()
    return 1 - (r.sum(1) - 1) / (len(r) - 1)


def distances_of_units(data, layer):
    W = MODEL.get_submodule(layer).weight.detach().double()
    return (W[:, None] - W[None]).norm(dim=2).sum(1)


SCORES_BY_HAND = {
    "taylor_unit": lambda data, layer: slopes_of_units(data, layer, 10),
    "activation_correlation": correlations_of_units,
    "fpgm": distances_of_units,
}


@pytest.mark.parametrize("layer", ["fc1", "fc2"])
@pytest.mark.parametrize("name", SCORES_BY_HAND)
def test_a_criterion_s_curve_is_that_of_removing_units_by_hand_in_the_order_of_its_scores(
    name, layer
):
    train = split(45)
    table = removal_table(
        MODEL,
        layer,
        SPLITS,
        streams=Streams(0),
        criteria={name: CRITERIA[name]},
        scores_on=("train", train),
    )
    scores = SCORES_BY_HAND[name](train, layer)
    with torch.no_grad():
        for remove, order in (("least", scores.argsort()), ("most", scores.argsort().flip(0))):
            for place, data in SPLITS.items():
                expected = [accuracy_without(order[:k], layer, data) for k in range(len(order) + 1)]
                found = curve_of(table, criterion=name, remove=remove, split=place)
                assert found == pytest.approx(expected)


def test_the_table_says_what_criteria_looked_at():
    criteria = {name: CRITERIA[name] for name in ("magnitude", "fpgm", "taylor_unit", "random")}
    scores_on = scoring_examples("train", split(50), 30, streams=Streams(0))
    table = removal_table(
        MODEL, "fc1", SPLITS, streams=Streams(0), criteria=criteria, scores_on=scores_on, repeats=2
    )
    rows = table.to_pylist()
    seen = {(row["criterion"], row["scores_on"], row["scored_examples"]) for row in rows}
    assert seen == {
        ("magnitude", None, None),
        ("fpgm", None, None),
        ("taylor_unit", "train", 30),
        ("random", None, None),
    }


def test_examples_to_look_at_are_drawn_once_each_and_alike_from_one_seed():
    data = split(50)
    name, some = scoring_examples("train", data, 30, streams=Streams(0))
    assert (name, len(some)) == ("train", 30)
    assert len(some.inputs.flatten(1).unique(dim=0)) == 30
    again, other = (scoring_examples("train", data, 30, streams=Streams(n))[1] for n in (0, 1))
    assert torch.equal(some.inputs, again.inputs)
    assert not torch.equal(some.inputs, other.inputs)
    assert len(scoring_examples("train", data, 1000, streams=Streams(0))[1]) == 50
    with pytest.raises(ValueError, match="at least 1 example to look at, got 0"):
        scoring_examples("train", data, 0, streams=Streams(0))


def test_test_examples_choose_nothing():
    criteria = {"taylor_unit": CRITERIA["taylor_unit"]}

    def table(scores_on):
        removal_table(
            MODEL, "fc1", SPLITS, streams=Streams(0), criteria=criteria, scores_on=scores_on
        )

    with pytest.raises(ValueError, match="taylor_unit looks at examples: pass scores_on="):
        table(None)
    for scores_on in (("test", split(3)), ("train", SPLITS["test"])):
        with pytest.raises(ValueError, match="test examples only judge what was chosen without"):
            table(scores_on)


def test_keep_bias_is_passed_on():
    model = mlp((12,), input_shape=(1, 4, 4))
    model.fc1.bias.data.uniform_(1, 2, generator=Streams(0).get("bias"))
    tables = [
        removal_table(model, "fc1", SPLITS, streams=Streams(0), repeats=1, keep_bias=keep)
        for keep in (False, True)
    ]
    assert not tables[0].equals(tables[1])


def test_errors_say_what_is_allowed():
    with pytest.raises(ValueError, match="at least one split and one criterion, got splits"):
        removal_table(MODEL, "fc1", {}, streams=Streams(0))
    with pytest.raises(ValueError, match=r"criteria \[\]"):
        removal_table(MODEL, "fc1", SPLITS, streams=Streams(0), criteria={})
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        removal_table(MODEL, "fc1", SPLITS, streams=Streams(0), repeats=0)
    with pytest.raises(ValueError, match="no layer 'conv1'"):
        removal_table(MODEL, "conv1", SPLITS, streams=Streams(0))
