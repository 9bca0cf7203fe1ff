"""Seconds for the spectrum of a 512 x 1,024 layer: eigenvalues two ways, and the noise fit.

Run as `python benchmarks/spectra.py`. The reference is the whole WeightWatcher analysis of such a
layer, Marchenko-Pastur and power law, at 1.56 s on two cores, of which 1.41 s are kernel-density
fits.
"""

import statistics
import time
from collections.abc import Callable

import torch

from surfeit.core import Streams
from surfeit.spectra import eigenvalues, fit_marchenko_pastur

UNITS, INPUTS = 512, 1024
REFERENCE = 1.56  # seconds


def seconds(work: Callable[[], object], repeats: int = 15) -> float:
    """The median time of one call, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Prints a line for each quantity."""
    weight = torch.randn(UNITS, INPUTS, generator=Streams(0).get("benchmark"), dtype=torch.float64)
    values = eigenvalues(weight)
    gram = seconds(lambda: eigenvalues(weight))
    singular = seconds(lambda: torch.linalg.svdvals(weight).square())
    fit = seconds(lambda: fit_marchenko_pastur(values, weight.shape))
    print(f"{UNITS} x {INPUTS}, float64, {torch.get_num_threads()} thread(s), median of 15")
    print(f"eigenvalues by Gram matrix    {gram * 1e3:8.2f} ms")
    print(f"eigenvalues by SVD            {singular * 1e3:8.2f} ms  ({singular / gram:.1f} times)")
    print(f"Marchenko-Pastur fit          {fit * 1e3:8.2f} ms")
    print(f"eigenvalues and fit           {(gram + fit) * 1e3:8.2f} ms")
    print(
        f"WeightWatcher, with power law {REFERENCE * 1e3:8.2f} ms  "
        f"({REFERENCE / (gram + fit):.0f} times; measured apart, not in this run)"
    )


if __name__ == "__main__":
    main()
