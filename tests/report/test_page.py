"""The page stands alone, names everything, and says what the summary says."""

import base64
import gzip
import hashlib
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from surfeit.report import findings, html, words
from surfeit.report.live import Live
from surfeit.report.page import render
from surfeit.report.provenance import provenance_block, typed_command

NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture
def page(summary, figures, tables):
    return render(summary, figures, tables)


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.starts, self.unlabelled = [], [], [], 0

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.starts.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(page):
    parser = Outline()
    parser.feed(page)
    return parser


def test_page_asks_for_nothing(page):
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert addresses <= NAMESPACES
    for tag, values in outline(page).starts:
        assert tag not in {"link", "iframe", "img", "object"}
        for name in ("src", "href", "xlink:href", "srcset"):
            beside = ("summary.json", "tables/", "figures/") if tag == "a" else ()
            assert values.get(name, "#").startswith(("#", "data:", *beside))
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    assert "@import" not in page


def test_unit_lists_tables_figures_and_summary_are_linked(page, tables):
    linked = {values["href"] for tag, values in outline(page).starts if tag == "a"}
    assert {"summary.json", *(f"tables/{name}.parquet" for name in tables)} <= linked
    for kind in ("svg", "png", "pdf"):
        names = ("learning", "removal-fc1", "graph-fc2", "spectrum-fc1", "rank-fc2")
        assert {f"figures/{name}.{kind}" for name in names} <= linked
    units = _plain(page.split("<summary>Which units can go</summary>")[1].split("</details>")[0])
    assert "Shown (6): 11, 10, 9, 8, 7, 6" in units, "the first first"
    assert "Further ones by the estimate (1): 5" in units
    assert page.count("<summary>Which units can go</summary>") == 1, "none of fc2 can"


def test_page_is_well_formed_and_every_reference_has_its_target(page):
    found = outline(page)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids)), "drawings must not share identifiers"
    used = re.findall(r"(?:href=\"#|url\(#)([^\")]+)", page)
    assert set(used) <= set(found.ids)


def test_page_can_be_read_without_eyes_and_on_a_small_screen(page):
    starts = outline(page).starts
    assert ("html", {"lang": "en"}) in starts
    assert any(values.get("name") == "viewport" for _, values in starts)
    svgs = [values for tag, values in starts if tag == "svg"]
    drawn = [values for values in svgs if "aria-hidden" not in values]
    assert len(drawn) == 2 + 2 * (3 + 2 + 2 + 2), "each panel is a drawing"
    assert all(values["role"] == "img" and values["aria-label"] for values in drawn)
    tables = sum(tag == "table" for tag, _ in starts)
    assert tables == sum(tag == "caption" for tag, _ in starts) > 0
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_page_names_every_layer_in_every_part(page, summary):
    parts = re.split(r"<section ", page)
    for name in summary["layers"]:
        for part in parts:
            if part.startswith(tuple(f'id="{topic}"' for topic in ("removal", "graph", "rank"))):
                assert re.search(rf"<h3 id=[^>]*>{name}</h3>", part)


def test_page_says_the_summarys_numbers(page, summary):
    plain = unescape(re.sub(r"<[^>]+>", "", page))
    fc1 = summary["layers"]["fc1"]
    removal, rank = fc1["removal"], fc1["rank"]["weights"]
    bounds = removal["bounds"]
    for text in (
        findings.headline(summary),
        words.caution(summary),
        f"at least {bounds['lower']} and at most {bounds['upper']} of 12 units",
        f"lets {removal['estimate']} go, an estimate",
        words.percent(removal["test"]["before"]),
        words.percent(removal["test"]["after"]),
        words.plus_minus(removal["random"]),
        f"{rank['rank']} of {rank['full']}",
        f"{fc1['spectrum']['final']['spikes']} of {fc1['spectrum']['final']['eigenvalues']}",
        summary["run"]["key"],
        summary["run"]["fingerprint"],
        summary["run"]["command"],
    ):
        assert text in plain


