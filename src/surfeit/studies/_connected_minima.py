"""What the study `connected_minima` measures: beside it, so that judging anew measures nothing."""

from collections.abc import Iterator
from typing import Any

from surfeit.data import Dataset
from surfeit.procedures.connections import ConnectionConfig, PathName, path_rows
from surfeit.store import Run
from surfeit.studies._fitting import examples
from surfeit.train import Numerics


def joined(
    first: Run,
    second: Run,
    dataset: Dataset,
    *,
    path: PathName,
    images: int,
    seed: int,
    config: ConnectionConfig,
) -> Iterator[dict[str, Any]]:
    """A row for each point of one path: `t, length`, loss and error on both splits.

    Args:
        first, second: trained on the images that a seed draws.
        dataset: the whole data set: it is sent once for all pairs.
        path: of `surfeit.procedures.connections.PATHS`.
        images: how many they were trained on.
        seed: of the images.
        config: how paths are laid and measured.
    """
    drawn = examples(dataset, images, seed)
    found = path_rows(first, second, drawn, path=path, config=config, numerics=Numerics())
    points: dict[float, dict[str, Any]] = {}
    for row in found:
        point = points.setdefault(row["t"], {"t": row["t"], "length": row["length"]})
        point |= {f"{row['split']}_{name}": row[name] for name in ("loss", "error")}
    yield from points.values()
