"""Modules of torch that are made of others, or whose options are not all attributes of theirs.

What such a module was built with is read off it; whether that says all, a second one tells, which
is built from it on the meta device: where the two differ in a part, a setting or a shape, somebody
has changed the module since, and nothing builds it again.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.parameter import is_lazy

Options = dict[str, Any]

_ACTIVATIONS = {"relu": functional.relu, "gelu": functional.gelu}
_PLAIN = (bool, int, float, str, type(None))


def _named(*names: str) -> Callable[[nn.Module], Options]:
    """Reads options that the module keeps as attributes; a bias as whether there is one."""

    def read(module: nn.Module) -> Options:
        values = {name: getattr(module, name) for name in names}
        return {
            n: v is not None and v is not False if n == "bias" else v for n, v in values.items()
        }

    return read


def _distance(module: Any) -> Options:
    return {"p": module.norm, "eps": module.eps, "keepdim": module.keepdim}


def _cell(module: Any) -> Options:
    options = {"input_size": module.input_size, "hidden_size": module.hidden_size}
    extra = {"nonlinearity": module.nonlinearity} if isinstance(module, nn.RNNCell) else {}
    return options | {"bias": module.bias} | extra


def _attention(module: Any) -> Options:
    return {
        "embed_dim": module.embed_dim,
        "num_heads": module.num_heads,
        "dropout": module.dropout,
        "bias": module.in_proj_bias is not None,
        "add_bias_kv": module.bias_k is not None,
        "add_zero_attn": module.add_zero_attn,
        "kdim": module.kdim,
        "vdim": module.vdim,
        "batch_first": module.batch_first,
    }


def _transformer_layer(module: Any) -> Options:
    names = [name for name, own in _ACTIVATIONS.items() if own is module.activation]
    if not names:
        raise ValueError("an activation of the user's own")
    return {
        "d_model": module.self_attn.embed_dim,
        "nhead": module.self_attn.num_heads,
        "dim_feedforward": module.linear1.out_features,
        "dropout": module.dropout.p,
        "activation": names[0],
        "layer_norm_eps": module.norm1.eps,
        "batch_first": module.self_attn.batch_first,
        "norm_first": module.norm_first,
        "bias": module.linear1.bias is not None,
    }


def _transformer(module: Any) -> Options:
    layer, norm = module.layers[0], module.norm
    if norm is not None and type(norm) is not nn.LayerNorm:
        raise ValueError("a normalisation of another kind")
    read = _named("normalized_shape", "eps", "elementwise_affine", "bias")
    return {
        "layer": _transformer_layer(layer),
        "num_layers": module.num_layers,
        "norm": None if norm is None else read(norm),
    }


def _encoder(module: Any) -> Options:
    nested = {name: getattr(module, name) for name in ("enable_nested_tensor", "use_nested_tensor")}
    return _transformer(module) | nested | {"mask_check": module.mask_check}


_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")
_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")

COMPOUND: dict[type[nn.Module], Callable[[nn.Module], Options]] = {
    nn.Bilinear: _named("in1_features", "in2_features", "out_features", "bias"),
    nn.EmbeddingBag: _named(
        *("num_embeddings", "embedding_dim", "scale_grad_by_freq", "mode"),
        *("include_last_offset", "padding_idx"),
    ),
    nn.CosineSimilarity: _named("dim", "eps"),
    nn.PairwiseDistance: _distance,
    nn.CrossMapLRN2d: _named("size", "alpha", "beta", "k"),
    nn.SyncBatchNorm: _named(*_NORM),
    nn.RNN: _named(*_RECURRENT, "bidirectional", "nonlinearity"),
    nn.GRU: _named(*_RECURRENT, "bidirectional"),
    nn.LSTM: _named(*_RECURRENT, "bidirectional", "proj_size"),
    nn.RNNCell: _cell,
    nn.GRUCell: _cell,
    nn.LSTMCell: _cell,
    nn.MultiheadAttention: _attention,
    nn.TransformerEncoderLayer: _transformer_layer,
    nn.TransformerDecoderLayer: _transformer_layer,
    nn.TransformerEncoder: _encoder,
    nn.TransformerDecoder: _transformer,
}
"""How the options of each kind are read."""

_KINDS = {kind.__name__: kind for kind in COMPOUND}


def read_options(module: nn.Module) -> Options | None:
    """The options that build a module of these kinds again, as JSON; None if they do not say all.

    Cost: a module of the kind is made without memory for its weights: about a millisecond.
    """
    if any(is_lazy(value) for value in module.parameters()):
        return None
    try:
        options = json.loads(json.dumps(COMPOUND[type(module)](module), allow_nan=False))
        with torch.device("meta"):
            twin = build(type(module).__name__, options)
    except (AttributeError, TypeError, ValueError, AssertionError, RuntimeError):
        return None  # somebody has changed what the module was built with
    return options if _alike(module, twin) else None


def build(kind: str, options: Mapping[str, Any]) -> nn.Module:
    """A module of a kind from its options, as `read_options` gives them."""
    if kind in ("TransformerEncoder", "TransformerDecoder"):
        return _stacked(kind, options)
    return _KINDS[kind](**options)


def same_parts(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same modules, parameters and buffers by name, kind, shape."""
    return _parts(one) == _parts(other)


def _stacked(kind: str, options: Mapping[str, Any]) -> nn.Module:
    norm = options["norm"]
    end = None if norm is None else nn.LayerNorm(**norm)
    if kind == "TransformerDecoder":
        layer = nn.TransformerDecoderLayer(**options["layer"])
        return nn.TransformerDecoder(layer, options["num_layers"], end)
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(**options["layer"]),
        options["num_layers"],
        end,
        # As it turned out: where it could not be as it was asked for, torch warns again.
        enable_nested_tensor=options["use_nested_tensor"],
        mask_check=options["mask_check"],
    )
    encoder.enable_nested_tensor = options["enable_nested_tensor"]
    return encoder


def _alike(one: nn.Module, other: nn.Module) -> bool:
    return same_parts(one, other) and all(
        _settings(part) == _settings(twin)
        for part, twin in zip(one.modules(), other.modules(), strict=True)
    )


def _parts(network: nn.Module) -> tuple[object, ...]:
    modules = [(name, type(part)) for name, part in network.named_modules()]
    tensors = [  # tied ones at every place: what is tied is described apart
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    ]
    return modules, [(name, tuple(value.shape)) for name, value in tensors]


def _settings(module: nn.Module) -> dict[str, object]:
    """The attributes that say what a module does; a function or an object by which one it is."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    public.pop("training")
    if isinstance(module, nn.SyncBatchNorm):
        public.pop("process_group")  # of the processes that trained it
    return {n: v if _is_plain(v) else ("object", id(v)) for n, v in public.items()}


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(item) for item in value)
    return isinstance(value, _PLAIN)
