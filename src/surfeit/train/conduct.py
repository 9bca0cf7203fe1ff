"""How a training is carried out: its arithmetic, which is in the key, and its conduct."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType
from typing import Literal, get_args

import torch

from surfeit.core import NumericsError, threads, unknown
from surfeit.core.freed_memory import keep_freed_memory

DType = Literal["float32", "float64"]
_MOST_THREADS = 1024
_MOST_STACKED = 1024


@dataclass(frozen=True, kw_only=True)
class Numerics:
    """Device, threads and precision; a part of a run's key.

    Args:
        device: `cpu`, `cuda` or one of its slots (`cuda:1`); the slot is not in the key.
        threads: CPU threads inside one operation. One by default: two runs side by side beat one
            on two threads.
        dtype: `float32` or `float64`.
        stack: for how many networks a step computes at once, a power of two; batched products
            choose their kernels by it, so that results differ in their last bits. Of a stack's
            trainings none depends on which, or how many, the others are.

    Raises:
        ValueError: if the device is not there or a value is out of range.
    """

    device: str = "cpu"
    threads: int = 1
    dtype: DType = "float32"
    stack: int = 1

    def __post_init__(self) -> None:
        whole = isinstance(self.threads, int) and not isinstance(self.threads, bool)
        if not whole or not 1 <= self.threads <= _MOST_THREADS:
            raise ValueError(
                f"threads must be an integer in [1, {_MOST_THREADS}], got {self.threads!r}"
            )
        whole = isinstance(self.stack, int) and not isinstance(self.stack, bool)
        if not whole or not 1 <= self.stack <= _MOST_STACKED or self.stack & (self.stack - 1):
            raise ValueError(
                f"stack must be a power of two in [1, {_MOST_STACKED}], got {self.stack!r}"
            )
        if self.dtype not in get_args(DType):
            raise unknown("dtype", self.dtype, get_args(DType))
        if not isinstance(self.device, str):
            raise ValueError(f"device must be a text such as 'cpu' or 'cuda', got {self.device!r}")
        kind, _, slot = self.device.partition(":")
        if kind not in ("cpu", "cuda"):
            raise unknown("device", self.device, ["cpu", "cuda"])
        if slot and not slot.isdecimal():
            raise ValueError(f"device {self.device!r} has no number after its colon, e.g. 'cuda:1'")
        if kind == "cuda" and int(slot or 0) >= torch.cuda.device_count():
            count = torch.cuda.device_count()
            raise ValueError(
                f"device {self.device!r} is not there: torch sees {count} CUDA devices"
            )

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch names it."""
        return torch.float32 if self.dtype == "float32" else torch.float64

    def in_key(self) -> dict[str, object]:
        """What of it goes into a run's key."""
        return {
            "device": self.device.partition(":")[0],
            "threads": self.threads,
            "dtype": self.dtype,
            "deterministic": True,
            "stacked": self.stack if self.stack > 1 else False,
        }

    def machine(self) -> dict[str, str]:
        """What else may change the last bits: a run goes on under equal ones only."""
        found = {"torch": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability()}
        if self.device.startswith("cuda"):
            found["gpu"] = torch.cuda.get_device_name(self.device)
        return found

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Threads and determinism as stated, and torch's settings as they were afterwards.

        Freed memory is kept from then on, see `surfeit.core.freed_memory`.
        """
        keep_freed_memory()
        cuda = self.device.startswith("cuda")
        with threads(self.threads), _deterministic_cuda() if cuda else nullcontext():
            yield


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


def check_machine(numerics: Numerics, began: Mapping[str, str], conduct: Conduct) -> None:
    """Refuses to go on with a run that began under other arithmetic, unless it is allowed.

    Args:
        numerics: the arithmetic of now.
        began: what `Numerics.machine` said then.
        conduct: says whether it is allowed.

    Raises:
        NumericsError: if anything differs; both are named.
    """
    now = numerics.machine()
    differs = {name for name in began.keys() | now.keys() if began.get(name) != now.get(name)}
    if differs and not conduct.other_numerics:
        changes = "; ".join(f"{n}: {began.get(n)} then, {now.get(n)} now" for n in sorted(differs))
        raise NumericsError(
            f"the run began with other arithmetic ({changes}) and would not end bit for bit as "
            "if uninterrupted. Go on where it began, or allow it: --other-numerics, "
            "Conduct(other_numerics=True)"
        )


@contextmanager
def held_interrupts() -> Iterator[Callable[[], bool]]:
    """Holds SIGINT and SIGTERM back; the function it yields says whether one came.

    So a training is interrupted between two steps, never inside one: what is saved is whole.
    Only the main thread can take signals: elsewhere nothing is held and nothing ever came.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    held = {}
    if threading.current_thread() is threading.main_thread():
        held = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


@contextmanager
def _deterministic_cuda() -> Iterator[None]:
    """Deterministic kernels without TF32; torch warns of an operation that has none."""
    # cuBLAS reads this when its first handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    matmul = torch.backends.cuda.matmul
    tf32 = matmul.allow_tf32
    torch.use_deterministic_algorithms(True, warn_only=True)
    matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.use_deterministic_algorithms(before)
        matmul.allow_tf32 = tf32
