"""The one answer to how many units can go, and its words."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.prune import (
    Bounds,
    CanGo,
    RemovalCurve,
    accepted_rise,
    can_go_briefly,
    can_go_of_layer,
    can_go_of_table,
    can_go_sentence,
    contributions,
    criterion_named,
    curves_of_table,
    order_by,
    removable,
    removal_bounds,
    removal_curves,
    removal_table,
    units_that_can_go,
    usual_criteria,
)
from surfeit.prune.removal import Removal


def curve(lost, *, examples=1000, gained=0, right=900, certain=0):
    lost = torch.tensor(lost)
    gains = torch.full_like(lost, gained)
    gains[0] = 0
    accuracy = (right - lost + gains).double() / examples
    return RemovalCurve(accuracy, None, lost, gains, examples, certain)


STEEP, FLAT = curve([0, 30, 60, 90]), curve([0, 2, 5, 80])


def test_validation_chooses_the_criterion_and_test_bounds_its_order():
    asked = []

    def test(name):
        asked.append(name)
        return curve([0, 0, 40, 90])

    found = units_that_can_go({"steep": STEEP, "flat": FLAT, "as flat": FLAT}, test)
    assert asked == ["flat"]  # the first of equals, and no other is looked at
    assert (found.criterion, found.estimate, found.units) == ("flat", 2, 3)
    judged = test("flat")
    assert found.bounds == removal_bounds(judged.lost, judged.gained, examples=1000)
    assert (found.bounds.lower, found.bounds.upper) == (1, 1)


def test_units_that_nobody_reads_are_certain():
    found = units_that_can_go(
        {"flat": FLAT}, lambda name: curve([0, 0, 0, 9], examples=9, certain=2)
    )
    assert (found.bounds.lower, found.bounds.upper) == (2, 2)


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        (0.0, "no number of examples could show that nothing at all is lost"),
        (1.0, "there is nothing to show where all may be lost"),
    ],
)
def test_without_bounds_it_says_why(loss, why):
    found = units_that_can_go({"flat": FLAT}, lambda name: FLAT, loss=loss)
    assert (found.bounds, found.why_no_bounds) == (None, why)
    assert found.estimate == (3 if loss else 0)


def test_of_losses_there_is_an_estimate_alone():
    losses = RemovalCurve(None, torch.tensor([0.5, 0.52, 0.58, 0.9], dtype=torch.float64))
    found = units_that_can_go({"magnitude": losses}, lambda name: losses, rise=0.1)
    assert (found.estimate, found.bounds) == (2, None)
    assert found.why_no_bounds == "bounds are given of accuracies alone"


def test_of_several_answers_an_example_there_is_an_estimate_alone():
    several = RemovalCurve(FLAT.accuracy, None)
    found = units_that_can_go({"magnitude": several}, lambda name: several)
    assert (found.estimate, found.bounds) == (2, None)
    assert found.why_no_bounds == "bounds need examples of one answer each"


def network(outputs=3):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, outputs))
    generator = Streams(2).get("weights")
    for value in model.parameters():
        value.data = torch.randn(value.shape, generator=generator)
    return model


def splits(n=300):
    generator, found, model = Streams(3).get("examples"), {}, network()
    for name in ("validation", "test"):
        inputs = torch.randn(n, 6, generator=generator)
        found[name] = Split(inputs, model(inputs).argmax(1))
    return found


def test_a_table_gives_the_answer_of_its_curves():
    model, data = network(), splits()
    table = removal_table(model, "0", data, streams=Streams(0), repeats=3)
    found = can_go_of_table(table, loss=0.2)
    expected = can_go_of_layer(model, "0", data, loss=0.2)
    assert len(found.random) == 3
    assert replace(found, random=()) == expected
    assert found.bounds.upper < 8
    removal = Removal.of(_structure(model, data), "0")
    order = order_by(contributions(criterion_named(found.criterion), removal, model))
    (judged,) = removal_curves(model, "0", [order], data["test"])
    assert found.bounds == removal_bounds(judged.lost, judged.gained, examples=300, loss=0.2)
    (chose,) = removal_curves(model, "0", [order], data["validation"])
    assert found.estimate == removable(chose, loss=0.2)


def test_a_layer_of_losses_gives_the_answer_of_its_table():
    data = {
        name: Split(split.inputs, split.inputs[:, :3] + 0.0) for name, split in splits(40).items()
    }
    model = network()
    table = removal_table(model, "0", data, streams=Streams(0), repeats=2, objective=squared_error)
    curve = curves_of_table(table)["validation", "magnitude", "least", 0]
    targets, dense = data["validation"].targets, float(curve.loss[0])
    rise = accepted_rise(dense, targets, squared_error, loss=0.5)
    found = can_go_of_layer(model, "0", data, objective=squared_error, loss=0.5)
    assert found == replace(can_go_of_table(table, loss=0.5, rise=rise), random=())
    assert found.bounds is None


def _structure(model, data):
    from surfeit.models import Structure

    return Structure.of(model, data["test"].inputs[:1])


def test_curves_of_a_table_are_those_that_were_measured():
    model, data = network(), splits(50)
    table = removal_table(model, "0", data, streams=Streams(0), repeats=2)
    shuffled = table.take(list(reversed(range(table.num_rows))))
    curves = curves_of_table(shuffled)
    assert len(curves) == 2 * (2 * 4 + 2)
    removal = Removal.of(_structure(model, data), "0")
    order = order_by(contributions(criterion_named("magnitude"), removal, model), "most")
    (expected,) = removal_curves(model, "0", [order], data["test"])
    found = curves["test", "magnitude", "most", 0]
    assert torch.equal(found.accuracy, expected.accuracy)
    assert torch.equal(found.lost, expected.lost)
    assert torch.equal(found.gained, expected.gained)
    assert (found.examples, found.certain) == (50, expected.certain)


def test_tables_of_losses_and_older_tables_give_estimates():
    data = {
        name: Split(split.inputs, split.inputs[:, :3] + 0.0) for name, split in splits(40).items()
    }
    table = removal_table(
        network(), "0", data, streams=Streams(0), repeats=2, objective=squared_error
    )
    rise = accepted_rise(5.0, data["validation"].targets, squared_error, loss=0.5)
    assert can_go_of_table(table, loss=0.5, rise=rise).bounds is None
    old = removal_table(network(), "0", splits(40), streams=Streams(0), repeats=2)
    old = old.drop_columns(["examples", "lost", "gained", "certain"])
    found = can_go_of_table(old)
    assert (found.bounds, found.why_no_bounds) == (None, "bounds need examples of one answer each")


def test_errors_say_what_is_missing():
    with pytest.raises(ValueError, match="no criterion orders the units"):
        units_that_can_go({}, lambda name: FLAT)
    with pytest.raises(ValueError, match="one layer's units, all of them, got curves of 2, 3 rem"):
        units_that_can_go({"steep": STEEP}, lambda name: curve([0, 1, 2]))
    table = removal_table(
        network(), "0", {"test": splits(20)["test"]}, streams=Streams(0), repeats=1
    )
    with pytest.raises(ValueError, match=r"test examples judge, got curves of \['test'\]"):
        can_go_of_table(table)
    alone = {"random": usual_criteria()["random"]}
    table = removal_table(network(), "0", splits(20), streams=Streams(0), repeats=1, criteria=alone)
    assert isinstance(table, pa.Table)
    with pytest.raises(ValueError, match="no criterion orders the units"):
        can_go_of_table(table)


def answer(lower, upper, *, units=300, examples=5000, why=None):
    bounds = Bounds(lower=lower, upper=upper, loss=0.01, confidence=0.95, examples=examples)
    return CanGo(
        units=units,
        criterion="magnitude",
        estimate=134,
        bounds=None if why else bounds,
        why_no_bounds=why,
    )


PRICE = "can go for at most a point of accuracy"
CANNOT = "cannot, removed by magnitude"
TEST = "(95\N{NO-BREAK SPACE}% confidence, 5,000 test images)"


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((118, 147), f"at least 118 of 300 units of fc1 {PRICE}; more than 147 {CANNOT} {TEST}"),
        ((118, 300), f"at least 118 of 300 units of fc1 {PRICE} {TEST}"),
        ((300, 300), f"all 300 units of fc1 {PRICE} {TEST}"),
        ((0, 0), f"none of 300 units of fc1 {PRICE} {TEST}"),
        (
            (0, 9),
            f"it was not shown that any unit of fc1 {PRICE}; more than 9 of 300 {CANNOT} {TEST}",
        ),
        ((0, 300), f"it was not shown that any unit of fc1 {PRICE} {TEST}"),
    ],
)
def test_sentences_claim_what_was_shown(bounds, words):
    found = can_go_sentence(answer(*bounds), whose="fc1", price="a point of accuracy")
    assert found == words


def test_a_sentence_on_too_few_images_says_so():
    found = can_go_sentence(answer(0, 170, examples=360), whose="fc1", price="a point of accuracy")
    assert found.endswith(
        "360 test images): so few images cannot show it: even with none of 360 lost, a loss of "
        "1.02 points would remain possible"
    )


def test_estimates_are_called_so():
    found = can_go_sentence(
        answer(0, 0, why="bounds are given of accuracies alone"),
        whose="fc1",
        price="1 % more loss",
        noun="examples",
    )
    assert found == (
        "about 134 of 300 units of fc1 can go for at most 1 % more loss, an estimate from the "
        "validation examples: bounds are given of accuracies alone"
    )
    none = replace(answer(0, 0, why="it is so"), estimate=0)
    assert can_go_sentence(none, whose="fc1", price="1 % more loss").startswith(
        "none of 300 units of fc1 can go for at most 1 % more loss, by an estimate from the valida"
    )
    assert can_go_briefly(answer(0, 0, why="x")) == "about 134 of 300 units, an estimate"


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((118, 147), "at least 118 and at most 147 of 300 units"),
        ((118, 300), "at least 118 of 300 units"),
        ((0, 9), "none for sure, at most 9 of 300 units"),
        ((0, 300), "nothing was shown of 300 units"),
        ((0, 0), "none of 300 units"),
        ((300, 300), "300 of 300 units"),
    ],
)
def test_brief_words_claim_what_was_shown(bounds, words):
    assert can_go_briefly(answer(*bounds)) == words
