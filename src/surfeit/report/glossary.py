"""What the words on the page mean, in a line each."""

from collections.abc import Mapping
from html import escape
from typing import Any

ENTRIES = {
    "Unit": "A neuron, or a filter of a convolution.",
    "Weight vector": "A unit's incoming weights: a row of the layer's weight matrix W.",
    "Layer": "A fully connected layer or a convolution, by its name in the network.",
    "Removal": (
        "The unit's output becomes exactly zero, its bias included; nothing is trained again."
    ),
    "Point": "A hundredth of accuracy: from 97 % to 96 % is one point.",
    "Can go": (
        "The largest number of units, taken in a criterion's order, such that validation accuracy "
        "never falls by more than {loss} on the way. The criterion that lets most units go is "
        "chosen, on the validation images too."
    ),
    "Magnitude": "The length of a unit's weight vector.",
    "Frame potential": (
        "How much a unit's direction is shared: the sum of its squared inner products with all "
        "units' directions. Raw: without scaling weight vectors to length 1."
    ),
    "Inner product": (
        "Of two directions: 1 if they are the same, 0 if at right angles. As a criterion: its mean "
        "absolute value with the other units."
    ),
    "Hardly moved": (
        "The weight vector after training still points where it did at the start: the inner "
        "product of the two directions is 0.9 or more. Its length may have changed."
    ),
    "Isolated": "Joined with no other unit in the graph.",
    "Cluster": "Two or more units that are joined by inner products of {cluster} or more.",
    "Rank": "The number of independent directions in a matrix.",
    "Noise, spike": (
        "Independent random weights of one variance have eigenvalues in a known range (Marchenko "
        "and Pastur 1967); a spike is an eigenvalue above that range by more than noise strays: it "
        "passes the dashed line of the figure."
    ),
    "Update": "W − Z, the weights after training less those at initialisation.",
    "Validation and test images": (
        "Both were kept from training. Every choice is made on the validation images; the test "
        "images only say what became of it."
    ),
    "95 % interval": (
        "Would cover the true value in 95 of 100 such measurements. Of one accuracy: Wilson 1927. "
        "Of a change: paired, over the same images, Agresti and Min 2005."
    ),
}


def glossary(settings: Mapping[str, Any]) -> str:
    """The entries as a definition list, with the report's own settings in them."""
    loss = settings["loss"]
    values = {
        "loss": "a point" if loss == 0.01 else f"{100 * loss:g} points",
        "cluster": f"{settings['cluster']:g}",
    }
    lines = "\n".join(
        f"<dt>{escape(word)}</dt><dd>{escape(meaning.format(**values))}</dd>"
        for word, meaning in ENTRIES.items()
    )
    return f"<dl>\n{lines}\n</dl>"
