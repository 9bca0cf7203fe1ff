"""What the words on the page mean, in a line each."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from surfeit.report import words
from surfeit.report.curvature import curvature_entries
from surfeit.report.joint import joint_entries
from surfeit.report.topics import answering_first

_BEFORE = {
    "Unit": "A neuron, or a filter of a convolution.",
    "Weight vector": "A unit's incoming weights: a row of the layer's weight matrix W.",
    "Layer": (
        "A part of the network with weights of its own, such as a fully connected layer or a "
        "convolution, by its name in the network."
    ),
    "Point": "A hundredth of accuracy: from 97 % to 96 % is one point.",
}
_SAID: Mapping[str, Sequence[str]] = {
    # Words that stand in every line are left to the list; these are so said that nothing else is.
    "Unit": (),
    "Layer": (),
    "Point": ("a point", "points of accuracy", "points of R²"),
    "Together": ("layers together", "removed together"),
}
_AFTER = {
    "Validation and test {examples}": (
        "Both were kept from training. Every choice is made on the validation {examples}; the test "
        "{examples} only say what became of it."
    ),
    "95 % interval": (
        "Would cover the true value in 95 of 100 such measurements. Of one accuracy: Wilson 1927. "
        "Of a change: paired, over the same {examples}, Tango 1998."
    ),
}
OF_LOSSES = {
    "Point": "A hundredth of R²: from 0.97 to 0.96 is one point.",
    "R²": (
        "The share of the targets' variance that the network explains: 1 where it is always "
        "right, 0 where it does no better than their mean; 1 − loss / variance."
    ),
    "95 % interval": (
        "Would cover the true value in 95 of 100 such measurements. Of a mean loss, and of its "
        "paired change over the same {examples}: Student 1908."
    ),
}
OF_R2 = " The targets' variance is taken as known."
ANSWERS = (
    " An example has several answers, which do not err independently: intervals are over examples, "
    "each with its share of right answers (Korn and Graubard 1998)."
)


def glossary(summary: Mapping[str, Any]) -> str:
    """The entries as a definition list, in the words and with the settings of the report."""
    lines = "\n".join(
        f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>"
        for word, meaning in _filled(summary).items()
    )
    return f"<dl>\n{lines}\n</dl>"


def meanings_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """The meanings that words are explained by where they stand, by the words in lower case."""
    return {
        word.lower(): meaning
        for entry, meaning in _filled(summary).items()
        for word in _SAID.get(entry, entry.split(", "))
    }


def _filled(summary: Mapping[str, Any]) -> dict[str, str]:
    """Words and meanings, with the settings of the report."""
    settings, worth = summary["settings"], words.quantity(summary)
    loss = worth.allowance(settings["loss"])
    values = {
        "loss": loss,
        "definition": worth.definition.format(loss=loss),
        "examples": words.examples(summary),
        "cluster": f"{settings['cluster']:g}",
    }
    return {
        word.format(**values): meaning.format(**values)
        for word, meaning in _entries(summary).items()
    }


def _of_topics(summary: Mapping[str, Any]) -> dict[str, str]:
    """The words of all topics; what a word means in a role stands behind what it means at all."""
    entries = [entry for topic in answering_first() for entry in topic.glossary(summary)]
    entries += joint_entries(summary) + curvature_entries(summary)
    plain = {entry.word for entry in entries if not entry.as_a}
    meanings = {
        entry.word: entry.meaning for entry in entries if not entry.as_a or entry.word not in plain
    }
    for entry in entries:
        if entry.as_a and entry.word in plain:
            lowered = entry.meaning[:1].lower() + entry.meaning[1:]
            meanings[entry.word] += f" As a {entry.as_a}: {lowered}"
    return meanings


def _entries(summary: Mapping[str, Any]) -> dict[str, str]:
    name, entries = summary["quantity"], {**_BEFORE, **_of_topics(summary), **_AFTER}
    if summary["answers"] > 1:
        entries["95 % interval"] += ANSWERS
    if name != "accuracy":
        entries |= OF_LOSSES
    if name == "r2":
        entries["95 % interval"] += OF_R2
    for word in ("Point", "R²") if name == "loss" else ():
        del entries[word]
    return entries
