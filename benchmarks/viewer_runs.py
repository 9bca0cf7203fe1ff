"""Runs that the viewer's benchmark looks at: one really trained, one made up and large."""

from functools import partial

import torch

from surfeit.core import Params, Streams, buffers, parameters
from surfeit.data import load
from surfeit.models import describe, mlp
from surfeit.store import Run, RunWriter, Store, key_of
from surfeit.train import Recipe, train

EPOCHS = 100
MANY = 4096
CLUSTERS = 60
MOMENTS = 6


def trained(store: Store) -> Run:
    """A layer of 512 units trained on digits for 100 epochs, a snapshot each."""
    recipe = Recipe(lr=0.1, momentum=0.9, batch_size=64, epochs=EPOCHS)
    return train(partial(mlp, (512,)), load("digits"), recipe, seed=0, store=store)


def made_up(store: Store) -> Run:
    """A layer of 4,096 units and 784 inputs whose units draw together in 60 directions."""
    network = mlp((MANY,), input_shape=(1, 28, 28), classes=10)
    layers = [
        {"name": "fc1", "kind": "Linear", "shape": [MANY, 784]},
        {"name": "fc2", "kind": "Linear", "shape": [10, MANY]},
    ]
    identity = {
        "config": {"architecture": describe(network), "seed": 0},
        "data": None,
        "parents": [],
    }
    about = {"model": f"mlp-{MANY}", "layers": layers, "created": "2026-01-01"}
    key = key_of(identity)
    writer = RunWriter(store.path_of(key), key=key, identity=identity, about=about)
    first = parameters(network) | buffers(network)
    for moment in range(MOMENTS):
        writer.snapshot(moment, drawn_together(first, moment / (MOMENTS - 1)))
        writer.record({"step": moment, "epoch": float(moment), "train_loss": 1 / (moment + 1)})
    return writer.finish({"steps": MOMENTS - 1})


def drawn_together(first: Params, share: float) -> Params:
    """The weights with those of fc1 on their way to a few directions of unlike size."""
    generator = Streams(0).get("clusters")
    weight = first["fc1.weight"]
    directions = torch.randn(CLUSTERS, weight.shape[1], generator=generator) * weight.std()
    sizes = torch.arange(1, CLUSTERS + 1, dtype=torch.float32).reciprocal()
    of = torch.multinomial(sizes, len(weight), replacement=True, generator=generator)
    pull = torch.rand(len(weight), 1, generator=generator) * 0.8 * share
    return first | {"fc1.weight": (1 - pull) * weight + 2 * pull * directions[of]}
