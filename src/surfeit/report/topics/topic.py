"""What a topic of the report is: everything that it says of a layer, as one value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.report.config import ReportConfig
from surfeit.report.quantities import Quantity
from surfeit.report.subject import Subject
from surfeit.report.words import Finding

Rows = dict[str, list[dict[str, Any]]]
Numbers = Mapping[str, Any]
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What figures draw their lines at.

    Args:
        loss: what may be lost, of accuracy or R² a fraction, of a loss a share of itself.
        classes: guessing is right once in so many; None if there are none.
    """

    loss: float
    classes: int | None


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the table at a glance, a row a layer.

    Args:
        heading: with `{loss}` for what may be lost and `{quantity}` for what the network is judged
            by, in words.
        cell: of the layer's numbers in the summary and what the network is judged by, as HTML.
        term: what the glossary explains of it, as it stands in a sentence.
    """

    heading: str
    cell: Callable[[Numbers, Quantity], str]
    term: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A word of the glossary.

    Args:
        word, meaning: with `{loss}`, `{definition}`, `{examples}` and `{cluster}` for the report's
            own; braces that stand for themselves are doubled.
        as_a: in which role the word means that; where another topic explains the same word without
            a role, the two stand together.
    """

    word: str
    meaning: str
    as_a: str = ""


def no_columns(subject: Subject, config: ReportConfig) -> dict[str, Any]:
    """Of a topic that adds nothing to the table of layers."""
    return {}


def nothing_of(summary: Numbers) -> tuple[Any, ...]:
    """Of a topic that has no glossary, or no settings, of its own."""
    return ()


def no_headline(summary: Numbers) -> str:
    """Of a topic that says nothing on top."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic: what is measured of a layer, in which tables, and all that shows it.

    Functions of the summary are given what `surfeit.report.summary.summarise` returns; tables of a
    layer are those rows of all tables that are of it.

    Args:
        name: an identifier: the anchor on the page, and the beginning of its figures' names.
        short, title: its name in the list of contents, and its heading.
        introduction: how to read its figures.
        about: what it shows, a sentence for its name in the list of contents; by default the
            introduction's first.
        caption: under each figure, behind the layer's name.
        missing: what stands in a figure's place.
        schemas: its tables' columns, by the names of the tables.
        measure: the rows of one layer by table: of its own ones, of "choices" and of "notes". A
            ValueError leaves the topic out for that layer; its message becomes the note.
        numbers: a layer's part of the summary, from the layer's tables: JSON values by name.
        findings: what is said of a layer on top, of its name and the summary.
        figure: drawn from a layer's tables; None where there is nothing to draw.
        table: a layer's table as HTML, of its name, the summary and all tables; "" for none.
        live: the caption instead where the viewer shows the layer, in the figure's place.
        of_losses: what stands instead where curves are of losses, by the names of these fields.
        headline: what is said above all else, a sentence or two, of the summary.
        columns: of the table at a glance.
        legend: a sentence under that table, with `{repeats}` and other settings by their names.
        glossary: its words, of the summary.
        settings: the names and values of its settings in words, of the summary.
        layer_columns: of the table "layers".
        of_layer: their values.
        describes: whether its findings describe the layer rather than say what it can do without:
            on top they come after the others.

    Raises:
        ValueError: if the name is no identifier.
    """

    name: str
    short: str
    title: str
    introduction: str
    caption: str
    missing: str
    schemas: Mapping[str, pa.Schema]
    measure: Callable[[Subject, ReportConfig], Rows]
    numbers: Callable[[Tables, Quantity], Numbers]
    findings: Callable[[str, Numbers], Sequence[Finding]]
    figure: Callable[[Tables, Reference], Figure | None]
    table: Callable[[str, Numbers, Tables], str]
    about: str = ""
    live: str = ""
    of_losses: Mapping[str, str] = field(default_factory=dict)
    headline: Callable[[Numbers], str] = no_headline
    columns: Sequence[Column] = ()
    legend: str = ""
    glossary: Callable[[Numbers], Sequence[Entry]] = nothing_of
    settings: Callable[[Numbers], Sequence[tuple[str, str]]] = nothing_of
    layer_columns: Sequence[pa.Field] = ()
    of_layer: Callable[[Subject, ReportConfig], Mapping[str, Any]] = no_columns
    describes: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a topic's name must be an identifier, got {self.name!r}")

    def read_by(self, quantity: Quantity) -> "Topic":
        """The topic in the words that fit what the network is judged by."""
        return replace(self, **self.of_losses) if quantity.curve == "loss" else self
