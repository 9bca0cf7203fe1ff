"""The parts of the page that show figures: the learning curve, and each topic."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pyarrow as pa

from surfeit.report import html, words
from surfeit.report.accepted import chosen
from surfeit.report.live import Live
from surfeit.report.panels import Drawing, panelled
from surfeit.report.topics import Topic
from surfeit.store import file_name
from surfeit.tables.tables import where

Numbers = Mapping[str, Any]
OPEN_LAYERS = 3  # further layers' figures are there to be opened


def learning_section(
    summary: Numbers, figures: Mapping[str, Drawing], columns: Sequence[str]
) -> str:
    """The learning curve, or that there is none.

    Args:
        summary, figures: as `surfeit.report.page.render` takes them.
        columns: of the table "learning".
    """
    if "learning" not in figures:
        body = html.paragraph("The run has no metrics of a split, so there is no learning curve.")
    else:
        label = _learning_label(summary)
        drawing = panelled(figures["learning"], prefix="learning-d", label=label)
        body = html.figure(drawing, _learning_caption(summary, columns)) + file_links("learning")
    return html.section("learning", "Learning curve", body)


def _learning_caption(summary: Numbers, columns: Sequence[str]) -> str:
    """What has to be known of the splits that were measured while it was trained."""
    splits, noun = {name.partition("_")[0] for name in columns}, words.examples(summary)
    worse = "above" if words.quantity(summary).name == "accuracy" else "behind"
    said = {
        "train": "Train is measured along the epoch, while the weights still change, so it can lie "
        f"{worse} the others.",
        "test": f"The test {noun} were measured and never used.",
    }
    # A loop of the user's own says itself how it measures.
    if summary["run"]["recorded"]:
        return "As the training loop recorded it."
    return " ".join(text for split, text in said.items() if split in splits)


def _learning_label(summary: Numbers) -> str:
    worth = words.quantity(summary)
    what = {"loss": "Loss", "accuracy": "Error and loss"}.get(worth.name, f"{worth.words} and loss")
    return f"{what} against the epoch, for train, validation and test {words.examples(summary)}"


def topic_section(
    topic: Topic,
    summary: Numbers,
    figures: Mapping[str, Drawing],
    tables: Mapping[str, pa.Table],
    live: Live,
    choices: Mapping[str, Any] | None,
) -> str:
    """A topic, a layer at a time.

    Args:
        topic: what is shown.
        summary, figures, tables, live: as `surfeit.report.page.render` takes them.
        choices: the accepted losses to choose from; see `losses_to_choose`.
    """
    topic = topic.read_by(words.quantity(summary))
    blocks = []
    for place, name in enumerate(summary["layers"]):
        drawing = figures.get(f"{topic.name}-{name}")
        body = html.paragraph(topic.missing)
        if drawing is not None:
            label = f"{topic.title}: layer {words.layer_name(name)}"
            still = panelled(drawing, prefix=f"{topic.name}-{place}-d", label=label)
            body = _figure(topic, name, place, still, live)
            if topic.name == "removal" and choices is not None:
                body = chosen(body, place, choices)
            body += file_links(file_name(topic.name, name))
        body += topic.table(name, summary, tables)
        body = "".join(html.paragraph(text) for text in _notes(tables, topic, name)) + body
        anchor = f"{topic.name}-{place}"
        if place < OPEN_LAYERS:
            blocks.append(f'<h3 id="{anchor}">{escape(words.layer_name(name))}</h3>\n{body}')
        else:
            blocks.append(html.details(words.layer_name(name), body, anchor=anchor))
    introduction = html.paragraph(topic.introduction)
    if topic.live and live.missing:
        introduction += html.paragraph(live.missing)
    return html.section(topic.name, topic.title, introduction + "\n".join(blocks))


def file_links(figure: str) -> str:
    """Links to a figure's files."""
    links = " ".join(
        html.file_link(f"figures/{figure}.{kind}", kind.upper()) for kind in ("svg", "png", "pdf")
    )
    return f'<p class="parts">This figure: {links}</p>'


def _figure(topic: Topic, name: str, place: int, still: str, live: Live) -> str:
    shown = words.layer_name(name)
    caption = f"{shown}: {topic.caption}"
    if not topic.live or name not in live.bundles:
        note = live.notes.get(name) if topic.live else None
        return html.figure(still, f"{caption} {note}" if note else caption)
    captions = (f"{shown}: {topic.live}", caption)
    return html.live_figure(data_of(place), live.state(name), still, captions=captions)


def _notes(tables: Mapping[str, pa.Table], topic: Topic, name: str) -> list[str]:
    return where(tables["notes"], topic=topic.name, layer=name)["text"].to_pylist()


def data_of(place: int) -> str:
    """The identifier of the element that holds a layer's graph, by the layer's place."""
    return f"graph-{place}-data"
