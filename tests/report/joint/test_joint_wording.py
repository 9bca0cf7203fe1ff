"""What is said of the network as a whole follows its numbers and claims no more."""

import re
from html import unescape

import pytest

from surfeit.report.findings import headline
from surfeit.report.joint import joint_section, joint_sentences
from surfeit.report.joint.wording import size

SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def joint(summary):
    found = {
        "costs": {
            "whole": {"parameters": 2000, "multiply_adds": 1900, "bytes": 8000},
            "lower": {"parameters": 1500, "multiply_adds": 1425, "bytes": 6000},
            "estimate": {"parameters": 1400, "multiply_adds": 1330, "bytes": 5600},
        },
        "unknown": None,
        "left_out": None,
        "together": {
            "units": 20,
            "layers": {
                "fc1": {"units": 12, "lower": 4, "estimate": 5},
                "fc2": {"units": 8, "lower": 0, "estimate": 0},
            },
            "estimate": 5,
            "bounds": {
                "lower": 4,
                "refuted": 9,
                "loss": 0.01,
                "confidence": 0.95,
                "examples": 400,
            },
            "why_no_bounds": None,
            "test": {"before": 0.97, "after": 0.96, "change": -0.01, "lower": -0.02, "upper": 0.0}
            | {"images": 400},
            "as_many": {
                "removed": 4,
                "after": 0.965,
                "random": {"mean": 0.8, "sd": 0.05, "repeats": 3},
            },
        },
    }
    summary["joint"] = found
    return found


def test_the_network_is_bounded_and_what_is_left_is_said(summary, joint):
    text = joint_sentences(summary)
    assert text == (
        "Of all these layers together at least 4 of 20 units can go for at most a point of "
        f"accuracy; 9 in the same proportions cannot (95{SPACE}% confidence, 400 test images). "
        f"Without those 4, 1,500 of 2,000 parameters (75{SPACE}%), 75{SPACE}% of 1,900 "
        f"multiply-adds for one image and 6{SPACE}kB of 8{SPACE}kB are left. Accuracy on the test "
        f"images is 96.5{SPACE}% with 4 removed together, 80.0 ± 5.0{SPACE}% with as many of each "
        "layer at random."
    )
    assert headline(summary).endswith(text)


def test_a_path_that_nothing_refuted_has_no_upper_bound(summary, joint):
    joint["together"]["bounds"]["refuted"] = None
    assert "accuracy (95" in joint_sentences(summary)


def test_what_was_not_shown_together_is_not_claimed(summary, joint):
    joint["together"]["bounds"] |= {"lower": 0, "examples": 360}
    text = joint_sentences(summary)
    assert text.startswith("It was not shown that units of all these layers together can go")
    assert "cannot show it: even with none of" in text
    assert "about 5 of 20 by an estimate from the validation images" in text
    assert "Without those 5, 1,400 of 2,000 parameters" in text


def test_without_bounds_it_is_an_estimate(summary, joint):
    joint["together"] |= {"bounds": None, "why_no_bounds": "bounds are given of accuracies alone"}
    text = joint_sentences(summary)
    assert "about 5 of 20 units can go for at most a point of accuracy, an estimate" in text
    assert "bounds are given of accuracies alone." in text


def test_what_is_left_is_called_unknown_where_it_is(summary, joint):
    joint["costs"] |= {"lower": None, "estimate": None}
    joint["unknown"] = "units of a recurrent layer read themselves"
    assert (
        "What is left of the weights then is not known: units of a recurrent layer read themselves."
    ) in joint_sentences(summary)


def test_a_single_layer_says_what_is_left_without_its_own_bound(summary, joint):
    summary["layers"].pop("fc2")
    joint["together"] = None
    assert joint_sentences(summary).startswith("Without those 6, 1,500 of 2,000 parameters")
    summary["layers"]["fc1"]["removal"]["bounds"]["lower"] = 0
    assert joint_sentences(summary).startswith("Without those 7, 1,400 of 2,000 parameters")


def test_several_layers_that_were_not_measured_together_say_nothing(summary, joint):
    joint["together"] = None
    assert joint_sentences(summary) == ""


@pytest.mark.parametrize(
    ("count", "text"), [(512, "512 bytes"), (1_066_440, "1.07 MB"), (6000, "6 kB"), (3e9, "3 GB")]
)
def test_sizes_in_words(count, text):
    assert size(int(count)) == text.replace(" ", SPACE)


def _plain(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_the_strip_has_a_line_for_each_layer_that_leads_to_its_curves(summary, joint):
    strip = joint_section(summary).split('class="strip"')[1].split("<table")[0]
    for place, name in enumerate(summary["layers"]):
        assert f'<a href="#removal-{place}">{name}</a>' in strip
    # fc1: 6 of 12 shown, up to 8 possible, an estimate of 7.
    first = strip.split('role="listitem"')[1]
    assert 'class="shown" style="width:50.0%"' in first
    assert 'class="open" style="left:50.0%;width:16.7%"' in first
    assert 'class="mark" style="left:58.3%"' in first
    together = strip.split('role="listitem"')[3]
    assert 'class="shown" style="width:20.0%"' in together
    assert "at least 4 and fewer than 9 of 20 units" in together


def test_a_layer_without_removals_keeps_its_line(summary, joint):
    summary["layers"]["fc2"] |= {"removal": None, "not_removed": "they mix"}
    assert "no units were removed" in joint_section(summary)


def test_what_is_left_stands_beside_the_whole(summary, joint):
    text = _plain(joint_section(summary))
    assert "Without 4 units, at least Without 5, the estimate" in text
    assert "Parameters 2,000 1,500 75 % 1,400 70 %" in text
    assert "96.5 % at random: 80.0 ± 5.0 %" in text
    assert "−1.0 points; 95 % interval −2.0 to 0.0" in text


def test_what_is_not_known_of_the_costs_is_called_so(summary, joint):
    joint["costs"] |= {"lower": None, "estimate": None}
    joint["unknown"] = "units of a recurrent layer read themselves"
    text = _plain(joint_section(summary))
    assert "Parameters 2,000 not known not known" in text
    assert "What is left of the weights is not known: units of a recurrent" in text


def test_why_layers_were_not_removed_together_is_said(summary, joint):
    joint |= {"together": None, "left_out": "on 100 images it would take too long"}
    text = _plain(joint_section(summary))
    assert "Units of all layers were not removed together: on 100 images it would take" in text
    assert "Whole network" in text
