"""Random streams: one seed, many named generators that do not disturb each other."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch

_SEED_BITS = 63


@dataclass(frozen=True)
class Streams:
    """Independent random generators derived from one seed and a name.

    A stream's own seed is the first 63 bits of `sha256("seed/name")`: a new consumer never shifts
    what the others draw, and the same name always draws the same numbers.

    >>> generator = Streams(0).get("init")
    >>> torch.randn(2, generator=generator)

    Args:
        seed: any integer >= 0.

    Raises:
        ValueError: if the seed is negative or no integer.
    """

    seed: int

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {self.seed!r}")

    def get(self, *name: str | int) -> torch.Generator:
        """A fresh CPU generator at the start of the stream of that name, e.g. `get("order", 3)`."""
        generator = torch.Generator()
        generator.manual_seed(self.seed_of(*name))
        return generator

    def seed_of(self, *name: str | int) -> int:
        """The stream's own seed, an integer in [0, 2**63)."""
        path = "/".join(str(part) for part in (self.seed, *name))
        digest = hashlib.sha256(path.encode()).digest()
        return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)


def check_seeds(seeds: Iterable[int]) -> list[int]:
    """The seeds of replicates, if they are some and each is there once.

    Raises:
        ValueError: if not. (What a seed must be, `Streams` says.)
    """
    given = list(seeds) if isinstance(seeds, Iterable) else []
    if not given or len(set(given)) < len(given):
        raise ValueError(f"seeds must be different integers >= 0, one a replicate, got {seeds!r}")
    return given
