"""A topic is one value in the catalog: tables, summary, page and figures take it whole."""

import json
import re
from dataclasses import replace
from html import unescape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from matplotlib.figure import Figure

from surfeit.core import Split, Streams
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.report import ReportConfig, html, words, write_report
from surfeit.report.curvature import SCHEMAS as CURVATURE
from surfeit.report.findings import headline, layer_findings
from surfeit.report.glossary import glossary
from surfeit.report.joint import SCHEMAS as JOINT
from surfeit.report.measure import measure
from surfeit.report.schema import schemas, table
from surfeit.report.summary import layer_numbers
from surfeit.report.topics import TOPICS, Column, Entry, Topic, catalog
from surfeit.report.words import Finding
from surfeit.train import Recorder
from surfeit.viewer.assets import BuildError

CONFIG = ReportConfig(repeats=2, ranks=(1, 2))
ITS_OWN = ("removal", "graph", "spectrum", "rank")


def _measure(subject, config):
    if subject.name == "fc2":
        raise ValueError("it is the second")
    share = float((subject.weight > 0).double().mean())
    return {"signs": [{"layer": subject.name, "positive": share}]}


def _numbers(here, quantity):
    shares = here["signs"]["positive"].to_pylist()
    return {"signs": shares[0] if shares else None}


def _findings(name, summary):
    share = summary["layers"][name]["signs"]
    return [] if share is None else [Finding(f"{words.percent(share)} are positive.", "A toy.")]


def _figure(here, reference):
    if here["signs"].num_rows == 0:
        return None
    figure = Figure()
    figure.subplots().bar(["positive"], here["signs"]["positive"].to_pylist())
    return figure


def _table(name, summary, tables):
    return html.table(f"Signs of {name}", ("What", "Share"), [["positive", "some"]])


SIGNS = Topic(
    name="signs",
    short="Signs",
    title="The signs of weights",
    introduction="How many weights are positive.",
    caption="the share of positive weights.",
    missing="There are no signs of this layer.",
    schemas={"signs": pa.schema([("layer", pa.string()), ("positive", pa.float64())])},
    measure=_measure,
    numbers=_numbers,
    findings=_findings,
    figure=_figure,
    table=_table,
    headline=lambda summary: "Signs were counted.",
    columns=(
        Column(
            heading="Positive & {quantity}",
            cell=lambda layer, worth: "–" if layer["signs"] is None else f"{layer['signs']:.3f}",
            term="positive",
        ),
    ),
    legend="A sign is counted {repeats} times.",
    glossary=lambda summary: [
        Entry(word="Positive", meaning="Above zero on {examples}."),
        Entry(word="Rank", meaning="A place in an order.", as_a="sign"),
    ],
    settings=lambda summary: [("Signs counted", "all")],
    layer_columns=(pa.field("weights", pa.int64()),),
    of_layer=lambda subject, config: {"weights": subject.weight.numel()},
)


@pytest.fixture(autouse=True)
def added(monkeypatch):
    def missing():
        raise BuildError("not built")

    monkeypatch.setattr("surfeit.report.live.viewer_script", missing)
    monkeypatch.setitem(catalog._ENTRIES, SIGNS.name, SIGNS)


@pytest.fixture
def alone(added):
    """No other topic is left; afterwards they are there again, in their order."""
    every = dict(catalog._ENTRIES)
    for name in ITS_OWN:
        del catalog._ENTRIES[name]
    yield
    catalog._ENTRIES.clear()
    catalog._ENTRIES.update(every)


def _split(count):
    generator = Streams(1).get("images")
    images = torch.randn(count, 1, 3, 3, generator=generator)
    return Split(images, torch.randint(0, 3, (count,), generator=generator))


@pytest.fixture(scope="module")
def dataset():
    return from_tensors("toy", train=_split(40), validation=_split(30), test=_split(20))


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    model = mlp((6, 5), input_shape=(1, 3, 3), classes=3, generator=Streams(0).get("init"))
    recorder = Recorder(model, tmp_path_factory.mktemp("run") / "run", data=dataset)
    with torch.no_grad():
        model.fc1.weight.abs_()
    recorder.record(1, train_loss=0.5)
    return recorder.finish()


def _plain(page):
    page = re.sub(r"</?dfn[^>]*>", "", page)
    return unescape(re.sub(r"<[^>]+>", " ", page))


def test_the_reports_own_topics_stand_in_the_order_of_the_page():
    assert list(TOPICS) == [*ITS_OWN, "signs"]
    assert [topic.name for topic in catalog.answering_first()] == [
        "removal",
        "graph",
        "rank",
        "signs",
        "spectrum",
    ]


