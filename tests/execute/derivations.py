"""Small trainings, what is derived from them, and what is measured on them; workers import it."""

import os
import signal
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from surfeit.core import Streams, digest
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.train import Job, Origin, Recipe

RECIPE = Recipe(lr=0.05, steps=6, batch_size=20)
small = partial(mlp, (6,))


def data(name="blobs"):
    source = Streams(0).get(name)

    def pair(count):
        labels = torch.randint(0, 3, (count,), generator=source)
        return torch.randn(count, 4, generator=source) + labels[:, None], labels

    return from_tensors(name, train=pair(50), validation=pair(20), test=pair(20))


def job(seed=0, **others):
    return Job(small, data(), RECIPE, seed=seed, **others)


@dataclass(frozen=True)
class Level:
    density: float
    words: tuple[str, ...] = ()


def pruned(base, level, *runs):
    """The first run's largest weights, from the last run's beginning."""
    first, last = runs[0], runs[-1]
    weight = first.tensors()["fc1.weight"].abs()
    mask = {"fc1.weight": weight > weight.flatten().quantile(1 - level.density)}
    parents = tuple(dict.fromkeys(run.key for run in runs))
    return replace(
        base, model=last.model(0), name="pruned", mask=mask, origin=Origin(parents=parents)
    )


def under_mask(base, mask, run):
    return replace(base, mask=mask, origin=Origin(parents=(run.key,)))


def everything(value, run):
    """Fails unless the value arrived whole; see `EVERYTHING`."""
    other = everything_of(value["job"], value["run"])
    for name, one in other.items():
        if isinstance(one, torch.Tensor):
            assert digest({"": one}) == digest({"": value[name]}), name
        elif name in ("job", "run"):
            assert one.key == value[name].key
        elif name == "data":
            assert one.fingerprint == value[name].fingerprint
        elif name == "objective":
            assert one is value[name]
        elif name == "partial":
            assert value[name]() == 6
        else:
            assert one == value[name], (name, one, value[name])
            assert type(one) is type(value[name]), name
    return value["job"]


def everything_of(job, run):
    from surfeit.core import squared_error

    return {
        "none": None,
        "numbers": [1, 2.5, True, float("inf"), -0.0],
        "nested": (1, ("a", [2, (3,)])),
        "empty": {},
        "keys": {1: "a", "b": (2,)},
        "tensor": torch.arange(4.0)[::2],
        "scalar": torch.tensor(True),
        "level": Level(0.5, ("x",)),
        "recipe": replace(RECIPE, schedule="steps", milestones=(2, 4)),
        "path": Path("a b"),
        "function": data,
        "class": Level,
        "partial": partial(sum, [1, 2], start=3),
        "job": job,
        "run": run,
        "data": job.dataset,
        "objective": squared_error,
    }


def no_job(run):
    return run


def fails(run):
    raise ValueError("no such level")


def dies_once(base, store, run):
    """Kills its own process the first time."""
    flag = Path(store) / "died"
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(10)
    return replace(base, seed=9)


def checked(job, run):
    if run.config["seed"] % 2:
        raise ValueError("odd seeds are not to be trained")


def norms(run, dataset, *, power=2, scale=Level(1.0)):
    """A row a tensor; leaves a line in the store each time that it measures."""
    with open(run.path.parents[2] / "measured", "a") as log:
        log.write(f"{run.key}\n")
    for name, value in run.tensors().items():
        norm = value.double().norm(power).item() * scale.density
        yield {"name": name, "norm": norm, "images": len(dataset.train), "shape": (1, 2)}


def odd_rows(run, *, kind):
    nan, infinity = float("nan"), float("inf")
    rows = {
        "nan": {"x": nan},
        "nested": {"x": [1, {"a": (nan,)}]},
        "none": {"x": None},
        "infinite": {"x": infinity, "y": (-infinity, None)},
        "numpy": {"x": np.float32(1.5), "y": np.bool_(True), "z": [np.int64(2)]},
        "dict": {"x": {"a": (1,)}},
        "tensor": {"x": torch.ones(1)},
        "set": {"x": {1}},
        "number": {3: 1.0},
        "inner": {"x": {3: 1.0}},
    }
    yield rows.get(kind, kind)


def returns(run, *, given):
    return given


def raises(run, *, kind):
    """What a user's function may raise: by itself, in the library and in torch."""
    if kind == "torch":
        yield {"x": torch.ones(2) @ torch.ones(3)}
    elif kind == "run":
        yield {"x": run.tensors(12345)}
    elif kind == "ValueError":
        yield {"x": next(iter(()), None) or int("no number")}
    else:
        yield {"x": {}["fc9"]}


def distance(first, second):
    change = first.tensors()["fc1.weight"] - second.tensors()["fc1.weight"]
    yield {"distance": change.norm().item(), "process": os.getpid()}


class Own(nn.Module):
    """What only its own code builds."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 3)

    def forward(self, x):
        return self.body(x)


def own(*, input_shape, classes, generator):
    model = Own()
    nn.init.normal_(model.body.weight, generator=generator)
    nn.init.zeros_(model.body.bias)
    return model


def slow(job, run):
    """A check that takes its time."""
    time.sleep(float(os.environ.get("SLOW", "0")))
