"""The part of the page on the network as a whole: what is left, and a strip of its layers."""

from collections.abc import Mapping
from html import escape
from typing import Any

from surfeit.prune import can_go_briefly
from surfeit.report import html, words
from surfeit.report.joint.wording import removed_alone, size
from surfeit.report.topics.removal.wording import answer_of

Numbers = Mapping[str, Any]


def joint_section(summary: Numbers) -> str:
    """The body of the section; it needs what `summarise` gives."""
    parts = [html.paragraph(_introduction(summary)), _strip(summary), _costs(summary)]
    return "\n".join(filter(None, parts))


def _introduction(summary: Numbers) -> str:
    joint, several = summary["joint"], len(summary["layers"]) > 1
    text = (
        "Below, of each layer the share of its units that can go while all others stay: full up "
        "to what was shown, pale up to what is still possible; the mark is the estimate from the "
        "validation curve."
    )
    if joint["together"] is not None:
        text += " Together units of all layers go at once, in proportion to those estimates."
    elif several and joint["left_out"]:
        text += f" Units of all layers were not removed together: {joint['left_out']}."
    return text


def _strip(summary: Numbers) -> str:
    """A line for each layer, which leads to its curves, and one for all together."""
    rows = []
    if not any("removal" in layer for layer in summary["layers"].values()):
        return ""
    for place, (name, layer) in enumerate(summary["layers"].items()):
        link = f'<a href="#removal-{place}">{escape(words.layer_name(name))}</a>'
        rows.append(_layer_row(link, layer["removal"], str(place)))
    together = summary["joint"]["together"]
    if together is not None:
        rows.append(_together_row(together))
    return f'<div class="strip" role="list">{"".join(rows)}</div>'


def _layer_row(link: str, removal: Numbers | None, place: str) -> str:
    if removal is None:
        return _row(link, '<span class="scale"></span>', "no units were removed")
    bounds, units = removal["bounds"], removal["units"]
    ends = (0, units) if bounds is None else (bounds["lower"], bounds["upper"])
    said = can_go_briefly(answer_of(removal))
    return _row(link, scale(ends, removal["estimate"], units, of=place), said)


def _together_row(together: Numbers) -> str:
    bounds, units = together["bounds"], together["units"]
    row = {"lower": None, "estimate": together["estimate"]}
    if bounds is not None:
        refuted = bounds["refuted"]
        row |= {"lower": bounds["lower"], "upper": units if refuted is None else refuted - 1}
    ends = (0, units) if bounds is None else (row["lower"], row["upper"])
    bar = scale(ends, together["estimate"], units, of="together")
    return _row("<b>together</b>", bar, fewer_words(row, units))


def fewer_words(row: Numbers, units: int) -> str:
    """How many units of all layers can go together, briefly.

    Between two steps of the path nothing is known, so that the upper bound is no "at most".

    Args:
        row: `lower` (None where there are no bounds), `upper` and `estimate`.
        units: of all layers.
    """
    if row["lower"] is None:
        return f"about {row['estimate']} of {units} units, an estimate"
    parts = [f"at least {row['lower']}"] * (row["lower"] > 0)
    parts += [f"fewer than {row['upper'] + 1}"] * (row["upper"] < units)
    return f"{' and '.join(parts) or 'nothing was shown'} of {units} units"


def _row(name: str, bar: str, said: str) -> str:
    return f'<div role="listitem">{name}{bar}<span>{escape(said)}</span></div>'


def scale(ends: tuple[int, int], estimate: int, units: int, *, of: str) -> str:
    """A bar for the interval of a count, with a mark at its estimate; words stand beside it.

    Args:
        ends, estimate: counts.
        units: the whole.
        of: by which the page's script finds it.
    """
    lower, upper, mark = (100 * count / max(units, 1) for count in (*ends, estimate))
    return (
        f'<span class="scale" data-bar="{of}" aria-hidden="true">'
        f'<i class="shown" style="width:{lower:.1f}%"></i>'
        f'<i class="open" style="left:{lower:.1f}%;width:{upper - lower:.1f}%"></i>'
        f'<i class="mark" style="left:{mark:.1f}%"></i></span>'
    )


def _costs(summary: Numbers) -> str:
    """What the network takes, whole and without the units that can go."""
    costs, counts = summary["joint"]["costs"], _counts(summary)
    shown = [of for of in ("lower", "estimate") if counts.get(of)]
    worth, noun = words.quantity(summary), words.examples(summary).removesuffix("s")
    titles = {"lower": "Without {} units, at least", "estimate": "Without {}, the estimate"}
    head = ["", "Whole network", *(titles[of].format(counts[of]) for of in shown)]
    whole = costs["whole"]
    if whole is None:
        return ""
    rows = [
        ["Parameters", f"{whole['parameters']:,}"],
        [f"Multiply-adds, one {noun}", f"{whole['multiply_adds']:,}"],
        ["Size of the parameters", size(whole["bytes"])],
    ]
    for row, name in zip(rows, ("parameters", "multiply_adds", "bytes"), strict=True):
        row += [_part(costs[of], whole, name) for of in shown]
    dense = words.dense(summary)["test"]
    worths = [f"Test {worth.words}", worth.amount(dense["estimate"])]
    rows.append([*worths, *(_worth(summary, of) for of in shown)])
    unknown = summary["joint"]["unknown"]
    table = html.table("What is left of the network", head, rows, stacked=True)
    if unknown is None or not shown:
        return table
    return table + html.paragraph(f"What is left of the weights is not known: {unknown}.")


def _part(left: Numbers | None, whole: Numbers, name: str) -> str:
    if left is None:
        return "not known"
    count = size(left[name]) if name == "bytes" else f"{left[name]:,}"
    share = words.percent(left[name] / max(whole[name], 1), 0)
    return f"<span>{count}<small>{share}</small></span>"


def _counts(summary: Numbers) -> dict[str, int]:
    """How many units are gone at the bound and at the estimate."""
    source = summary["joint"]["together"] or removed_alone(summary)
    if source is None:
        return {}
    bounds = source["bounds"]
    return {"lower": 0 if bounds is None else bounds["lower"], "estimate": source["estimate"]}


def _worth(summary: Numbers, of: str) -> str:
    worth, source = words.quantity(summary), summary["joint"]["together"] or removed_alone(summary)
    assert source is not None
    if of == "lower":
        many = source["as_many"]
        random = words.amount_and_spread(many["random"], worth)
        return f"<span>{worth.amount(many['after'])}<small>at random: {random}</small></span>"
    test = source["test"]
    return f"<span>{worth.amount(test['after'])}<small>{worth.change_words(test)}</small></span>"
