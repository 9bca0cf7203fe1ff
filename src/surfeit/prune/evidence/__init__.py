"""Evidence: what scores of weights and criteria of units look at, measured on a private copy."""

from surfeit.prune.evidence.evidence import Evidence

__all__ = ["Evidence"]
