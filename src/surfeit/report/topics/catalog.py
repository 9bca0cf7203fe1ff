"""All topics by name, in the order of the page."""

from collections.abc import Mapping
from types import MappingProxyType

from surfeit.report.topics.graph import GRAPH
from surfeit.report.topics.rank import RANK
from surfeit.report.topics.removal import REMOVAL
from surfeit.report.topics.spectrum import SPECTRUM
from surfeit.report.topics.topic import Topic

_ENTRIES = {topic.name: topic for topic in (REMOVAL, GRAPH, SPECTRUM, RANK)}
TOPICS: Mapping[str, Topic] = MappingProxyType(_ENTRIES)
"""All topics by name."""


def answering_first() -> list[Topic]:
    """The topics as they stand on top of the page: those that only describe come last."""
    return sorted(TOPICS.values(), key=lambda topic: topic.describes)
