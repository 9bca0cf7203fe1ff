"""What the tables say is what the summary says, and the words follow the numbers."""

import json
from dataclasses import replace

import pyarrow.compute as pc
import pytest

from surfeit.report import findings, words
from surfeit.report.schema import table
from surfeit.report.summary import summarise
from surfeit.tables import wilson_interval

from .conftest import can_go


def test_summary_reads_what_was_planted(summary):
    fc1 = summary["layers"]["fc1"]
    assert fc1["removal"]["estimate"] == 7
    assert fc1["removal"]["bounds"] == {
        "lower": 6,
        "upper": 8,
        "loss": 0.01,
        "confidence": 0.95,
        "examples": 400,
    }
    assert fc1["removal"]["criterion"] == "magnitude"
    assert fc1["removal"]["share"] == pytest.approx(6 / 12)
    assert fc1["removal"]["by_criterion"] == {
        "magnitude": 7,
        "frame_potential": 5,
        "inner_product": 4,
        "raw_frame_potential": 2,
    }
    assert fc1["removal"]["random"] == {"mean": 2.0, "sd": 1.0, "repeats": 3}
    assert fc1["movement"] == {"hardly_moved": 4, "share": pytest.approx(1 / 3)}
    final = {"isolated": 6, "largest_component": 6, "clusters": 1, "in_clusters": 3}
    assert fc1["graph"]["final"] == final
    assert fc1["graph"]["initial"]["isolated"] == 12
    assert fc1["spectrum"]["initial"]["spikes"] == 0
    assert fc1["spectrum"]["final"]["spikes"] == 3
    assert (fc1["rank"]["weights"]["rank"], fc1["rank"]["weights"]["full"]) == (4, 8)
    assert fc1["rank"]["update"]["rank"] == 2
    assert fc1["rank"]["weights"]["share_of_norm"] == pytest.approx(0.5**0.5)


def test_random_on_test_is_read_where_as_many_units_are_gone(summary, tables, provenance, config):
    # After 6 removals the three orders, good for 3, 1 and 2 units, have lost 3, 5 and 4 tenths.
    many = summary["layers"]["fc1"]["removal"]["as_many"]
    assert (many["removed"], many["after"]) == (6, pytest.approx(0.97))
    assert many["random"]["mean"] == pytest.approx(0.97 - 0.4)
    assert many["random"]["sd"] == pytest.approx(0.1)
    tables["can_go"] = can_go(lower=0)  # nothing was shown: as many as the estimate
    many = summarise(tables, provenance, config)["layers"]["fc1"]["removal"]["as_many"]
    assert (many["removed"], many["random"]["mean"]) == (7, pytest.approx(0.97 - 0.5))


def test_equal_values_are_no_certainty(summary):
    worth = words.quantity(summary)
    equal = {"mean": 0.975, "sd": 0.0, "repeats": 5}
    assert words.plus_minus({**equal, "mean": 12.0}) == "12 (5 equal)"
    assert words.amount_and_spread(equal, worth) == "97.5\N{NO-BREAK SPACE}% (5 equal)"
    assert words.amount_and_spread({**equal, "sd": 0.01}, worth) == "97.5 ± 1.0\N{NO-BREAK SPACE}%"


def test_a_spread_that_is_rounded_away_is_not_called_nothing(summary):
    worth = words.quantity(summary)
    narrow = {"mean": 0.975, "sd": 0.0004, "repeats": 5}
    text = words.amount_and_spread(narrow, worth)
    assert text == "97.5 ± less than 0.1\N{NO-BREAK SPACE}%"
    assert words.amount_and_spread({**narrow, "sd": 0.0005}, worth).startswith("97.5 ± 0.1")
    assert words.plus_minus({"mean": 12.2, "sd": 0.4, "repeats": 5}) == "12 ± less than 1"


def test_accuracy_has_wilsons_interval(summary):
    interval = wilson_interval(388, 400)
    assert summary["accuracy"]["test"] == {
        "estimate": 0.97,
        "lower": interval.lower,
        "upper": interval.upper,
        "images": 400,
    }


def test_summary_is_plain_json(summary):
    assert json.loads(json.dumps(summary, allow_nan=False))["layers"]["fc2"]["units"] == 8


TEST = "95\N{NO-BREAK SPACE}% confidence"


def test_headline_bounds_what_can_go_of_every_layer_beside_as_many_at_random(summary):
    assert findings.headline(summary) == (
        "What can go one layer at a time, for at most a point of accuracy: at least 6 and at most "
        f"8 of 12 units of fc1; none of 8 units of fc2 ({TEST} for each, 400 test images). "
        "Accuracy on the test images is 97.0\N{NO-BREAK SPACE}% with 6 units of fc1 removed, "
        "57.0 ± 10.0\N{NO-BREAK SPACE}% with as many at random."
    )


