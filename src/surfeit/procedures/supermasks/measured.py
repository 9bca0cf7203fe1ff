"""What is measured of masks: by criterion, drawn with learned probabilities, or popped up."""

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

import torch
from torch import nn

from surfeit.core import ProtocolError, Streams, converted_, copied, load_
from surfeit.data import Dataset
from surfeit.procedures.supermasks.actions import rewind, signed_constant
from surfeit.procedures.supermasks.bernoulli import BernoulliMask
from surfeit.procedures.supermasks.criteria import (
    accuracies,
    large_final_same_sign,
    untrained_table,
)
from surfeit.procedures.supermasks.masked import MaskedNetwork
from surfeit.procedures.supermasks.sampled import sampled_accuracy
from surfeit.procedures.supermasks.trainings import Learned
from surfeit.prune.masks import density
from surfeit.store import Run
from surfeit.train import Numerics


def criterion_rows(
    trained: Run,
    dataset: Dataset,
    *,
    levels: Sequence[int],
    dtype: str = "float32",
    numerics: Numerics | None = None,
    into: nn.Module | None = None,
) -> Iterator[dict[str, Any]]:
    """The masks by criterion of a trained network, each at the level that validation chooses.

    Args:
        trained: the run, with its first snapshot.
        dataset: the validation split chooses, the test split is measured.
        levels: as of `untrained_table`.
        dtype: of the network before training, such as `float32`.
        numerics: of the measurement, one thread by default; on the CPU whatever its device.
        into: the network, where only its own code can build it.

    Yields:
        rows `method, density, validation_accuracy, test_accuracy`.
    """
    network = _untrained(trained, dtype, into)
    with (numerics or Numerics()).in_force():
        table = untrained_table(
            network,
            trained.model(into=copied(network)),
            dataset,
            streams=Streams(trained.config["seed"]),
            criteria={"large_final_same_sign": large_final_same_sign},
            levels=levels,
            kept={"mask-initial": rewind, "mask-constant": signed_constant},
        ).to_pylist()
    for method in ("mask-initial", "mask-constant"):
        rows = [row for row in table if row["kept"] == method]
        best = max(rows, key=lambda row: row["validation_accuracy"])
        names = ("density", "validation_accuracy", "test_accuracy")
        yield {"method": method} | {name: best[name] for name in names}


def learned_rows(
    trained: Run,
    run: Run,
    dataset: Dataset,
    *,
    mask: Learned,
    samples: int,
    dtype: str = "float32",
    numerics: Numerics | None = None,
    into: nn.Module | None = None,
) -> Iterator[dict[str, Any]]:
    """What a learned mask makes of the untrained network.

    Args:
        trained: the run of the replicate's weights, whose first snapshot is the network.
        run: of the mask.
        mask: how it was trained.
        samples: drawn masks that accuracies of a `BernoulliMask` are means over.
        dataset, dtype, numerics, into: as of `criterion_rows`.

    Yields:
        one row `method, density, validation_accuracy, test_accuracy` and, of a `BernoulliMask`,
        `likeliest_accuracy`.

    Raises:
        ProtocolError: if a frozen weight changed.
    """
    seed = trained.config["seed"]
    masked = mask.masked(_untrained(trained, dtype, into), seed)
    load_ended_(masked, run)
    if not isinstance(masked, BernoulliMask):
        yield {"method": mask.method, "density": density(masked.mask())} | at_end(run)
        return
    with (numerics or Numerics()).in_force():
        yield {"method": mask.method} | _of_draws(masked, samples, Streams(seed), dataset)


def _untrained(trained: Run, dtype: str, into: nn.Module | None) -> nn.Module:
    """The network that a run began with, as precise as it was before."""
    if into is not None:
        return load_(copied(into), trained.tensors(0))
    return converted_(trained.model(0), getattr(torch, dtype))


def load_ended_(masked: MaskedNetwork, run: Run) -> None:
    """Loads what the training ended with, its weights being to the last bit what they were.

    Raises:
        ProtocolError: if they are not.
    """
    before = masked.frozen()
    run.model(into=masked)
    after = masked.frozen()
    changed = [name for name, value in before.items() if not value.equal(after[name])]
    if changed:
        raise ProtocolError(f"frozen weights changed in run {run.key[:12]}: {', '.join(changed)}")


def _of_draws(
    masked: BernoulliMask, samples: int, streams: Streams, dataset: Dataset
) -> dict[str, float]:
    found = {
        f"{name}_accuracy": mean(
            sampled_accuracy(
                masked, dataset.splits[name], samples=samples, generator=streams.get("draws")
            )
        )
        for name in ("validation", "test")
    }
    shares = list(masked.probabilities().values())
    expected = sum(float(p.double().sum()) for p in shares) / sum(p.numel() for p in shares)
    likeliest = accuracies(masked.extract(masked.likeliest()), dataset)["test_accuracy"]
    return found | {"density": expected, "likeliest_accuracy": likeliest}


def at_end(run: Run) -> dict[str, float]:
    """`validation_accuracy` and `test_accuracy` at a run's end, fractions."""
    last = run.metrics().to_pylist()[-1]
    return {name: last[name] for name in ("validation_accuracy", "test_accuracy")}
