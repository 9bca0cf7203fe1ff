"""Scores from weights after and before training: the mask criteria of Zhou et al. 2019.

All are float64, shaped like the weights; w_f is a weight now, w_i the same before training.
Source of all: Zhou, Lan, Liu and Yosinski 2019, "Deconstructing Lottery Tickets", section 2 and
figure 2; `large_final` is Han et al. 2015 and Frankle and Carbin 2019.  Cost: O(weights).

Raises (all that need w_i):
    ValueError: if the evidence has no initial weights.
"""

import torch
from torch import Tensor

from surfeit.core import Params
from surfeit.prune.evidence import Evidence


def large_final(evidence: Evidence) -> Params:
    """`|w_f|`: large trained weights are kept. Magnitude pruning."""
    return _final(evidence)


def small_final(evidence: Evidence) -> Params:
    """`-|w_f|`: small trained weights are kept. The opposite of magnitude pruning."""
    return {name: -w for name, w in _final(evidence).items()}


def large_init(evidence: Evidence) -> Params:
    """`|w_i|`: weights that began large are kept."""
    return _before(evidence)


def small_init(evidence: Evidence) -> Params:
    """`-|w_i|`: weights that began small are kept."""
    return {name: -w for name, w in _before(evidence).items()}


def large_init_large_final(evidence: Evidence) -> Params:
    """`min(α|w_f|, |w_i|)`: weights that began large and are large are kept.

    `α = mean|w_i| / mean|w_f|` over a layer's kept weights, so that both sides count alike (1 where
    all w_f or all w_i are zero). The authors' program makes them so by cutting both magnitudes at
    the same percentile of the layer, which is an α that depends on the density asked for.
    """
    before, final = _before(evidence), _matched(evidence)
    return {name: torch.minimum(final[name], before[name]) for name in final}


def small_init_small_final(evidence: Evidence) -> Params:
    """`-max(α|w_f|, |w_i|)`: weights that began small and are small are kept.

    α as in `large_init_large_final`.
    """
    before, final = _before(evidence), _matched(evidence)
    return {name: -torch.maximum(final[name], before[name]) for name in final}


def magnitude_increase(evidence: Evidence) -> Params:
    """`|w_f| - |w_i|`: weights that grew are kept."""
    before, final = _before(evidence), _final(evidence)
    return {name: final[name] - before[name] for name in final}


def movement(evidence: Evidence) -> Params:
    """`|w_f - w_i|`: weights that travelled far are kept."""
    final, before = evidence.weights, evidence.initial_weights
    return {name: (w.double() - before[name].double()).abs() for name, w in final.items()}


def _final(evidence: Evidence) -> Params:
    return {name: w.double().abs() for name, w in evidence.weights.items()}


def _before(evidence: Evidence) -> Params:
    return {name: w.double().abs() for name, w in evidence.initial_weights.items()}


def _matched(evidence: Evidence) -> Params:
    """`α|w_f|`."""
    before = _before(evidence)
    return {
        name: _alpha(w[evidence.kept[name]], before[name][evidence.kept[name]]) * w
        for name, w in _final(evidence).items()
    }


def _alpha(final: Tensor, before: Tensor) -> float:
    after, start = float(final.sum()), float(before.sum())
    return start / after if after > 0 and start > 0 else 1.0
