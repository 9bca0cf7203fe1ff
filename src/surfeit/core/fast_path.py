"""PyTorch's fused attention switched off, so that every layer of an encoder is called."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch


@dataclass
class _Held:
    """How many hold it off, and what it was before the first of them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0
    before: bool = True


# The switch is PyTorch's own and of the whole process: so is what is known of who holds it.
_HELD = _Held()


@contextmanager
def fast_path_off() -> Iterator[None]:
    """Holds the fast path of `nn.TransformerEncoderLayer` off; several threads may at once.

    In evaluation mode it computes a whole layer in one function and calls none of the layers
    within, so that hooks see nothing and nothing within can be changed.
    """
    with _HELD.lock:
        if _HELD.count == 0:
            _HELD.before = torch.backends.mha.get_fastpath_enabled()
            torch.backends.mha.set_fastpath_enabled(False)
        _HELD.count += 1
    try:
        yield
    finally:
        with _HELD.lock:
            _HELD.count -= 1
            if _HELD.count == 0:
                torch.backends.mha.set_fastpath_enabled(_HELD.before)
