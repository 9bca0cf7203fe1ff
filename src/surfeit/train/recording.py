"""Which snapshots a training keeps, and how it is conducted: nothing that its result depends on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral

MOST = 10_000_000
"""Snapshots of a run."""


@dataclass(frozen=True)
class Moment:
    """Where a training stands.

    Args:
        step: updates made.
        steps: updates of the whole training.
        metrics: the last row of metrics, without what it did not measure; empty before the first.
        words: something to tell, e.g. who else is writing the run.
        key: the run's key.
    """

    step: int
    steps: int
    metrics: dict[str, float]
    words: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """The steps at which all weights are kept; the first and the last always are.

    Args:
        every_epochs: keep the end of every n-th epoch; 0 for none.
        per_decade: as many log-spaced steps between 1 and 10, 10 and 100, ...; 0 for none.
        at: these steps as well; those beyond the training are left out.

    Raises:
        ValueError: if a count or a step is negative or no integer.
    """

    every_epochs: int = 1
    per_decade: int = 0
    at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (_is_whole(self.every_epochs) and _is_whole(self.per_decade)):
            raise ValueError(
                "every_epochs and per_decade are integers and must be >= 0, "
                f"got {self.every_epochs!r} and {self.per_decade!r}"
            )
        if not isinstance(self.at, Iterable) or not all(map(_is_whole, self.at)):
            raise ValueError(f"at must hold steps >= 0, got {self.at!r}")
        object.__setattr__(self, "at", tuple(map(int, self.at)))

    def steps(self, total: int, per_epoch: int, first: int = 0) -> list[int]:
        """The steps, ascending, of a training from step `first` to `total`.

        Raises:
            ValueError: if there are so many that a list of them fills the memory.
        """
        if self.every_epochs and (count := total // (per_epoch * self.every_epochs)) > MOST:
            wider = self.every_epochs * -(-count // MOST)
            raise ValueError(
                f"{count:,} snapshots are more than the {MOST:,} that a run may have: keep one "
                f"every {wider:,} epochs or more, every_epochs={wider} (--snapshot-epochs {wider})"
            )
        steps = {first, total, *(step for step in self.at if step <= total)}
        if self.every_epochs:
            steps.update(range(0, total, per_epoch * self.every_epochs))
        power = 0
        while self.per_decade and (step := round(10 ** (power / self.per_decade))) < total:
            steps.add(step)
            power += 1
        return sorted(step for step in steps if step >= first)


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """How a training is carried out.

    Args:
        checkpoint_seconds: at most so much work is lost when the process is killed.
        wait: whether to wait for another process that trains the same run, or to raise.
        other_numerics: whether a run may go on under another torch, CPU or GPU than it began
            with; its last bits may then differ from those of an uninterrupted one.
        progress: called now and then with where the training stands.
        role: what the run is in a procedure, for lists: `{"arm": "ticket", "level": 3}`. It stands
            in the record of a run that is new; one that is there keeps its own.

    Raises:
        ValueError: if checkpoint_seconds is negative or no number, or progress no function.
    """

    checkpoint_seconds: float = 10.0
    wait: bool = True
    other_numerics: bool = False
    progress: Callable[[Moment], None] | None = None
    role: Mapping[str, str | int] | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.checkpoint_seconds, int | float)
        if not number or not self.checkpoint_seconds >= 0:
            raise ValueError(f"checkpoint_seconds must be >= 0, got {self.checkpoint_seconds!r}")
        if self.progress is not None and not callable(self.progress):
            raise ValueError(f"progress must be a function of a Moment, got {self.progress!r}")


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0
