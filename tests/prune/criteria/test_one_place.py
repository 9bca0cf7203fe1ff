"""A criterion is one entry of the catalog: everything else takes name and words from it."""

import pytest
import torch

from surfeit.cli.names import criteria_of
from surfeit.core import Split, Streams
from surfeit.models import Structure, mlp
from surfeit.procedures.tickets import TicketConfig
from surfeit.procedures.tickets.selection import Places, select
from surfeit.prune import (
    CRITERIA,
    Criterion,
    Evidence,
    criterion_named,
    removal_table,
    unit_score_names,
)
from surfeit.prune.criteria import catalog
from surfeit.prune.schedules import at_step
from surfeit.report.glossary import glossary
from surfeit.report.topics.removal import wording
from surfeit.train.pruning import Pruning

MODEL = mlp((6, 5), input_shape=(1, 3, 3), classes=3, generator=Streams(0).get("init"))


def split(count=20):
    generator = Streams(1).get("images")
    images = torch.randn(count, 1, 3, 3, generator=generator)
    return Split(images, torch.randint(0, 3, (count,), generator=generator))


def largest_weight(weight, generator=None):
    return weight.double().abs().amax(dim=1)


def mean_output(evidence):
    return {name: outputs.double().mean(0) for name, outputs in evidence.activations.items()}


TOY = Criterion(
    name="largest_weight",
    says="The largest {absolute} weight of a unit.",
    first="the units of the smallest largest weight first",
    of_weights=largest_weight,
    usual=True,
)
LOOKING = Criterion(
    name="mean_output",
    says="The mean output of a unit.",
    first="the quietest units first",
    of_evidence=mean_output,
)


@pytest.fixture(autouse=True)
def added(monkeypatch):
    for criterion in (TOY, LOOKING):
        monkeypatch.setitem(catalog._ENTRIES, criterion.name, criterion)


def removal(name):
    return {
        "estimate": 2,
        "bounds": None,
        "units": 6,
        "share": 1 / 3,
        "criterion": name,
        "by_criterion": {name: 2},
    }


def test_it_is_found_by_name_and_taken_on_the_command_line():
    assert criterion_named("largest-weight") is CRITERIA["largest_weight"] is TOY
    assert criteria_of(["largest-weight", "mean_output"]) == {
        "largest_weight": TOY,
        "mean_output": LOOKING,
    }
    assert "largest_weight" in criteria_of(None)
    assert "mean_output" not in criteria_of(None)
    assert criteria_of(["all"]) == dict(CRITERIA)
    with pytest.raises(ValueError, match="no criterion 'largest': did you mean 'largest-weight'"):
        criteria_of(["largest"])
    with pytest.raises(ValueError, match=r"one of: .*fpgm.*largest-weight, mean-output"):
        criteria_of(["meanoutput"])


def test_tables_of_removals_have_it():
    table = removal_table(MODEL, "fc1", {"test": split()}, streams=Streams(0), repeats=1)
    assert "largest_weight" in table["criterion"].to_pylist()
    assert "mean_output" not in table["criterion"].to_pylist()


def test_reports_have_its_words():
    summary = {
        "quantity": "accuracy",
        "answers": 1,
        "run": {"examples": "images"},
        "settings": {"loss": 0.01, "cluster": 0.9},
        "layers": {"fc1": {"removal": removal("largest_weight")}, "fc2": {"removal": None}},
        "joint": {"together": None},
        "curvature": None,
    }
    page = glossary(summary)
    assert "<dt>Largest weight</dt><dd>The largest {absolute} weight of a unit.</dd>" in page
    assert "Frame potential" not in page  # it is not on this page
    assert wording.CRITERIA["largest_weight"].first == TOY.first


def test_tickets_and_pruning_while_training_know_it():
    assert {"largest_weight", "mean_output"} <= set(unit_score_names())
    for name in ("largest_weight", "mean_output"):
        config = TicketConfig(levels=1, rate=0.5, granularity="unit", score=name)
        structure = Structure.of(MODEL)
        evidence = Evidence(MODEL, split=split(), structure=structure)
        kept = select(config, Places(MODEL, structure, "unit"), evidence, 1, within=None)
        scores = CRITERIA[name].scores(Evidence(MODEL, split=split()))["fc1"]
        assert set(kept["fc1"].nonzero().flatten().tolist()) == set(scores.topk(3).indices.tolist())
        pruning = Pruning(moments=at_step(1, 0.5), granularity="unit", score=name)
        assert pruning.in_key(MODEL)["score"] == name
