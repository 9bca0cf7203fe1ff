"""Words that have a meaning show it where they stand, and nothing else of the page changes."""

import re

from surfeit.report.glossary import meanings_of
from surfeit.report.terms import marked

MEANINGS = {"frame potential": "Of directions.", "raw frame potential": "Of “vectors” & lengths."}


def _asked(html):
    return re.findall(
        r'<dfn class="term" tabindex="0" aria-description="([^"]*)">([^<]*)</dfn>', html
    )


def test_the_longer_word_is_not_taken_for_the_shorter_one():
    html = marked("<p>By raw frame potential, or by Frame potentials.</p>", MEANINGS)
    assert _asked(html) == [
        ("Of “vectors” &amp; lengths.", "raw frame potential"),
        ("Of directions.", "Frame potentials"),
    ]


def test_each_word_is_marked_once_in_every_part():
    text = "<h2>frame potential</h2><p>frame potential, frame potential</p><ul><li>frame potential"
    assert len(_asked(marked(text + "</li></ul>", MEANINGS))) == 3


def test_controls_drawings_and_attributes_are_left_alone():
    whole = (
        '<a href="#x">frame potential</a><svg><text>frame potential</text></svg>'
        '<td data-label="frame potential"></td>'
        "<details><summary>frame potential</summary></details>"
        "<code>frame potential</code><dl><dt>frame potential</dt></dl>"
    )
    assert marked(whole, MEANINGS) == whole
    assert len(_asked(marked(whole + "<p>frame potential</p>", MEANINGS))) == 1


def test_parts_of_words_are_no_words():
    for text in ("reframe potential", "frame potentiality", "non-frame potential"):
        assert marked(f"<p>{text}</p>", MEANINGS) == f"<p>{text}</p>"


def test_a_space_that_breaks_no_line_is_a_space():
    html = marked("<p>its 95\N{NO-BREAK SPACE}% interval</p>", {"95 % interval": "Covers."})
    assert _asked(html) == [("Covers.", "95\N{NO-BREAK SPACE}% interval")]


def test_nothing_to_explain_changes_nothing():
    assert marked("<p>frame potential</p>", {}) == "<p>frame potential</p>"


def test_meanings_tell_the_two_frame_potentials_apart(summary):
    meanings = meanings_of(summary)
    plain, raw = meanings["frame potential"], meanings["raw frame potential"]
    assert "whatever the lengths" in plain
    assert "long ones count more" in raw
    assert {"noise", "spike", "rank", "can go", "a point"} <= set(meanings)
    assert not {"unit", "layer", "point"} & set(meanings), "they would be marked in every line"
