"""Random streams, parameters as plain dicts, splits and errors."""

from surfeit.core.errors import (
    BusyError,
    DataError,
    DivergedError,
    DownloadError,
    NumericsError,
    ProtocolError,
    StoreError,
    SurfeitError,
    unknown,
)
from surfeit.core.parameters import (
    Layer,
    Params,
    buffers,
    digest,
    layer,
    layers,
    load_,
    parameters,
    weight_matrix,
)
from surfeit.core.split import Split
from surfeit.core.streams import Streams

__all__ = [
    "BusyError",
    "DataError",
    "DivergedError",
    "DownloadError",
    "Layer",
    "NumericsError",
    "Params",
    "ProtocolError",
    "Split",
    "StoreError",
    "Streams",
    "SurfeitError",
    "buffers",
    "digest",
    "layer",
    "layers",
    "load_",
    "parameters",
    "unknown",
    "weight_matrix",
]
