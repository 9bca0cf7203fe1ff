"""Random streams, parameters as plain dicts, splits and scores on them, errors."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.core.calibration import calibration_error
    from surfeit.core.calling import call, fitting
    from surfeit.core.copies import converted_, copied, skeleton
    from surfeit.core.derivatives import differentiable
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
    from surfeit.core.evaluation import (
        EXAMPLES_AT_ONCE,
        Score,
        evaluate,
        outputs_of,
        quantities,
        score,
    )
    from surfeit.core.fast_path import fast_path_off
    from surfeit.core.objective import (
        OBJECTIVES,
        Objective,
        binary_cross_entropy,
        check_kind,
        cross_entropy,
        hinge,
        largest_output,
        objective_named,
        own_objective,
        squared_error,
        suiting,
    )
    from surfeit.core.parameters import (
        Params,
        buffers,
        check_mask_fits,
        check_mask_kind,
        check_tensor,
        digest,
        load_,
        own_parameters,
        parameters,
        tensors_of,
        weight_matrix,
    )
    from surfeit.core.precision import check_finite, finite_matrix, full_precision, lift_
    from surfeit.core.printable import printable
    from surfeit.core.ranges import check_positive, check_size
    from surfeit.core.split import Split, Task, check_split, check_splits, describe_inputs
    from surfeit.core.streams import Streams, check_seeds
    from surfeit.core.tango import tango_score
    from surfeit.core.threads import one_thread, threads
    from surfeit.core.ties import Tie, tie_, ties
    from surfeit.core.wrappers import check_module, unwrapped

__all__ = [
    "EXAMPLES_AT_ONCE",
    "OBJECTIVES",
    "BusyError",
    "CollapseError",
    "DataError",
    "DiskError",
    "DivergedError",
    "DownloadError",
    "NumericsError",
    "Objective",
    "Params",
    "ProtocolError",
    "Score",
    "Split",
    "StoreError",
    "Streams",
    "SurfeitError",
    "Task",
    "Tie",
    "binary_cross_entropy",
    "buffers",
    "calibration_error",
    "call",
    "check_finite",
    "check_kind",
    "check_mask_fits",
    "check_mask_kind",
    "check_module",
    "check_positive",
    "check_seeds",
    "check_size",
    "check_split",
    "check_splits",
    "check_tensor",
    "converted_",
    "copied",
    "cross_entropy",
    "describe_inputs",
    "differentiable",
    "digest",
    "evaluate",
    "fast_path_off",
    "finite_matrix",
    "fitting",
    "full_precision",
    "hinge",
    "lacks_memory",
    "largest_output",
    "lift_",
    "load_",
    "objective_named",
    "one_thread",
    "outputs_of",
    "own_objective",
    "own_parameters",
    "parameters",
    "printable",
    "quantities",
    "score",
    "skeleton",
    "squared_error",
    "suiting",
    "tango_score",
    "tensors_of",
    "threads",
    "tie_",
    "ties",
    "unknown",
    "unwrapped",
    "weight_matrix",
]

lazy_front(__name__)
