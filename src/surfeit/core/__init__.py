"""Random streams, parameters as plain dicts, splits and scores on them, errors."""

from surfeit.core.calling import call
from surfeit.core.copies import converted_, copied, skeleton
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
    own_parameters,
    parameters,
    weight_matrix,
)
from surfeit.core.split import Split
from surfeit.core.streams import Streams
from surfeit.core.ties import Tie, tie_, ties

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
    "Tie",
    "buffers",
    "call",
    "check_mask_fits",
    "check_mask_kind",
    "check_tensor",
    "converted_",
    "copied",
    "digest",
    "evaluate",
    "lacks_memory",
    "layer",
    "layers",
    "load_",
    "own_parameters",
    "parameters",
    "score",
    "skeleton",
    "tie_",
    "ties",
    "unknown",
    "weight_matrix",
]
