"""Words on a network that its description cannot build: which part, why, and what to do."""

import re
from typing import Any

from surfeit.models.kinds import FIRST


def foreign_part(architecture: dict[str, Any]) -> str:
    """What of an architecture that is not rebuildable is to blame: class and dotted name."""
    part = architecture.get("foreign") or _printed_part(architecture) or architecture
    name = f" {part['name']!r}" if part.get("name") else ""
    return part["class"].rpartition(".")[2] + name


def why_not_rebuildable(architecture: dict[str, Any]) -> str:
    """Which part of an architecture cannot be built from its description, and why: a sentence."""
    part = architecture.get("foreign") or _printed_part(architecture) or architecture
    why = part.get("why") or (
        "no options of it are known that say all it does"
        if part["class"].startswith("torch.")
        else "its class is code of your own"
    )
    return f"a {foreign_part(architecture)} cannot be built from its description alone: {why}"


def _printed_part(architecture: dict[str, Any]) -> dict[str, str] | None:
    """The first part of another kind than `FIRST`, of a Sequential whose record names none."""
    if not architecture["class"].endswith(".Sequential"):
        return None
    known = {kind.__name__ for kind in FIRST} | {"Sequential"}
    names: list[str] = []
    for line in architecture["structure"].splitlines()[1:]:
        found = re.match(r"( +)\((\w+)\): (\w+)\(", line)
        if found is not None:
            names[len(found[1]) // 2 - 1 :] = [found[2]]
            if found[3] not in known:
                why = "the run's record does not hold its options"
                return {"name": ".".join(names), "class": found[3], "why": why}
    return None


def builder_advice(architecture: dict[str, Any]) -> str:
    """What to do about an architecture that is not rebuildable: a sentence.

    Where the record names the function that built the network, under `builder`, so does this.
    """
    place, _, name = architecture["class"].rpartition(".")
    own = not place.startswith("torch.") and place != "__main__" and "<" not in place
    example = f"--model {place}:{name} (where that needs no arguments), " if own else ""
    if builder := architecture.get("builder"):
        example = f"--model {builder}, as when it was trained, "
    return (
        f"Name what builds the network: {example}--model package.module:function or --model "
        "path/to/file.py:function; in Python pass a network that the weights go into, "
        "into=MyNetwork()"
    )
