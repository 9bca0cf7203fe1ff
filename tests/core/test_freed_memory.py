"""Freed memory is kept: new tensors are written where old ones lay."""

import ctypes
import resource

import pytest
import torch

from surfeit.core.freed_memory import keep_freed_memory
from surfeit.train import Numerics

PAGES = 2**21 // 4096  # of one tensor


def faults(rounds: int) -> int:
    """Pages that the system had to make while tensors of two megabytes came and went."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.zeros(2**19)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_tensors_are_written_into_memory_that_is_there():
    if not keep_freed_memory():
        pytest.skip("the C library is not glibc's")
    faults(2)
    assert faults(20) < 10 * PAGES


def test_measurements_and_trainings_keep_it():
    keep_freed_memory.cache_clear()
    with Numerics().in_force():
        pass
    assert keep_freed_memory.cache_info().currsize == 1


def test_another_library_is_left_alone(monkeypatch):
    keep_freed_memory.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert keep_freed_memory() is False
    keep_freed_memory.cache_clear()