def _bounded(layer, lower, upper):
    removal = layer["removal"]
    return {
        **layer,
        "removal": {**removal, "bounds": {**removal["bounds"], "lower": lower, "upper": upper}},
    }


def test_headline_of_many_layers_names_those_of_which_most_was_shown(summary):
    layer = summary["layers"].pop("fc1")
    del summary["layers"]["fc2"]
    bounds = [(0, 4), (5, 8), (0, 0), (2, 12), (7, 9), (0, 12), (4, 4)]
    summary["layers"] = {f"l{at}": _bounded(layer, *pair) for at, pair in enumerate(bounds)}
    assert findings.headline(summary).startswith(
        "What can go one layer at a time, for at most a point of accuracy: at least 5 and at most "
        "8 of 12 units of l1; at least 7 and at most 9 of 12 units of l4; 4 of 12 units of l6; "
        "smaller shares of 1 other layer; no unit of 1 other layer; nothing was shown of 2 other "
        f"layers ({TEST} for each, 400 test images). Accuracy on the test images is"
    )


def test_headline_of_many_layers_of_which_nothing_was_shown_names_none(summary):
    layer = summary["layers"].pop("fc1")
    summary["layers"] = {f"l{at}": _bounded(layer, 0, 9) for at in range(5)}
    assert findings.headline(summary).startswith(
        "What can go one layer at a time, for at most a point of accuracy: nothing was shown of 5 "
        f"layers ({TEST} for each, 400 test images)."
    )


def test_headline_of_one_layer_is_one_claim_with_its_confidence(summary):
    summary["layers"].pop("fc2")
    assert findings.headline(summary).startswith(
        "At least 6 of 12 units of fc1 can go for at most a point of accuracy; more than 8 cannot, "
        f"removed by magnitude ({TEST}, 400 test images). Accuracy on the test images is"
    )


def test_no_estimate_is_said_to_go(summary):
    texts = [findings.headline(summary)]
    for name in summary["layers"]:
        texts += [f"{f.answer} {f.evidence}" for f in findings.layer_findings(name, summary)]
    assert not any("7 of 12 units of fc1 can go" in text for text in texts)
    assert any("lets 7 go, an estimate; in random order 2 ± 1." in text for text in texts)


def test_a_layer_without_slack_is_called_so(summary):
    found = findings.layer_findings("fc2", summary)
    assert found[0].answer == (
        f"None of 8 units of fc2 can go for at most a point of accuracy ({TEST}, 400 test images)."
    )
    assert any(finding.answer.startswith("No cluster") for finding in found)


def test_what_was_not_shown_is_not_claimed(summary):
    bounds = {"lower": 0, "upper": 12, "examples": 360}
    summary["layers"]["fc1"]["removal"]["bounds"] |= bounds
    text = findings.headline(summary)
    assert "nothing was shown of 12 units of fc1" in text
    assert "Where nothing was shown, so few images cannot show it: even with none of 360" in text
    summary["layers"].pop("fc2")
    text = findings.headline(summary)
    assert text.startswith("It was not shown that any unit of fc1 can go for at most a point")
    assert "with none of 360 lost, a loss of 1.02 points would remain possible" in text


def test_without_bounds_a_headline_says_that_it_is_an_estimate(summary):
    summary["layers"]["fc1"]["removal"] |= {"bounds": None, "why_no_bounds": "it is so"}
    assert "about 7 of 12 units of fc1, an estimate" in findings.headline(summary)
    summary["layers"].pop("fc2")
    assert findings.headline(summary).startswith(
        "About 7 of 12 units of fc1 can go for at most a point of accuracy, an estimate from the "
        "validation images: it is so."
    )


def _not_removed(summary, **reasons):
    for name, reason in reasons.items():
        summary["layers"][name] |= {"removal": None, "not_removed": reason}


def test_headline_says_why_no_units_were_removed(summary):
    _not_removed(summary, fc1="it cannot be followed", fc2="it cannot be followed")
    why = "No units were removed from any layer: it cannot be followed."
    assert findings.headline(summary) == why
    assert findings.layer_findings("fc2", summary)[0].evidence == "It cannot be followed."
    _not_removed(summary, fc2="it has only one unit")
    assert findings.headline(summary) == (
        "No units were removed from fc1: it cannot be followed; from fc2: it has only one unit."
    )


def test_headline_says_of_which_layers_the_units_were_not_removed(summary):
    _not_removed(summary, fc1="a softmax mixes them")
    assert findings.headline(summary) == (
        "None of 8 units of fc2 can go for at most a point of accuracy "
        f"({TEST}, 400 test images). No units were removed from fc1: a softmax mixes them."
    )


