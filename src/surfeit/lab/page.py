"""The scoreboard as a page: every claim with its figure and the command that gives it again.

The page needs nothing from elsewhere. Figures are images within it, in which no script runs.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from itertools import groupby

from surfeit.lab.results import Result
from surfeit.lab.scoreboard import NOT_RUN, Line, best

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 58rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin-bottom: .2rem; }
p.source, figcaption, .runs { color: #595959; font-size: .875rem; }
code { font: .875em/1.4 ui-monospace, monospace; background: #f4f4f4; padding: .1em .3em;
  overflow-wrap: anywhere; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .1rem .8rem; margin: .2rem 0 1rem; }
dt { color: #595959; } dd { margin: 0; overflow-wrap: anywhere; }
.supported { color: #006b4a; } .contradicted { color: #a33c00; }
.inconclusive, .not-run { color: #595959; } .ruling { font-weight: 600; }
nav ul { columns: 18rem; column-gap: 2rem; padding-left: 0; list-style: none; }
nav li { break-inside: avoid; padding-bottom: .5rem; overflow-wrap: anywhere; }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; } dt { margin-top: .3rem; } }
@media (max-width: 32rem) { figure { overflow-x: auto; }
  figure img { max-width: none; width: 34rem; } }
"""

_INTRODUCTION = (
    "What the literature says of redundancy in neural networks, and what was found here: the "
    "effect with its interval over seeds, and whether it supports or contradicts the claim. A "
    "verdict holds for its budget; quick is a check that a study works, and no evidence."
)


def as_page(lines: Sequence[Line]) -> str:
    """The page as HTML.

    Raises:
        StoreError: if a figure is not what was written.
    """
    groups = [(name, list(own)) for name, own in groupby(lines, key=lambda line: line.study)]
    links = "".join(
        f'<li><a href="#{escape(name)}">{escape(name)}</a><br>{escape(_summary(own))}</li>'
        for name, own in groups
    )
    body = "\n".join(_section(name, own) for name, own in groups)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>Claims</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Claims</h1>\n<p>{escape(_INTRODUCTION)}</p>\n<nav><ul>{links}</ul></nav>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _summary(lines: Sequence[Line]) -> str:
    """Each claim's verdict by its best budget, claims of one verdict together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for line in best(lines):
        ruling = NOT_RUN if line.verdict is None else line.verdict.ruling
        budget = "" if line.result is None else f" ({line.result.budget})"
        groups.setdefault((ruling, budget), []).append(line.claim.id)
    return "; ".join(f"{ruling}{at}: {', '.join(ids)}" for (ruling, at), ids in groups.items())


def _section(name: str, lines: Sequence[Line]) -> str:
    results = {line.result.key: line.result for line in lines if line.result is not None}
    figures = "\n".join(_figure(result) for result in results.values())
    if not results:
        figures = f"<p>Run it: <code>{escape(lines[0].command)}</code></p>"
    claims = "\n".join(
        _claim(list(own)) for _, own in groupby(lines, key=lambda line: line.claim.id)
    )
    source = next((result.source for result in results.values()), "")
    said = f'<p class="source">{escape(source)}</p>' if source else ""
    return (
        f'<section id="{escape(name)}"><h2>{escape(name)}</h2>\n'
        f"<p>{escape(lines[0].question)}</p>{said}\n{claims}\n{figures}</section>"
    )


def _figure(result: Result) -> str:
    drawn = b64encode(result.file("figure.svg")).decode()
    caption = f"{result.budget} budget, {len(result.runs)} runs, {result.created[:10]}"
    others = "".join(
        f"<p>Not as published, {escape(name)}: {escape(why)}.</p>"
        for name, why in result.substitutes.items()
    )
    return others + (
        f'<figure><img src="data:image/svg+xml;base64,{drawn}" '
        f'alt="{escape(f"{result.study}: {result.question}")}">\n'
        f"<figcaption>{escape(caption)}. Again: <code>{escape(result.command)}</code>"
        "</figcaption></figure>"
    )


def _claim(lines: Sequence[Line]) -> str:
    claim = lines[0].claim
    rows = [("published", escape(lines[0].published))] if lines[0].published else []
    for line in lines:
        kind = "not-run" if line.verdict is None else line.verdict.ruling
        ruling = f'<span class="ruling {kind}">{escape(line.ruling)}</span>'
        if line.verdict is None or line.result is None:
            rows.append(("verdict", ruling if line.ruling == NOT_RUN else ""))
            continue
        said = f" {escape(line.verdict.sentence())}".rstrip()
        keys = ", ".join(key[:12] for key in line.result.runs)
        runs = f'<details class="runs"><summary>runs</summary><code>{escape(keys)}</code></details>'
        rows.append((line.size, f"{ruling}: {escape(line.ours)}.{said}{runs}"))
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows)
    return f"<h3>{escape(claim.id)}: {escape(claim.says)}</h3>\n<dl>{cells}</dl>"
