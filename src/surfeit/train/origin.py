"""Where a training begins: its first step, and the runs that it was made from."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a training's initial weights come from. A part of its run's key.

    A training that rewinds to step k takes the weights another one had then, and goes on from
    there: the learning rate's schedule and the order of the images are those from step k on, while
    the optimiser's moments start anew.

    >>> rewound = dense.model(500)  # a run's network at its step 500
    >>> train(rewound, data, recipe, mask=mask, origin=Origin(step=500, parents=(dense.key,)))

    Args:
        step: the updates that the initial weights have behind them, >= 0.
        parents: the keys of the runs that weights or mask were taken from.

    Raises:
        ValueError: if the step is negative or a key is not 64 hexadecimal digits.

    Source: Frankle, Dziugaite, Roy and Carbin 2020, "Linear mode connectivity and the lottery
    ticket hypothesis", algorithm 2 (rewinding to step k).
    """

    step: int = 0
    parents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.step, bool) or not isinstance(self.step, int) or self.step < 0:
            raise ValueError(f"an origin's step must be an integer >= 0, got {self.step!r}")
        object.__setattr__(self, "parents", tuple(self.parents))
        for key in self.parents:
            if not isinstance(key, str) or len(key) != 64 or set(key) - set("0123456789abcdef"):
                raise ValueError(f"a parent must be a run's key, 64 hex digits, got {key!r}")
