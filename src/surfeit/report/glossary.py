"""What the words on the page mean, in a line each."""

from collections.abc import Mapping
from html import escape
from typing import Any

from surfeit.prune import CRITERIA
from surfeit.report import words

ENTRIES = {
    "Unit": "A neuron, or a filter of a convolution.",
    "Weight vector": "A unit's incoming weights: a row of the layer's weight matrix W.",
    "Layer": (
        "A part of the network with weights of its own, such as a fully connected layer or a "
        "convolution, by its name in the network."
    ),
    "Removal": (
        "The unit's output becomes exactly zero, its bias included; nothing is trained again."
    ),
    "Point": "A hundredth of accuracy: from 97 % to 96 % is one point.",
    "Can go": (
        "The largest number of units, taken in a criterion's order, such that {definition}. The "
        "criterion that lets most units go is chosen, on the validation {examples} too."
    ),
    "Inner product": "Of two directions: 1 if they are the same, 0 if at right angles.",
    "Hardly moved": (
        "The weight vector after training still points where it did at the start: the inner "
        "product of the two directions is 0.9 or more. Its length may have changed."
    ),
    "Isolated": "Joined with no other unit in the graph.",
    "Cluster": "Two or more units that are joined by inner products of {cluster} or more.",
    "Rank": "The number of independent directions in a matrix.",
    "Noise, spike": (
        "Independent random weights of one variance have eigenvalues in a known range (Marchenko "
        "and Pastur 1967); a spike is an eigenvalue above that range by more than such noise "
        "strays in 99 of 100 layers: it passes the dashed line of the figure. That is for weights "
        "of light tails, such as Gaussian ones, none of them pruned: of layers of pure noise with "
        "heavy tails (Student’s t of 5 degrees of freedom) 12 to 35 in 100 had a spike, of layers "
        "under a random mask 40 to 63 where a fifth of the weights was kept, and nearly all below."
    ),
    "Update": "W − Z, the weights after training less those at initialisation.",
    "Validation and test {examples}": (
        "Both were kept from training. Every choice is made on the validation {examples}; the test "
        "{examples} only say what became of it."
    ),
    "95 % interval": (
        "Would cover the true value in 95 of 100 such measurements. Of one accuracy: Wilson 1927. "
        "Of a change: paired, over the same {examples}, Agresti and Min 2005."
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
    settings, worth = summary["settings"], words.quantity(summary)
    loss = worth.allowance(settings["loss"])
    values = {
        "loss": loss,
        "definition": worth.definition.format(loss=loss),
        "examples": words.examples(summary),
        "cluster": f"{settings['cluster']:g}",
    }
    lines = "\n".join(
        f"<dt>{escape(word.format(**values))}</dt><dd>{escape(meaning.format(**values))}</dd>"
        for word, meaning in _entries(summary).items()
    )
    return f"<dl>\n{lines}\n</dl>"


def _with_criteria(entries: Mapping[str, str], summary: Mapping[str, Any]) -> dict[str, str]:
    """The entries and, behind that of what can go, those of the criteria on the page."""
    shown = {
        name: None
        for layer in summary["layers"].values()
        if layer["removal"] is not None
        for name in layer["removal"]["by_criterion"]
    }
    meanings = {CRITERIA[name].title: CRITERIA[name].says for name in shown if name in CRITERIA}
    result: dict[str, str] = {}
    for word, meaning in entries.items():
        result[word] = meaning
        if word in meanings:
            result[word] += f" As a criterion: {_lowered(meanings[word])}"
        if word == "Can go":
            new = {title: says for title, says in meanings.items() if title not in entries}
            result |= {title: _literal(says) for title, says in new.items()}
    return result


def _lowered(sentence: str) -> str:
    return _literal(sentence[:1].lower() + sentence[1:])


def _literal(text: str) -> str:
    """A text whose braces stand for themselves once entries are filled in."""
    return text.replace("{", "{{").replace("}", "}}")


def _entries(summary: Mapping[str, Any]) -> dict[str, str]:
    name, entries = summary["quantity"], _with_criteria(ENTRIES, summary)
    if summary["answers"] > 1:
        entries["95 % interval"] += ANSWERS
    if name != "accuracy":
        entries |= OF_LOSSES
    if name == "r2":
        entries["95 % interval"] += OF_R2
    for word in ("Point", "R²") if name == "loss" else ():
        del entries[word]
    return entries
