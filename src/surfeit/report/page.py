"""The page: an answer on top, then what it rests on, as one file that asks for nothing."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

import pyarrow as pa

from surfeit.report import findings, html, words
from surfeit.report.accepted import data_block, losses_to_choose, slider
from surfeit.report.curvature import ABOUT, NAME, curvature_section
from surfeit.report.glossary import glossary, meanings_of
from surfeit.report.joint import joint_section
from surfeit.report.live import STILL, Live
from surfeit.report.panels import Drawing
from surfeit.report.provenance import provenance_block
from surfeit.report.sections import data_of, file_links, learning_section, topic_section
from surfeit.report.terms import marked
from surfeit.report.topics import TOPICS, answering_first
from surfeit.viewer.embed import data_script, module_script, plain_script, policy

Numbers = Mapping[str, Any]
_BEGIN = (("network", "Network"), ("findings", "Findings"), ("learning", "Learning"))
_ENDS = (("provenance", "Provenance"), ("words", "Words"))
_ABOUT = {
    "network": "How much of all layers can go together, and what is left of the network then.",
    "findings": "What was found, a layer at a time.",
    "learning": "Error and loss while the network was trained.",
    NAME: ABOUT,
    "provenance": "The run, its data and settings, and the files beside this page.",
    "words": "All words of this page that have a meaning of their own.",
}


def render(
    summary: Numbers,
    figures: Mapping[str, Drawing],
    tables: Mapping[str, pa.Table],
    live: Live = STILL,
) -> str:
    """The report as one HTML document that can reach no address.

    Args:
        summary: as `summarise` gives it; every number on the page is one of it or of the tables.
        figures: by name: "learning", "curvature", and each topic's name followed by "-LAYER"; what
            is not there is left out, with a sentence where it is missed.
        tables: the report's tables.
        live: the graphs that move; by default none does.
    """
    run = summary["run"]
    choices, meanings = losses_to_choose(summary), meanings_of(summary)
    parts = [
        _top(summary, meanings),
        html.section("network", "The network", _network(summary, choices)),
        _found(summary),
        learning_section(summary, figures, tables["learning"].column_names),
        *(
            topic_section(topic, summary, figures, tables, live, choices)
            for topic in TOPICS.values()
        ),
        curvature_section(summary, figures.get(NAME), file_links(NAME), words.examples(summary)),
        html.section(
            "provenance", "Where this comes from", provenance_block(summary, list(tables))
        ),
        html.section("words", "What the words mean", glossary(summary)),
    ]
    parts = [parts[0], *(marked(part, meanings) for part in parts[1:])]
    style, script = (
        (files("surfeit.report") / f"page.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    title = f"Redundancy of {run['model']} on {run['data']}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{policy(live.viewer, scripts=[script])}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</main>\n"
        + (data_block(choices) if choices else "")
        + f"{plain_script(script)}\n{_scripts(summary, live)}</body>\n</html>\n"
    )


def _network(summary: Numbers, choices: Mapping[str, Any] | None) -> str:
    return (slider(choices) if choices else "") + joint_section(summary)


def _scripts(summary: Numbers, live: Live) -> str:
    """The data of each graph that moves, and one viewer for all."""
    if live.viewer is None:
        return ""
    names = [(place, name) for place, name in enumerate(summary["layers"]) if name in live.bundles]
    data = [data_script(data_of(place), live.bundles[name]) for place, name in names]
    return "\n".join([*data, module_script(live.viewer), ""])


def _top(summary: Numbers, meanings: Mapping[str, str]) -> str:
    run, warning = summary["run"], words.unfinished(summary)
    whole = words.whole_network(summary)
    trained = f"Run {run['key'][:12]}: {run['steps']:,} steps of training; {whole}."
    links = "".join(
        f'<a href="#{name}"{_told(name)}>{escape(text)}</a>'
        for name, text in [
            *_BEGIN,
            *((topic.name, topic.short) for topic in TOPICS.values()),
            *([] if summary[NAME] is None else [(NAME, "Curvature")]),
            *_ENDS,
        ]
    )
    lead = "".join(
        f'<span class="{kind}">{escape(text)}</span> '
        for kind, text in zip(("first", "more"), findings.answers(summary), strict=True)
        if text
    )
    return (
        f"<header><h1>How redundant is {escape(run['model'])} on {escape(run['data'])}?</h1>\n"
        f'<p class="soft">{escape(trained)}</p></header>\n<main>\n'
        + (f'<p class="note" role="note"><b>{escape(warning)}</b></p>\n' if warning else "")
        + marked(f'<p class="lead">{lead.strip()}</p>\n', meanings)
        + f'<p class="note">{escape(words.caution(summary))}</p>\n'
        f'<nav aria-label="Parts of the report">{links}</nav>'
    )


def _told(name: str) -> str:
    """What a part is about, for those who point at its link."""
    about = _ABOUT.get(name) or TOPICS[name].about
    about = about or TOPICS[name].introduction.partition(". ")[0].rstrip(".") + "."
    return f' class="term" aria-description="{escape(about)}"'


def _found(summary: Numbers) -> str:
    """What was found: at a glance, then a layer at a time."""
    layers = "\n".join(
        _findings(place, name, summary) for place, name in enumerate(summary["layers"])
    )
    body = f'<div class="cards">{_overview(summary)}</div>\n{layers}'
    return html.section("findings", "What was found", body)


def _findings(place: int, name: str, summary: Numbers) -> str:
    layer = summary["layers"][name]
    items = "".join(
        f"<li><b>{escape(finding.answer)}</b> {escape(finding.evidence)}</li>"
        for finding in findings.layer_findings(name, summary)
    )
    about = f"{layer['kind']}, {layer['units']:,} units of {layer['inputs']:,} weights"
    shown = escape(words.layer_name(name))
    links = " ".join(
        f'<a href="#{topic.name}-{place}">{escape(topic.short)}</a>' for topic in TOPICS.values()
    )
    return (
        f'<h3 id="found-{place}">{shown} <span class="soft">({about})</span></h3>\n'
        f'<ul>{items}</ul>\n<p class="parts">{links}</p>'
    )


def _overview(summary: Numbers) -> str:
    worth = words.quantity(summary)
    loss = worth.allowance(summary["settings"]["loss"])
    columns = [column for topic in answering_first() for column in topic.columns]
    head = [column.heading.format(loss=loss, quantity=worth.words) for column in columns]
    rows = [
        [_link(place, name), *(column.cell(layer, worth) for column in columns)]
        for place, (name, layer) in enumerate(summary["layers"].items())
    ]
    table = html.table("At a glance, one layer at a time", ("Layer", *head), rows)
    return table + _below_overview(summary, [column.term for column in columns if column.term])


def _link(place: int, name: str) -> str:
    return f'<a href="#found-{place}">{escape(words.layer_name(name))}</a>'


def _below_overview(summary: Numbers, terms: Sequence[str]) -> str:
    """What the numbers at a glance are, and where their words are explained."""
    legends = [topic.legend.format(**summary["settings"]) for topic in answering_first()]
    text = " ".join(escape(legend) for legend in legends if legend)
    if terms:
        named, verb = words.listed([f"“{term}”" for term in terms]), "mean" + "s" * (len(terms) < 2)
        text += f' What {escape(named)} {verb} stands under <a href="#words">Words</a>.'
    return f'<p class="soft">{text.strip()}</p>'
