"""Objectives as they are sent to other processes: by their names, or those of their functions."""

from collections.abc import Mapping
from typing import Any

from surfeit.core.importing import named_object, reference
from surfeit.core.objective.catalog import OBJECTIVES
from surfeit.core.objective.objective import Objective
from surfeit.core.objective.own import own_objective


def objective_to_json(objective: Objective) -> dict[str, Any]:
    """The objective by its name, or by the names of the user's functions.

    Raises:
        ValueError: if another process cannot import them.
    """
    if objective.source is None:
        return {"name": objective.name}
    try:
        function, correct = (None if one is None else reference(one) for one in objective.functions)
    except ValueError as error:
        raise ValueError(
            f"another process cannot have the objective {objective.name}: {error}. Or train in "
            "this process, engine=InProcess()"
        ) from error
    return {"function": function, "correct": correct, "source": dict(objective.source)}


def objective_from_json(record: Mapping[str, Any]) -> Objective:
    """The objective that `objective_to_json` sent.

    Raises:
        ValueError: if its functions cannot be imported here, or are others.
    """
    if "name" in record:
        return OBJECTIVES[record["name"]]
    correct = record["correct"]
    found = own_objective(
        named_object(record["function"]), None if correct is None else named_object(correct)
    )
    if found.source != record["source"]:
        raise ValueError(
            f"the objective {record['function']} reads otherwise here than where it was sent: "
            "have the same code in both places"
        )
    return found
