"""The page of a landscape: surfaces that turn, beside what they hide."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.report.landscape.figures import drawings, labels_of
    from surfeit.report.landscape.numbers import Numbers, numbers_of
    from surfeit.report.landscape.page import render
    from surfeit.report.landscape.pieces import Drawing

__all__ = ["Drawing", "Numbers", "drawings", "labels_of", "numbers_of", "render"]

lazy_front(__name__)
