"""The modules that can be built again from a few options, and which those are: torch's and ours."""

import math

from torch import nn

from surfeit.models.blocks import LEAVES

_CONV = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "padding_mode",
)
_TRANSPOSED = (*_CONV, "output_padding", "bias")
_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
_MAXIMUM = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
_POWER = ("norm_type", "kernel_size", "stride", "ceil_mode")
_LARGEST = ("output_size", "return_indices")

# All that each module's constructor is given and the module's outputs depend on, in the module's
# own attribute names; `bias` is a bool. (`inplace` changes no output.)
FIRST: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features", "bias"),
    nn.Conv1d: (*_CONV, "bias"),
    nn.Conv2d: (*_CONV, "bias"),
    nn.BatchNorm1d: _NORM,
    nn.BatchNorm2d: _NORM,
    nn.MaxPool2d: _MAXIMUM,
    nn.AvgPool2d: (*_AVERAGE, "divisor_override"),
    nn.AdaptiveAvgPool2d: ("output_size",),
    nn.Dropout: ("p",),
    nn.LeakyReLU: ("negative_slope",),
    nn.ReLU: (),
    nn.GELU: ("approximate",),
    nn.Tanh: (),
    nn.Sigmoid: (),
    nn.Flatten: ("start_dim", "end_dim"),
    nn.Identity: (),
}
"""The modules that keys have always described by their options."""

OPTIONS: dict[type[nn.Module], tuple[str, ...]] = FIRST | {
    nn.Conv3d: (*_CONV, "bias"),
    nn.ConvTranspose1d: _TRANSPOSED,
    nn.ConvTranspose2d: _TRANSPOSED,
    nn.ConvTranspose3d: _TRANSPOSED,
    nn.Embedding: ("num_embeddings", "embedding_dim", "padding_idx", "scale_grad_by_freq"),
    nn.BatchNorm3d: _NORM,
    nn.InstanceNorm1d: _NORM,
    nn.InstanceNorm2d: _NORM,
    nn.InstanceNorm3d: _NORM,
    nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine", "bias"),
    nn.RMSNorm: ("normalized_shape", "eps", "elementwise_affine"),
    nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine"),
    nn.LocalResponseNorm: ("size", "alpha", "beta", "k"),
    nn.MaxPool1d: _MAXIMUM,
    nn.MaxPool3d: _MAXIMUM,
    nn.AvgPool1d: _AVERAGE,
    nn.AvgPool3d: (*_AVERAGE, "divisor_override"),
    nn.LPPool1d: _POWER,
    nn.LPPool2d: _POWER,
    nn.LPPool3d: _POWER,
    nn.AdaptiveAvgPool1d: ("output_size",),
    nn.AdaptiveAvgPool3d: ("output_size",),
    nn.AdaptiveMaxPool1d: _LARGEST,
    nn.AdaptiveMaxPool2d: _LARGEST,
    nn.AdaptiveMaxPool3d: _LARGEST,
    nn.Dropout1d: ("p",),
    nn.Dropout2d: ("p",),
    nn.Dropout3d: ("p",),
    nn.AlphaDropout: ("p",),
    nn.FeatureAlphaDropout: ("p",),
    nn.ReLU6: (),
    nn.ELU: ("alpha",),
    nn.CELU: ("alpha",),
    nn.SELU: (),
    nn.SiLU: (),
    nn.Mish: (),
    nn.Hardswish: (),
    nn.Hardsigmoid: (),
    nn.Hardtanh: ("min_val", "max_val"),
    nn.Softplus: ("beta", "threshold"),
    nn.Softsign: (),
    nn.Softshrink: ("lambd",),
    nn.Hardshrink: ("lambd",),
    nn.Tanhshrink: (),
    nn.Threshold: ("threshold", "value"),
    nn.LogSigmoid: (),
    nn.PReLU: ("num_parameters",),
    nn.RReLU: ("lower", "upper"),
    nn.GLU: ("dim",),
    nn.Softmax: ("dim",),
    nn.Softmin: ("dim",),
    nn.LogSoftmax: ("dim",),
    nn.Softmax2d: (),
    nn.Unflatten: ("dim", "unflattened_size"),
    nn.Fold: ("output_size", "kernel_size", "dilation", "padding", "stride"),
    nn.Unfold: ("kernel_size", "dilation", "padding", "stride"),
    nn.PixelShuffle: ("upscale_factor",),
    nn.PixelUnshuffle: ("downscale_factor",),
    nn.ChannelShuffle: ("groups",),
    nn.Upsample: ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor"),
    nn.UpsamplingNearest2d: ("size", "scale_factor"),
    nn.UpsamplingBilinear2d: ("size", "scale_factor"),
    **dict.fromkeys((nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d), ("padding", "value")),
    **dict.fromkeys(
        (
            *(nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
            *(nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d),
            *(nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
            *(nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d),
        ),
        ("padding",),
    ),
    **LEAVES,
}
"""The modules that can be built again, each with the options that do so."""

UNPRINTED: dict[type[nn.Module], dict[str, object]] = {
    nn.AvgPool1d: {"ceil_mode": False, "count_include_pad": True},
    nn.AvgPool2d: {"ceil_mode": False, "count_include_pad": True, "divisor_override": None},
    nn.AvgPool3d: {"ceil_mode": False, "count_include_pad": True, "divisor_override": None},
    nn.Upsample: {"align_corners": None, "recompute_scale_factor": None},
    nn.MultiheadAttention: {"batch_first": False, "add_zero_attn": False, "dropout": 0.0},
    nn.TransformerEncoderLayer: {"norm_first": False, "activation_relu_or_gelu": 1},
    nn.TransformerDecoderLayer: {"norm_first": False},
}
"""Options that change a module's outputs and that its printed form leaves out, with defaults."""

_ABSENT: dict[type[nn.Module], dict[str, object]] = {
    nn.Embedding: {"max_norm": None, "sparse": False},  # changes weights as it is called; no dense
}


def is_readable(module: nn.Module) -> bool:
    """Whether a module says by its options all that it is."""
    kind = type(module)
    if kind in FIRST:
        return True
    if kind not in OPTIONS:
        return False
    absent = _ABSENT.get(kind, {})
    return all(getattr(module, name) == value for name, value in absent.items()) and all(
        name == "bias" or _is_plain(getattr(module, name)) for name in OPTIONS[kind]
    )


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(item) and not isinstance(item, tuple | list) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int | str)
