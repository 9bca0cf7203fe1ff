"""Trainings of one shape, trained together: batched products, one step of the optimiser."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.train.stack.loop import AT_ONCE, StackLoop
    from surfeit.train.stack.shape import gains_from_stack, shape_of

__all__ = ["AT_ONCE", "StackLoop", "gains_from_stack", "shape_of"]

lazy_front(__name__)
