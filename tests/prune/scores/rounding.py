"""How far rounding may move a score: by `ROUNDINGS · eps` of what was added up for it.

A score may be tiny beside the terms that it is a sum or a difference of: `1 − |r|` of two units
whose outputs repeat each other is nothing but the rounding of two ones, and gradients cancel where
the loss is at its least. So errors are compared with the sums of the terms' absolute values. Those
are what the same network gives with absolute weights on absolute inputs, its ReLUs left out
(Higham 2002, section 3.1): its derivatives are sums of the absolute values of the terms that the
network's own derivatives are sums of.
"""

import copy
from functools import lru_cache

import torch
from torch import nn

from surfeit.core import Split
from surfeit.prune import CRITERIA
from surfeit.prune.scores import SCORES, Evidence

EPS = torch.finfo(torch.float64).eps
ROUNDINGS = 200  # additions and products on one way through these networks and back
OF_WEIGHTS = [name for name, one in CRITERIA.items() if not (one.needs_examples or one.draws)]
DAMPING = 1e-4  # of obs


def terms(name, evidence):
    """What the score of this name adds up, in absolute value, shaped like the score."""
    if name in ("snip", "taylor", "grasp", "obd", "taylor_unit"):
        return _of_derivatives(name, evidence)
    value = SCORES[name](evidence) if name in SCORES else CRITERIA[name].scores(evidence)
    if name == "obs":
        return _of_inverse(value, evidence)
    if name == "activation_correlation":
        return _of_correlation(value, evidence)
    if name in (*OF_WEIGHTS, "synflow"):
        return value  # sums of positive numbers
    own = {
        key: w.abs() + evidence.initial_weights[key].abs() for key, w in evidence.weights.items()
    }
    return {key: value[key].abs() + own[key] for key in value}


def absolute(evidence):
    """The absolute network, and evidence of it on absolute images."""
    network = copy.deepcopy(evidence.network)
    for key, module in list(network.named_children()):
        if isinstance(module, nn.ReLU):
            setattr(network, key, nn.Identity())
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean = -module.running_mean.abs()
    for value in network.parameters():
        value.data = value.data.abs()
    split = Split(evidence.examples.images.abs(), evidence.examples.labels)
    return network, Evidence(network, split=split)


def _of_derivatives(name, evidence):
    own = dict(absolute(evidence)[0].named_parameters())
    cases = _cases(evidence)

    def mean(parts):
        parts = list(parts)
        return {key: sum(part[key].detach() for part in parts) / len(parts) for key in parts[0]}

    if name == "obd":
        h = mean({key: slope[key].sum(0).square() for key in own} for _, slope, _, _ in cases)
        return {key: h[key] * own[key].square() for key in evidence.names}
    g = mean({k: torch.tensordot(u, J, 1) for k, J in slope.items()} for _, slope, u, _ in cases)
    if name == "grasp":
        flow = mean(_curved(*case, g, evidence.names) for case in cases)
        return {key: flow[key] * own[key] for key in evidence.names}
    snip = {key: g[key] * own[key] for key in own}
    if name == "snip":
        return {key: snip[key] for key in evidence.names}
    value = CRITERIA[name].scores(evidence) if name == "taylor_unit" else SCORES[name](evidence)
    if name == "taylor_unit":
        snip = {k: snip[f"{k}.weight"].flatten(1).sum(1) + snip[f"{k}.bias"] for k in value}
    # Of a square: twice the root's error times the root, and that error's square.
    return {k: (2 * v.sqrt() + ROUNDINGS * EPS * snip[k]) * snip[k] for k, v in value.items()}


@lru_cache(maxsize=1)
@torch.enable_grad()
def _cases(evidence):
    """For each image: leaves, slopes `J` [classes, ...] of the absolute outputs in them, and the
    terms of the loss's first and second derivatives in the outputs."""
    network, _ = absolute(evidence)
    cases = []
    for image, label in zip(evidence.examples.images, evidence.examples.labels, strict=True):
        leaves = {key: w.detach().requires_grad_() for key, w in network.named_parameters()}
        z = torch.func.functional_call(network, leaves, (image[None].abs(),))[0]
        slopes = [torch.autograd.grad(k, list(leaves.values()), create_graph=True) for k in z]
        J = {key: torch.stack(rows) for key, *rows in zip(leaves, *slopes, strict=True)}
        p = evidence.network(image[None])[0].softmax(0)
        y = nn.functional.one_hot(label, len(p))
        # p is off by roundings of the outputs' terms, p − y by roundings of 1 as well.
        spread = p * (1 - p)
        bend = torch.diag(p) - p[:, None] * p
        u = y + (p - y).abs() + spread * z.detach()
        cases.append((leaves, J, u, bend.abs() + EPS))
    return cases


@torch.enable_grad()
def _curved(leaves, J, u, bend, v, names):
    """`(Σ_k u_k ∂²z_k + Σ_kl bend_kl ∂z_k ∂z_l^T) v` of one image."""
    along = torch.stack([(J[key] * v[key]).flatten(1).sum(1) for key in names]).sum(0)
    inputs = [leaves[key] for key in names]
    found = torch.autograd.grad(along @ u, inputs, retain_graph=True, materialize_grads=True)
    slope = bend @ along.detach()
    return {
        k: f + torch.tensordot(slope, J[k].detach(), 1) for k, f in zip(names, found, strict=True)
    }


def _of_inverse(value, evidence):
    """Errors of a matrix grow in its inverse by its size over its least eigenvalue."""
    inputs, large = _inputs(evidence.network, evidence.examples), _inputs(*_both(evidence))
    found = {}
    for name, score in value.items():
        key = name.removesuffix(".weight")
        least = DAMPING * inputs[key].square().sum() / inputs[key].shape[1]
        found[name] = score * large[key].square().sum() / least.clamp_min(1e-200)
    return found


def _both(evidence):
    network, other = absolute(evidence)
    return network, other.examples


@torch.no_grad()
def _inputs(network, split):
    found, x = {}, split.images
    for key, module in network.named_children():
        if isinstance(module, nn.Conv2d):
            found[key] = nn.functional.unfold(x, module.kernel_size).transpose(1, 2).flatten(0, 1)
        elif isinstance(module, nn.Linear):
            found[key] = x
        x = module(x)
    return found


def _of_correlation(value, evidence):
    """1, and what outputs are off by beside how much they vary."""
    large = absolute(evidence)[1].activations
    found = {}
    for name, outputs in evidence.activations.items():
        spread = (outputs - outputs.mean(dim=0)).norm(dim=0)
        speaks = value[name] > 0
        speaks |= spread > 1e-9 * outputs.abs().amax(dim=0)
        off = large[name].norm(dim=0)[speaks] / spread[speaks]
        found[name] = torch.ones_like(value[name]) * (1 + off.sum())
    return found
