"""A network at a glance: a row a layer."""

import html as markup
from typing import TYPE_CHECKING, Any

from surfeit.models.structure.readers import Reader

if TYPE_CHECKING:
    from surfeit.models.structure.structure import Structure

COLUMNS = ("layer", "kind", "units", "inputs", "weights", "share", "read by", "group")
_RIGHT = ("units", "inputs", "weights", "share")
_MOST_READERS = 3
_GAP = "  "
_NARROWEST = 7  # letters of a shortened name


def rows(structure: "Structure") -> list[dict[str, Any]]:
    """A row a layer: name, kind, units, inputs, weights, their share, readers, group.

    `weights` counts the entries of the layer's tensors without biases, a tied one once in each
    layer; `share` is a fraction of all layers' weights. Where the network cannot be followed,
    `read by` and `group` are empty. Beside the columns of the overview, `output` says whether the
    units reach the result (None where it is unknown), and `fixed` why they cannot be removed (None
    where they can).
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
                "output": None if structure.obstacle else name in structure.outputs,
                "fixed": structure.obstacle or structure.why_not_removable(name),
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
            "There are no layers: units are those of modules such as nn.Linear and nn.Conv2d."
        )
    try:
        found += [f"{name} is tied to {first}." for name, first in structure.tied.items()]
    except ValueError as error:  # parameters that share a part of their numbers
        found.append(f"{error}.")
    frozen = structure.frozen
    if frozen:
        found.append(f"Frozen: {', '.join(frozen)}.")
    return found


def remarks(structure: "Structure") -> list[str]:
    """Outputs, groups, and why units of other layers cannot be removed: a line each."""
    if structure.obstacle:
        return []
    names = [structure.layers[name].label for name in structure.outputs]
    found = [f"Outputs: {', '.join(names) or 'none is a layer'}."]
    groups = {id(group): group for name in structure.layers if (group := structure.group(name))}
    for group in groups.values():
        found.append(f"Group {group.name}, {group.units} units: {group.words}.")
    for name in structure.layers:
        reason = None if name in structure.outputs else structure.why_not_removable(name)
        if reason is not None:
            found.append(f"Units of {structure.layers[name].label} cannot be removed: {reason}.")
    return found


def text(structure: "Structure") -> str:
    """The overview as plain text, with what is to be said besides."""
    return "\n".join([table(structure), *notes(structure)])


def table(structure: "Structure", width: int | None = None) -> str:
    """The overview's rows as plain text, aligned.

    Args:
        structure: of the network.
        width: letters a line, which names are shortened to; all are whole if not given. Numbers
            are never shortened.
    """
    cells = [dict(zip(COLUMNS, COLUMNS, strict=True)), *map(_written, rows(structure))]
    widths = {column: max(len(row[column]) for row in cells) for column in COLUMNS}
    if width is not None:
        _narrow(widths, width)
    lines = [
        _GAP.join(
            row[column].rjust(widths[column])
            if column in _RIGHT
            else _shortened(row[column], widths[column], end=column == "layer").ljust(
                widths[column]
            )
            for column in COLUMNS
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def cells(structure: "Structure") -> list[tuple[str, ...]]:
    """The overview's rows as they are written, whole."""
    return [tuple(row[column] for column in COLUMNS) for row in map(_written, rows(structure))]


def _narrow(widths: dict[str, int], width: int) -> None:
    """Takes letters from the widest columns of names until a line fits."""
    names = [column for column in COLUMNS if column not in _RIGHT and widths[column] > _NARROWEST]
    while sum(widths.values()) + len(_GAP) * (len(COLUMNS) - 1) > width and names:
        widest = max(names, key=lambda column: widths[column])
        widths[widest] -= 1
        if widths[widest] <= _NARROWEST:
            names.remove(widest)


def _shortened(value: str, width: int, *, end: bool) -> str:
    """A text of at most so many letters; of names the end tells most."""
    if len(value) <= width:
        return value
    return f"…{value[len(value) - width + 1 :]}" if end else f"{value[: width - 1]}…"


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
    written = {column: str(row[column]) for column in COLUMNS}
    for column in ("units", "inputs", "weights"):
        written[column] = f"{row[column]:,}"
    return written | {"share": f"{100 * row['share']:.1f} %"}


def _read_by(structure: "Structure", name: str) -> str:
    outer = structure.within(name)
    if outer is not None:
        return f"(within {outer})"
    if not structure.calls(name):
        return "never run"
    names = [*map(_reader, structure.readers(name)), *structure.next_levels(name)]
    names = [one for one in dict.fromkeys(names) if one != "the result"]
    if name in structure.outputs:
        names.append("the result")
    if len(names) > _MOST_READERS:
        names = [*names[: _MOST_READERS - 1], f"{len(names) - _MOST_READERS + 1} more"]
    return ", ".join(names)


def _reader(reader: Reader) -> str:
    if reader.kind == "result":
        return "the result"
    name = reader.name or "(the network)"
    return f"{name} (mixed)" if reader.axis is None else name


def _group(structure: "Structure", name: str) -> str:
    group = structure.group(name)
    return "" if group is None else f"{group.name} ({len(group.layers)})"
