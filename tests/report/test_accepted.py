"""What the page's control chooses from is what was measured, said as everywhere."""

import json
import re

import pytest

from surfeit.core import Split, Streams
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.prune import can_go_of_table
from surfeit.report import ReportConfig
from surfeit.report.accepted import chosen, data_block, losses_to_choose
from surfeit.report.measure import measure
from surfeit.report.page import render
from surfeit.store import Store
from surfeit.tables.tables import where
from surfeit.train import Recipe, train

SPACE = "\N{NO-BREAK SPACE}"


def test_each_loss_has_its_answer_in_the_words_of_the_headline(summary):
    choices = losses_to_choose(summary)
    assert choices["losses"] == [0.005, 0.01, 0.02]
    assert choices["prices"][choices["own"]] == "a point of accuracy"
    assert set(choices["answers"]) == {"0", "1"}
    answer = choices["answers"]["0"][2]
    assert answer["text"] == (
        "At least 7 of 12 units of fc1 can go for at most 2 points of accuracy; more than 9 "
        f"cannot, removed by magnitude (95{SPACE}% confidence, 400 test images)."
    )
    assert (answer["lower"], answer["upper"], answer["estimate"]) == (7, 9, 8)
    assert answer["bounded"]
    own = choices["answers"]["0"][choices["own"]]
    assert own["brief"] == "at least 6 and at most 8 of 12 units"


def test_where_no_bounds_are_known_the_bar_stays_open(summary):
    for row in summary["layers"]["fc1"]["removal"]["accepted"]:
        row |= {"lower": None, "upper": None, "why_no_bounds": "it is so"}
    answer = losses_to_choose(summary)["answers"]["0"][0]
    assert (answer["lower"], answer["upper"], answer["bounded"]) == (0, 12, False)
    assert answer["text"].endswith("an estimate from the validation images: it is so.")


def test_a_report_of_one_loss_has_nothing_to_choose(summary, figures, tables):
    for layer in summary["layers"].values():
        layer["removal"]["accepted"] = layer["removal"]["accepted"][1:2]
    assert losses_to_choose(summary) is None
    page = render(summary, figures, tables)
    assert 'class="accepted"' not in page
    assert 'id="accepted-data"' not in page


def test_the_data_cannot_end_their_element(summary):
    summary["layers"] = {"</script>": summary["layers"]["fc1"]}
    block = data_block(losses_to_choose(summary))
    assert block.count("</script>") == 1
    (text,) = re.findall("<script[^>]*>(.*)</script>", block)
    assert "</script>" in json.loads(text)["answers"]["0"][0]["text"]


def test_a_figure_without_an_answer_has_no_control(summary):
    choices = losses_to_choose(summary)
    assert chosen("<figure></figure>", 7, choices) == "<figure></figure>"
    assert '<div data-removal="0">' in chosen("<figure></figure>", 0, choices)


@pytest.fixture(scope="module")
def tables_of_a_run(tmp_path_factory):
    generator = Streams(0).get("test")

    def split(n):
        import torch

        labels = torch.randint(3, (n,), generator=generator)
        images = torch.randn(n, 1, 4, 4, generator=generator)
        images += 2.0 * torch.nn.functional.one_hot(labels, 16).view(n, 1, 4, 4)
        return Split(images, labels)

    data = from_tensors("three", train=split(96), validation=split(60), test=split(90))

    def builder(*, input_shape, classes, generator):
        return mlp((10, 6), input_shape=input_shape, classes=classes, generator=generator)

    store = Store(tmp_path_factory.mktemp("store"))
    run = train(builder, data, Recipe(epochs=6, lr=0.2), store=store)
    return measure(run, data, ReportConfig(repeats=2, ranks=(1, 2), loss=0.03))


def test_every_accepted_loss_is_answered_from_the_curves(tables_of_a_run):
    tables = tables_of_a_run
    for name in ("fc1", "fc2"):
        rows = where(tables["accepted"], layer=name).to_pylist()
        assert [row["loss"] for row in rows] == [0.005, 0.01, 0.02, 0.03, 0.05, 0.1]
        for row in rows:
            answer = can_go_of_table(where(tables["removal"], layer=name), loss=row["loss"])
            assert (row["criterion"], row["estimate"]) == (answer.criterion, answer.estimate)
            assert (row["lower"], row["upper"]) == (answer.bounds.lower, answer.bounds.upper)
        (own,) = where(tables["can_go"], layer=name).to_pylist()
        assert own == next(row for row in rows if row["loss"] == 0.03)


def test_together_too_every_loss_is_answered_along_the_same_path(tables_of_a_run):
    rows = [row for row in tables_of_a_run["accepted"].to_pylist() if row["layer"] is None]
    assert [row["loss"] for row in rows] == [0.005, 0.01, 0.02, 0.03, 0.05, 0.1]
    (answer,) = tables_of_a_run["joint_answer"].to_pylist()
    path = tables_of_a_run["joint_path"]
    own = next(row for row in rows if row["loss"] == 0.03)

    def removed(step):
        return sum(where(path, step=step)["removed"].to_pylist())

    assert own["estimate"] == removed(answer["estimate"])
    assert own["lower"] == removed(answer["lower"])
    open_end = answer["upper"] == answer["steps"]
    assert own["upper"] == (16 if open_end else removed(answer["upper"] + 1) - 1)
    assert [row["estimate"] for row in rows] == sorted(row["estimate"] for row in rows)