def test_its_tables_notes_and_progress_stand_beside_the_others(run, dataset):
    told = []
    tables = measure(run, dataset, CONFIG, progress=lambda *stage: told.append(stage))
    assert tables["signs"].to_pylist() == [{"layer": "fc1", "positive": 1.0}]
    assert tables["layers"]["weights"].to_pylist() == [54, 30]
    assert tables["ranks"].num_rows > 0
    assert tables["notes"].to_pylist() == [
        {
            "topic": "signs",
            "layer": "fc2",
            "text": "Left out for fc2: it is the second.",
            "reason": "it is the second",
        }
    ]
    assert told[:6] == [("measuring fc1", done, 5) for done in range(6)]


def test_a_report_of_it_alone_is_whole(run, dataset, tmp_path, alone):
    page = write_report(run, dataset, tmp_path, CONFIG).read_text()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {name: layer["signs"] for name, layer in summary["layers"].items()} == {
        "fc1": 1.0,
        "fc2": None,
    }
    assert pq.read_table(tmp_path / "tables" / "signs.parquet").num_rows == 1
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {
        f"{name}.parquet"
        for name in ("layers", "dense", "choices", "notes", "signs", "learning", *JOINT, *CURVATURE)
    }
    assert (tmp_path / "figures" / "signs-fc1.svg").exists()
    assert not (tmp_path / "figures" / "signs-fc2.svg").exists()
    assert (
        '<a href="#signs" class="term" aria-description="How many weights are positive.">' in page
    )
    assert '<section id="signs"><h2>The signs of weights</h2>' in page
    plain = _plain(page)
    for text in (
        "Signs were counted.",
        "100.0\N{NO-BREAK SPACE}% are positive.  A toy.",
        "Positive & accuracy",
        "1.000",
        "A sign is counted 2 times. What “positive” means stands under",
        "fc1: the share of positive weights.",
        "There are no signs of this layer.",
        "Left out for fc2: it is the second.",
        "Signs of fc1",
        "Above zero on images.",
        "Signs counted",
    ):
        assert text in plain, text
    assert "Marchenko" not in plain


def test_findings_and_headlines_stand_in_their_order(summary):
    for layer in summary["layers"].values():
        layer["signs"] = 0.5
    answers = [finding.answer for finding in layer_findings("fc1", summary)]
    at = answers.index("50.0\N{NO-BREAK SPACE}% are positive.")
    assert answers[at - 1].startswith("A rank of 4")
    assert answers[at + 1].startswith("3 of 12 eigenvalues")
    assert headline(summary).endswith(" Signs were counted.")


@pytest.fixture
def tables(tables):
    """The planted ones, from before there were signs."""
    empty = table("signs", [])
    return {**tables, "signs": empty}


def test_a_word_in_a_role_stands_behind_what_it_means_at_all(summary):
    assert (
        "<dt>Rank</dt><dd>The number of independent directions in a matrix. As a sign: a place in "
        "an order.</dd>"
    ) in glossary(summary)


def test_what_would_overwrite_anothers_is_refused(monkeypatch, tables):
    taken = replace(SIGNS, schemas={"ranks": SIGNS.schemas["signs"]})
    monkeypatch.setitem(catalog._ENTRIES, "signs", taken)
    with pytest.raises(ValueError, match="topic 'signs' has a table 'ranks', which is there alr"):
        schemas()
    taken = replace(SIGNS, layer_columns=(pa.field("units", pa.int64()),))
    monkeypatch.setitem(catalog._ENTRIES, "signs", taken)
    with pytest.raises(ValueError, match=r"several columns called \['units'\]"):
        schemas()
    taken = replace(SIGNS, numbers=lambda here, quantity: {"rank": 1, "new": 2})
    monkeypatch.setitem(catalog._ENTRIES, "signs", taken)
    with pytest.raises(ValueError, match=r"topic 'signs' gives numbers .*: \['rank'\]"):
        layer_numbers(tables, "fc1", words.QUANTITIES["accuracy"])


def test_a_column_that_the_table_has_not_is_refused():
    with pytest.raises(ValueError, match=r"'signs' has no columns \['negative'\], only \['layer'"):
        table("signs", [{"layer": "fc1", "negative": 0.5}])


def test_its_name_is_an_identifier():
    with pytest.raises(ValueError, match="a topic's name must be an identifier, got 'a-b'"):
        replace(SIGNS, name="a-b")
