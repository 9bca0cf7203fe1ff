"""Columns with a planted effect: where a claim holds, where it fails, where nobody can tell."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def plant(effect: float, spread: float, n: int = 5, seed: int = 0) -> list[float]:
    """n values of exactly this mean and this sample deviation, in a normal pattern of a seed.

    Student's interval of them is `effect ± t spread / √n`: ± 1.24 spread at n = 5.
    """
    pattern = np.random.default_rng(seed).normal(size=n)
    pattern -= pattern.mean()
    return (effect + spread * pattern / pattern.std(ddof=1)).tolist()


def plant_three(margin: float = 0.0, step: float = 1.0, n: int = 5) -> dict[str, list[float]]:
    """For each ruling of `exceeds(..., margin=margin)` the values that lead to it.

    Far above the margin, far below, and around it, in multiples of `step`.
    """
    return {
        "supported": plant(margin + 10 * step, step, n, seed=1),
        "contradicted": plant(margin - 10 * step, step, n, seed=2),
        "inconclusive": plant(margin + 0.1 * step, step, n, seed=3),
    }


@pytest.fixture
def planted() -> Callable[..., list[float]]:
    """`planted(effect, spread, n=5, seed=0)`: see `plant`."""
    return plant


@pytest.fixture
def planted_three() -> Callable[..., dict[str, list[float]]]:
    """`planted_three(margin=0, step=1, n=5)`: see `plant_three`."""
    return plant_three


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what each study's quick budget took."""
    seconds = {
        report.nodeid.partition("[")[2].rstrip("]"): value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "quick_seconds"
    }
    if seconds:
        terminalreporter.write_sep("-", f"quick budgets: {sum(seconds.values()):.0f} s in all")
        for name, value in sorted(seconds.items(), key=lambda item: -item[1]):
            terminalreporter.write_line(f"{value:6.1f} s  {name}")
