"""Random streams, parameters as plain dicts, splits and scores on them, errors."""

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
    lacks_memory,
    unknown,
)
from surfeit.core.evaluation import Score, evaluate, score
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
from surfeit.core.precision import check_finite, finite_matrix, full_precision
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
    "Score",
    "Split",
    "StoreError",
    "Streams",
    "SurfeitError",
    "buffers",
    "check_finite",
    "check_mask_fits",
    "check_mask_kind",
    "check_tensor",
    "digest",
    "evaluate",
    "finite_matrix",
    "full_precision",
    "lacks_memory",
    "layer",
    "layers",
    "load_",
    "parameters",
    "score",
    "unknown",
    "weight_matrix",
]