def test_page_changes_with_the_summary(page, summary, figures, tables):
    summary["layers"]["fc1"]["removal"]["bounds"]["upper"] = 11
    assert "11 of 12" in render(summary, figures, tables)
    assert "11 of 12" not in page


def _plain(page):
    return unescape(re.sub(r"<[^>]+>", "", page))


def test_an_unfinished_run_is_called_so_on_top(page, summary, figures, tables):
    assert "not finished" not in page
    assert "To get it again" in page
    summary["run"] |= {"status": "interrupted", "steps": 240}
    page = render(summary, figures, tables)
    assert "its weights at step 240 of 480" in page
    assert page.index("not finished") < page.index('class="lead"')
    assert "To get it again" not in page


def test_settings_are_said_in_words(page, summary, figures, tables):
    plain = _plain(page)
    for text in ("all but the output layer", "each layer its own", "1,000,000,000,000"):
        assert text in plain
    summary["settings"] |= {"layers": ("fc1", "fc2"), "link": 0.5}
    named = _plain(render(summary, figures, tables))
    assert "fc1, fc2" in named
    for page in (plain, named):
        assert "None" not in page.split("Set before the measurement")[1].split("What the words")[0]


def test_the_glance_says_what_its_signs_and_words_mean(page):
    cards = page.split('class="cards"')[1].split('class="note"')[0]
    assert "± is the standard deviation of 3 random orders" in cards
    assert 'href="#words"' in cards
    plain = _plain(page)
    assert "the initial weights Z stay as they were" in plain
    assert "It differs from layer to layer" in plain


def test_figures_shrink_and_links_wrap_on_a_small_screen(page):
    rules = dict(re.findall(r"^\s*([.\w ]+?) \{([^}]*)\}", page.split("</style>")[0], re.MULTILINE))
    assert "width: 100%" in rules[".sheet svg"]
    assert "height: auto" in rules[".sheet svg"]
    assert "min-width" not in rules[".sheet svg"]
    assert "flex-wrap: wrap" in page.split("</style>")[0]


def test_the_spectrums_table_says_what_a_spike_must_pass(page):
    plain = _plain(page)
    assert "A spike must pass" in plain
    assert "passes the dashed line of the figure" in plain


def test_page_without_figures_says_that_they_are_missing(summary, tables):
    page = render(summary, {}, tables)
    assert "<svg" not in page
    assert "there is no learning curve" in page
    assert page.count("There is no spectrum of this layer.") == 2


def test_page_shows_why_a_part_was_left_out(summary, figures, tables):
    note = {"topic": "removal", "layer": "fc2", "text": "Left out for fc2: it is <odd>."}
    tables["notes"] = type(tables["notes"]).from_pylist([note], schema=tables["notes"].schema)
    assert "Left out for fc2: it is &lt;odd&gt;." in render(summary, figures, tables)


def test_page_says_when_the_initial_weights_are_missing(summary, figures, tables):
    summary["run"]["first_snapshot"] = 40
    assert "no snapshot of its initial weights" in render(summary, figures, tables)


def test_further_layers_are_there_to_be_opened(summary, figures, tables, monkeypatch):
    monkeypatch.setattr("surfeit.report.sections.OPEN_LAYERS", 1)
    page = render(summary, figures, tables)
    assert len(re.findall('<details id="[a-z]+-1"><summary>fc2</summary>', page)) == 4
    assert "<details><summary>fc1</summary>" not in page


def test_names_from_outside_are_escaped(summary, figures, tables):
    summary["run"] |= {"model": "<script>alert(1)</script>", "command": "train '<b>'"}
    page = render(summary, figures, tables)
    assert "<script>alert" not in page
    assert "<b>'" not in page


