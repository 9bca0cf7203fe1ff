"""The scoreboard: each claim with what was found, the largest budget first, "not run" where not."""

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from surfeit.lab import Claim, Verdict, run_study, study_named
from surfeit.lab.markdown import as_markdown
from surfeit.lab.page import as_page
from surfeit.lab.scoreboard import NOT_RUN, best, in_order, scoreboard

from .files import TINY


@pytest.fixture
def found(mine, lab):
    """A study with its result."""
    path = mine(*TINY)
    return study_named(path), run_study(path, lab=lab)


def of_budget(result, budget, ruling="supported", **changes):
    verdict = Verdict(
        claim="M1", ruling=ruling, effect=2.0, lower=1.0, upper=3.0, n=4, unit="points"
    )
    return replace(result, budget=budget, verdicts=(verdict,), **changes)


def test_what_was_not_run_says_so_and_how_to_run_it(found):
    study, _ = found
    (line,) = scoreboard([study], [])
    assert (line.ruling, line.ours, line.size) == (NOT_RUN, "", "")
    assert line.command == "surfeit study mine --budget laptop"


def test_the_largest_budget_comes_first_and_all_are_there(found):
    study, result = found
    results = [of_budget(result, budget) for budget in ("laptop", "quick", "paper")]
    lines = scoreboard([study], results)
    assert [line.size for line in lines] == ["paper, n = 4", "laptop, n = 4", "quick, n = 4"]
    assert [line.size for line in best(lines)] == ["paper, n = 4"]


def test_within_a_budget_todays_version_comes_first_then_replicates_then_the_newest(found):
    study, result = found
    old = of_budget(result, "quick", digest="0", created="2030")
    few = of_budget(result, "quick", created="2031")
    few = replace(few, verdicts=(replace(few.verdicts[0], n=2),))
    many, new = (of_budget(result, "quick", created=year) for year in ("2020", "2021"))
    lines = scoreboard([study], [old, few, many, new])
    assert [line.result for line in lines] == [new, many, few, old]
    assert lines[-1].ruling == "supported, by an earlier version of the study"
    assert lines[0].ruling == "supported"


def test_a_users_own_studies_come_after_the_librarys(found):
    study, result = found
    library = replace(study, name="other", claims=(Claim(id="Z1", says="It is so."),))
    lines = scoreboard([library], [result])
    assert [(line.study, line.claim.id) for line in lines] == [("other", "Z1"), ("mine", "M1")]
    assert lines[1].verdict == result.verdicts[0]


def test_a_claim_that_is_gone_is_not_shown(found):
    study, result = found
    study = replace(study, claims=(Claim(id="M2", says="It is so."),))
    assert [(line.claim.id, line.ruling) for line in scoreboard([study], [result])] == [
        ("M2", NOT_RUN)
    ]


def test_studies_are_in_the_order_of_their_claims(found):
    study, _ = found
    ids = ("B10", "D6b", "B2", "D6a", "A1")
    studies = [replace(study, name=name, claims=(Claim(id=name, says="."),)) for name in ids]
    lines = scoreboard(studies, [])
    assert [line.claim.id for line in lines] == ["A1", "B2", "B10", "D6a", "D6b"]
    assert sorted(ids, key=in_order) == ["A1", "B2", "B10", "D6a", "D6b"]


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"published": "98 %", "source": "A 2019"}, "98 % (A 2019)"),
        ({"published": "98 %"}, "98 %"),
        ({"source": "A 2019"}, "A 2019"),
        ({"figure": 0.25, "source": "A 2019"}, "0.25 (A 2019)"),
        ({}, ""),
    ],
)
def test_published_figures_stand_with_their_source(found, claim, words):
    study = replace(found[0], claims=(Claim(id="M1", says=".", **claim),))
    assert scoreboard([study], [])[0].published == words


def test_markdown_has_a_row_a_claim_and_the_command(found):
    study, result = found
    text = as_markdown(scoreboard([study], [result]))
    (row,) = [line for line in text.splitlines() if "M1" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "**M1** Weight decay shortens the weights."
    assert cells[3] == result.verdicts[0].ruling
    assert cells[4] == "quick, n = 3"
    assert cells[5] == f"`{result.runs[0][:12]}`, `{result.runs[1][:12]}` and 4 more"
    assert result.command in text
    assert str(result.folder) not in text


HOSTILE = "</code><script>alert(1)</script> | `x` [a](javascript:b) \x1b[2J\n| new"


def test_hostile_words_stay_in_their_cell(found):
    _, result = found
    claim = Claim(id="M1", says=HOSTILE, published=HOSTILE, source=HOSTILE)
    result = replace(result, claims=(claim,), command=HOSTILE, runs=(HOSTILE,), study=HOSTILE)
    text = as_markdown(scoreboard([], [result]))
    (row,) = [line for line in text.splitlines() if "M1" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 7
    assert "<script>" not in re.sub(r"`[^`]*`", "", text).replace("\\<", "")
    assert "\x1b" not in text


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.images, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attributes))

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_holds_each_figure_and_the_command_that_gives_it_again(found):
    study, result = found
    page = _Page(as_page(scoreboard([study], [result])))
    (image,) = page.images
    kind, _, data = image["src"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b64decode(data) == result.file("figure.svg")
    assert image["alt"].startswith("mine: Does weight decay")
    words = " ".join(page.words)
    assert result.command in words
    assert result.verdicts[0].effect_in_words() in words


def test_the_page_asks_for_nothing_elsewhere_and_runs_nothing(found):
    study, result = found
    claim = Claim(id="M1", says=HOSTILE, published=HOSTILE, source=HOSTILE)
    hostile = replace(
        result, study=HOSTILE, question=HOSTILE, command=HOSTILE, claims=(claim,), source=HOSTILE
    )
    text = as_page(scoreboard([study], [result, hostile]))
    page = _Page(text)
    assert "script" not in page.tags
    assert not {"link", "iframe", "object"} & set(page.tags)
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "default-src 'none'" in text


def test_the_page_says_what_was_not_run(found):
    study, _ = found
    words = " ".join(_Page(as_page(scoreboard([study], []))).words)
    assert "not run" in words
    assert "surfeit study mine --budget laptop" in words


def test_the_page_begins_with_the_claims_by_verdict_and_budget(found):
    study, result = found
    claims = tuple(Claim(id=name, says=".") for name in ("M1", "M2", "M3"))
    study = replace(study, claims=claims)
    laptop = of_budget(result, "laptop", "contradicted", digest="0")
    second = replace(laptop.verdicts[0], claim="M2")
    laptop = replace(laptop, verdicts=(*laptop.verdicts, second))
    text = as_page(scoreboard([study], [of_budget(result, "quick"), laptop]))
    (entry,) = re.findall("<li>.*?</li>", text)
    assert entry.endswith("</a><br>contradicted (laptop): M1, M2; not run: M3</li>")


def test_each_result_stands_under_the_claim_that_it_judged(found):
    """A file that was turned round judges another sentence under the same id."""
    study, result = found
    turned = replace(
        result,
        digest="0",
        created="2999-01-01T00:00:00+00:00",
        claims=(Claim(id="M1", says="It lengthens."),),
    )
    lines = scoreboard([], [result, turned])
    assert {line.claim.says: line.earlier for line in lines} == {
        study.claims[0].says: True,
        "It lengthens.": False,
    }
