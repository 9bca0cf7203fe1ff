"""Random streams, parameters as plain dicts, splits and errors."""

from surfeit.core.errors import (
    BusyError,
    CollapseError,
    DataError,
    DiskError,
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
    check_mask_fits,
    check_mask_kind,
    check_tensor,
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
    "CollapseError",
    "DataError",
    "DiskError",
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
    "check_mask_fits",
    "check_mask_kind",
    "check_tensor",
    "digest",
    "layer",
    "layers",
    "load_",
    "parameters",
    "unknown",
    "weight_matrix",
]