def test_inline_svg_keeps_two_drawings_apart():
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "http://www.w3.org/x.dtd">'
        '<svg width="10pt" height="5pt" viewBox="0 0 10 5"><defs><path id="a"/></defs>'
        '<use xlink:href="#a" height="1"/><g clip-path="url(#a)"/></svg>'
    )
    drawn = html.inline_svg(svg, prefix="p1", label='a "b"')
    assert drawn.startswith('<svg role="img" aria-label="a &quot;b&quot;" viewBox=')
    assert 'id="p1-a"' in drawn
    assert 'xlink:href="#p1-a" height="1"' in drawn
    assert "url(#p1-a)" in drawn
    assert "dtd" not in drawn


VIEWER = 'export const mount = () => "</script>";'


@pytest.fixture
def live_page(summary, figures, tables):
    live = Live(
        viewer=VIEWER,
        bundles={"fc1": b"all of fc1"},
        notes={"fc2": "A still picture of fc2: it is <large>."},
        cut=0.25,
    )
    return render(summary, figures, tables, live)


def _graphs(page):
    return page.split('<section id="graph">')[1].split("</section>")[0]


def test_a_live_graph_has_its_data_its_first_view_and_the_still_picture(live_page):
    graphs = _graphs(live_page)
    (mount,) = [
        values for tag, values in outline(live_page).starts if values.get("class") == "surfeit"
    ]
    assert mount["data-home"] == "bundle"
    assert mount["data-address"] == "off"
    assert mount["data-state"] == "#v=1&layer=fc1&cut=0.25"
    data = re.search(rf'id="{mount["data-bundle"]}">([^<]*)</script>', live_page)
    assert gzip.decompress(base64.b64decode(data[1])) == b"all of fc1"
    assert graphs.count('<div class="panel">') == 4, (
        "the still pictures stay: for paper and without script"
    )
    assert "it is &lt;large&gt;." in graphs


def test_a_live_page_holds_one_viewer_and_lets_nothing_else_run_or_reach_out(live_page):
    assert live_page.count('<script type="module">') == 1
    assert "\\x3c/script>" in live_page
    viewer, own = (
        live_page.split(start)[1].split("</script>")[0]
        for start in ('<script type="module">', "<script>")
    )
    assert f"script-src '{_sum(viewer)}' '{_sum(own)}';" in live_page
    assert "default-src 'none'" in live_page
    found = outline(live_page)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))


def test_on_paper_the_still_picture_takes_the_live_graphs_place(live_page):
    style = live_page.split("</style>")[0]
    screen, paper = style.split("@media print")
    assert ".surfeit[data-mounted] ~ .sheet" in screen
    assert re.search(r"\.surfeit, [^}]*display: none", paper)
    assert re.search(r"\.surfeit\[data-mounted\] ~ \.sheet \{ display: block", paper)


def _sum(script):
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def test_a_page_without_viewer_runs_its_own_script_alone(summary, figures, tables):
    page = render(summary, figures, tables, Live(missing="They do not move: build <it>."))
    assert "They do not move: build &lt;it&gt;." in _graphs(page)
    (own,) = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    assert f"script-src '{_sum(own)}';" in page
    assert re.findall("<script ([^>]*)>", page) == ['type="application/json" id="accepted-data"']


def test_rows_of_wide_tables_become_cards_on_a_small_screen(page):
    for topic in ("graph", "spectrum"):
        part = page.split(f'<section id="{topic}">')[1].split("</section>")[0]
        assert part.count('<div class="wide cards"><table>') == part.count("<table>") == 2
    ranks = page.split('<section id="rank">')[1].split("</section>")[0]
    assert '<div class="wide"><table>' in ranks


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ("/opt/bin/surfeit demo --data digits", "surfeit demo --data digits"),
        ("/opt/lib/surfeit/__main__.py demo", "python -m surfeit demo"),
        ("train 'unclosed", "train 'unclosed"),
        (None, None),
    ],
)
def test_the_command_is_said_as_it_is_typed(given, typed):
    assert typed_command(given) == typed


def test_epochs_are_rounded(summary):
    summary["run"]["epochs"] = 3.27154
    assert "480 steps (3.27 epochs)" in provenance_block(summary)
