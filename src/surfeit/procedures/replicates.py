"""Which replicates a procedure trains, and by which engine."""

from torch import nn

from surfeit.core import Objective, cross_entropy
from surfeit.core import check_seeds as check_seeds
from surfeit.execute import Engine, InProcess, Local
from surfeit.models import describe, foreign_part, is_rebuildable


def engine_for(
    network: nn.Module, engine: Engine | None, objective: Objective = cross_entropy
) -> Engine:
    """The engine given, or the one that can train the network.

    Raises:
        ValueError: if other processes are to train a network that they cannot build, or by an
            objective that is a function of the user's own.
    """
    architecture = describe(network)
    reason = None
    if not is_rebuildable(architecture):
        reason = (
            f"a {foreign_part(architecture)} cannot be built in another process, from its "
            "description alone"
        )
    elif objective.source is not None:
        reason = f"another process does not have the objective {objective.name}"
    if engine is None:
        return Local() if reason is None else InProcess()
    if reason is not None and not isinstance(engine, InProcess):
        raise ValueError(f"{reason}: use engine=InProcess()")
    return engine
