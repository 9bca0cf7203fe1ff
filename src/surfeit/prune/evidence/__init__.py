"""Evidence: what scores of weights and criteria of units look at, measured on a private copy."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.prune.evidence.evidence import Evidence

__all__ = ["Evidence"]

lazy_front(__name__)
