"""The table of a ticket search, as the viewer and the anatomy of tickets read it."""

import io
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fuzz.judging import attempt
from fuzz.readers.reader import Reader, write
from surfeit.store import Store
from surfeit.viewer.timelines.tickets import ticket_timelines


def seeds() -> Mapping[str, bytes]:
    """Two replicates of two levels, plain and compressed, and a table of something else."""
    table = pa.table(
        {
            "replicate": [0, 0, 1, 1],
            "level": [0, 1, 0, 1],
            "arm": ["ticket"] * 4,
            "run": ["ab" * 32, None, "cd" * 32, "../up"],
            "density": [1.0, 0.8, 1.0, 0.8],
        }
    )
    other = pa.table({"replicate": ["a"], "level": [None], "arm": [3], "run": [b"x"]})
    plain = {"use_dictionary": False, "compression": "none", "write_statistics": False}
    kinds = {"plain": (table, plain), "snappy": (table, {}), "other": (other, plain)}
    found = {}
    for name, (rows, options) in kinds.items():
        stream = io.BytesIO()
        pq.write_table(rows, stream, store_schema=False, **options)
        found[name] = stream.getvalue()
    return found


def read(content: bytes, folder: Path) -> None:
    """Looks for the runs of each replicate; there are none."""
    path = write(folder, "tickets.parquet", content)
    attempt(lambda: ticket_timelines(path, Store(folder / "store")))


READERS = (Reader("tables", seeds, read),)
