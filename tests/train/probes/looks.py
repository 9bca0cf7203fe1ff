"""Probes of a user's own, at the top level of a module, as workers need them."""

import random

import numpy as np
import torch


def reckless(step):
    """Draws from every generator, changes settings, and writes into what is its own."""
    drawn = random.random() + np.random.rand()  # noqa: NPY002 the global one
    drawn += torch.rand(()).item()
    drawn += torch.rand((), generator=step.generator).item()
    step.inputs.fill_(7)
    step.targets.fill_(0)
    step.outputs()
    step.model.eval()
    step.network().requires_grad_(False)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    return {"drawn": drawn, "epoch": step.epoch}


def writing(step):
    next(iter(step.weights.values())).fill_(7)
    return {"x": 1}


def last_updates(step):
    """What only a look back can know."""
    previous = step.previous
    return {"first": None if previous is None else float(next(iter(previous.values())).sum())}


def failing(step):
    return {"x": [1, 2][step.number]}


def not_finite(step):
    return {"x": float("nan") if step.number else 1.0, "y": float("inf"), "kind": "a"}
