"""An accepted loss to choose on the page: the answer for each, from tables that were measured."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from surfeit.prune import Bounds, CanGo, can_go_briefly, can_go_sentence
from surfeit.report import words
from surfeit.report.joint.section import fewer_words

Numbers = Mapping[str, Any]
DATA = "accepted-data"
TOGETHER = "together"


def losses_to_choose(summary: Numbers) -> dict[str, Any] | None:
    """What the page's script needs: the losses, their words, and each one's answers.

    Args:
        summary: as `summarise` gives it.

    Returns:
        `losses`, `prices`, `own` (the place of the report's own loss), and `answers`: by a layer's
        place on the page, or "together", one for each loss. None where nothing can be chosen.
    """
    losses = sorted({row["loss"] for rows in _rows(summary).values() for row in rows})
    own = summary["settings"]["loss"]
    if len(losses) < 2 or own not in losses:
        return None
    worth = words.quantity(summary)
    return {
        "losses": losses,
        "prices": [worth.price(loss) for loss in losses],
        "own": losses.index(own),
        "answers": {
            name: [_answer(name, row, summary) for row in sorted(rows, key=lambda row: row["loss"])]
            for name, rows in _rows(summary).items()
        },
    }


def _rows(summary: Numbers) -> dict[str, list[Numbers]]:
    """The answers for each loss, by a layer's place or "together"."""
    found = {
        str(place): layer["removal"]["accepted"]
        for place, layer in enumerate(summary["layers"].values())
        if layer.get("removal") is not None
    }
    together = summary["joint"]["together"]
    return found if together is None else found | {TOGETHER: together["accepted"]}


def _answer(name: str, row: Numbers, summary: Numbers) -> dict[str, Any]:
    bounded = row["lower"] is not None
    units = row["units"]
    found = {
        "units": units,
        "estimate": row["estimate"],
        "criterion": (row["criterion"] or "").replace("_", " "),
        "bounded": bounded,
        "lower": row["lower"] if bounded else 0,
        "upper": row["upper"] if bounded else units,
    }
    if name == TOGETHER:
        return found | {"brief": fewer_words(row, units), "text": ""}
    answer = CanGo(
        units=units,
        criterion=row["criterion"],
        estimate=row["estimate"],
        bounds=_bounds(row) if bounded else None,
        why_no_bounds=row["why_no_bounds"],
    )
    whose = words.layer_name(list(summary["layers"])[int(name)])
    text = can_go_sentence(
        answer,
        whose=whose,
        price=words.quantity(summary).price(row["loss"]),
        noun=words.examples(summary),
    )
    return found | {"brief": can_go_briefly(answer), "text": f"{text[0].upper()}{text[1:]}."}


def _bounds(row: Numbers) -> Bounds:
    names = ("lower", "upper", "loss", "confidence", "examples")
    return Bounds(**{name: row[name] for name in names})


def data_block(choices: Mapping[str, Any]) -> str:
    """The answers as an element that is read and never run."""
    text = json.dumps(choices, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{DATA}">{text}</script>'


def slider(choices: Mapping[str, Any], *, of: str = "") -> str:
    """A control for the accepted loss, which shows itself where the script runs.

    Args:
        choices: as `losses_to_choose` gives them.
        of: whose answer stands beside it; none by default.
    """
    own, last = choices["own"], len(choices["losses"]) - 1
    price = escape(choices["prices"][own])
    answer = f'<strong data-answer="{of}"></strong>' if of else ""
    return (
        '<p class="accepted" hidden><label>Accepted loss '
        f'<input type="range" min="0" max="{last}" step="1" value="{own}" '
        f'aria-valuetext="{price}"></label> <output>{price}</output>{answer}</p>'
    )


def chosen(figure: str, place: int, choices: Mapping[str, Any]) -> str:
    """A layer's figure of removals with the control, whose choice is marked in it."""
    if str(place) not in choices["answers"]:
        return figure
    control = slider(choices, of=str(place))
    return f'<div data-removal="{place}">{control}\n{figure}</div>'
