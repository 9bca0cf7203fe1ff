"""A network at a glance: a row a layer."""

import html as markup
from typing import TYPE_CHECKING, Any

from surfeit.models.structure.readers import Reader

if TYPE_CHECKING:
    from surfeit.models.structure.structure import Structure

COLUMNS = ("layer", "kind", "units", "inputs", "weights", "share", "read by", "group")
_RIGHT = ("units", "inputs", "weights", "share")
_MOST_READERS = 3


def rows(structure: "Structure") -> list[dict[str, Any]]:
    """A row a layer: name, kind, units, inputs, weights, their share, readers, group.

    `weights` counts the entries of the layer's tensors without biases, a tied one once in each
    layer; `share` is a fraction of all layers' weights. Where the network cannot be followed,
    `read by` and `group` are empty.
    """
    sizes = {name: structure.weights(name) for name in structure.layers}
    total = sum(sizes.values())
    found = []
    for name, described in structure.layers.items():
        groups = f" in {described.groups} groups" if described.groups > 1 else ""
        found.append(
            {
                "layer": name or "(the network)",
                "kind": described.kind + groups,
                "units": described.units,
                "inputs": described.inputs,
                "weights": sizes[name],
                "share": sizes[name] / total if total else 0.0,
                "read by": "" if structure.obstacle else _read_by(structure, name),
                "group": "" if structure.obstacle else _group(structure, name),
            }
        )
    return found


def notes(structure: "Structure") -> list[str]:
    """What is to be said besides: tied weights, frozen ones, why the network was not followed."""
    found = []
    if structure.obstacle:
        found.append(
            f"Who reads whose units was not found: {structure.obstacle}. Training, recording, "
            "masks and measurements of weights work; units cannot be removed."
        )
    if not structure.layers:
        found.append(
            "No layers: units are followed through modules such as nn.Linear and nn.Conv2d."
        )
    for name, first in structure.tied.items():
        found.append(f"{name} is tied to {first}.")
    frozen = structure.frozen
    if frozen:
        found.append(f"Frozen: {', '.join(frozen)}.")
    return found


def text(structure: "Structure") -> str:
    """The overview as plain text, aligned."""
    cells = [dict(zip(COLUMNS, COLUMNS, strict=True)), *map(_written, rows(structure))]
    widths = {column: max(len(row[column]) for row in cells) for column in COLUMNS}
    lines = [
        "  ".join(
            row[column].rjust(widths[column])
            if column in _RIGHT
            else row[column].ljust(widths[column])
            for column in COLUMNS
        ).rstrip()
        for row in cells
    ]
    return "\n".join([*lines, *notes(structure)])


def html(structure: "Structure") -> str:
    """The overview as a table for notebooks."""
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{markup.escape(row[column])}</td>" for column in COLUMNS) + "</tr>"
        for row in map(_written, rows(structure))
    )
    said = "".join(f"<p>{markup.escape(note)}</p>" for note in notes(structure))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{said}"


def _written(row: dict[str, Any]) -> dict[str, str]:
    written = {column: str(value) for column, value in row.items()}
    for column in ("units", "inputs", "weights"):
        written[column] = f"{row[column]:,}"
    return written | {"share": f"{100 * row['share']:.1f} %"}


def _read_by(structure: "Structure", name: str) -> str:
    if not structure.calls(name):
        return "never run"
    names = list(dict.fromkeys(map(_reader, structure.readers(name))))
    if name in structure.outputs and "the result" not in names:
        names.append("the result")
    if len(names) > _MOST_READERS:
        names = [*names[: _MOST_READERS - 1], f"{len(names) - _MOST_READERS + 1} more"]
    return ", ".join(names)


def _reader(reader: Reader) -> str:
    name = reader.name or "the result"
    return f"{name} (mixed)" if reader.axis is None and reader.kind != "result" else name


def _group(structure: "Structure", name: str) -> str:
    group = structure.group(name)
    return "" if group is None else f"{group.name} ({len(group.layers)})"