def test_headline_of_units_that_can_go_names_the_layers_left_out(summary):
    _not_removed(summary, fc2="a softmax mixes them")
    text = findings.headline(summary)
    assert text.startswith("At least 6 of 12 units of fc1 can go")
    assert text.endswith(" No units were removed from fc2: a softmax mixes them.")


def test_headline_of_many_reasons_stays_short(summary):
    layer = summary["layers"].pop("fc2")
    layer |= {"removal": None}
    summary["layers"] = {f"l{i}": {**layer, "not_removed": f"reason {i}"} for i in range(5)}
    text = findings.headline(summary)
    assert "from l2: reason 2; nor from 2 other layers, as the parts below say." in text


def test_units_removed_with_another_layers_are_not_called_left_out(summary):
    summary["layers"]["fc1"]["removal"]["group"] = ["fc1", "fc2"]
    _not_removed(summary, fc2="its units go together with those of 'fc1', and were removed there")
    summary["layers"]["fc2"]["group"] = ["fc1", "fc2"]
    assert "No units were removed" not in findings.headline(summary)


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [
        (-0.009, 0.002, "on new images too the loss is under a point"),
        (-0.03, -0.011, "on new images the loss is larger than a point"),
        (-0.03, 0.002, "too few images to say"),
    ],
)
def test_verdict_follows_the_interval(summary, lower, upper, verdict):
    summary["layers"]["fc1"]["removal"]["test"] |= {"lower": lower, "upper": upper}
    assert verdict in findings.layer_findings("fc1", summary)[0].evidence


def test_a_criterion_no_better_than_chance_is_called_so(summary):
    clear = findings.layer_findings("fc1", summary)[0].evidence
    summary["layers"]["fc1"]["removal"]["random"] |= {"mean": 6.5}
    level = findings.layer_findings("fc1", summary)[0].evidence
    assert "no criterion is clearly better" not in clear
    assert "no criterion is clearly better" in level


def test_few_validation_images_are_called_so(summary):
    text = words.caution(summary)
    assert "180 validation images, of which a point is 1.8" in text
    assert "uncertain" in text
    summary["accuracy"]["validation"]["images"] = 5000
    assert "uncertain" not in words.caution(summary)


def test_spikes_above_what_is_no_noise_are_called_descriptions(summary):
    summary["layers"]["fc1"]["spectrum"]["final"]["fits"] = False
    found = findings.layer_findings("fc1", summary)
    spikes = next(finding for finding in found if "eigenvalues" in finding.answer)
    assert "a description, not a test" in spikes.evidence


def test_spikes_of_pruned_layers_are_called_descriptions(summary):
    summary["layers"]["fc1"]["spectrum"]["final"] |= {"fits": True, "pruned": True}
    found = findings.layer_findings("fc1", summary)
    spikes = next(finding for finding in found if "eigenvalues" in finding.answer)
    assert "pruned, so that this is a description, not a test" in spikes.evidence


def test_images_left_out_are_named(summary):
    summary["layers"]["fc1"]["images"] = {"validation": 100, "test": 200}
    last = findings.layer_findings("fc1", summary)[-1]
    assert "100 validation and 200 test images" in last.answer
    assert "180 and 400" in last.evidence


def test_without_initial_weights_what_compares_with_them_is_missing(tables, provenance, config):
    for name in ("units", "edges", "eigenvalues", "bulk", "density"):
        tables[name] = tables[name].filter(pc.field("stage") == "final")
    rows = [{**row, "hardly_moved": None} for row in tables["units"].to_pylist()]
    tables["units"] = table("units", rows)
    tables["ranks"] = tables["ranks"].filter(pc.field("of") == "weights")
    tables["choices"] = tables["choices"].filter(pc.field("what") != "update")
    fc1 = summarise(tables, provenance, config)["layers"]["fc1"]
    assert fc1["movement"] is None
    assert fc1["rank"]["update"] is None
    assert fc1["spectrum"]["initial"] is None
    assert fc1["graph"]["initial"] is None


def test_another_loss_is_said_in_points(tables, provenance, config):
    summary = summarise(tables, provenance, replace(config, loss=0.02))
    assert "at most 2 points of accuracy" in findings.headline(summary)


def test_numbers_become_percent_and_points():
    assert words.percent(0.9712) == f"97.1{words.SPACE}%"
    assert words.points(-0.0123) == "−1.2"
    assert words.points(0.004) == "+0.4"
    assert words.points(-0.0001) == "0.0"
    assert words.points(0.017, signed=False) == "1.7"
