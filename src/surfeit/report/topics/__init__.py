"""The topics of a report, a file each: what is measured of a layer, and all that shows it.

A topic is a `Topic` in a file here and a line in `catalog`: tables, summary, page, figures,
glossary and progress then have it.
"""

from surfeit.report.topics.catalog import TOPICS, answering_first
from surfeit.report.topics.topic import Column, Entry, Reference, Topic

__all__ = ["TOPICS", "Column", "Entry", "Reference", "Topic", "answering_first"]
