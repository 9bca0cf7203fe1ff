"""What was found, said on top: above all else, and a layer at a time."""

from collections.abc import Mapping
from typing import Any

from surfeit.report import words
from surfeit.report.joint import joint_sentences
from surfeit.report.topics import answering_first
from surfeit.report.words import Finding

Numbers = Mapping[str, Any]


def headline(summary: Numbers) -> str:
    """The answer in a few sentences: of each layer, then of the network."""
    return " ".join(filter(None, answers(summary)))


def answers(summary: Numbers) -> tuple[str, str]:
    """Of each layer, and of the network; what is not known is empty."""
    said = (topic.headline(summary) for topic in answering_first())
    return " ".join(filter(None, said)), joint_sentences(summary)


def layer_findings(name: str, summary: Numbers) -> list[Finding]:
    """What was found in a layer, the answer to each question first."""
    found = [item for topic in answering_first() for item in topic.findings(name, summary)]
    images = _images(summary["layers"][name], summary)
    return found if images is None else [*found, images]


def _images(layer: Numbers, summary: Numbers) -> Finding | None:
    used, every, noun = layer["images"], words.dense(summary), words.examples(summary)
    if used["test"] == every["test"]["images"]:
        return None
    return Finding(
        f"Measured on {used['validation']:,} validation and {used['test']:,} test {noun},",
        f"drawn at random from {every['validation']['images']:,} and {every['test']['images']:,}, "
        "because each removal and projection takes a pass through the rest of the network.",
    )
