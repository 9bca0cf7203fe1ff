"""Work functions, each for one thing that can happen to a task; workers import this module."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import torch

from surfeit.core import CollapseError, DiskError
from surfeit.data import read_dataset
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Conduct, Recipe, Snapshots, train

ERRORS = {
    "ValueError": ValueError("density must be in (0, 1], got 7"),
    "CollapseError": CollapseError("layer fc1 would lose all its weights"),
    "DiskError": DiskError("the disk is full: free some space"),
    "KeyError": KeyError("fc9"),
    "MemoryError": MemoryError(),
    "SystemExit": SystemExit(3),
}
no_function = 7


def answer(config, context):
    """A key that says what the work was given; leaves a line in the log."""
    note(context, config.get("x"))
    return json.dumps([config, context.parents, str(context.store)])


def raises(config, context):
    note(context, config["error"])
    raise ERRORS[config["error"]]


def returns_none(config, context):
    return None


def dies(config, context):
    """Kills its own process, so many times in all."""
    note(context, config["x"])
    if log(context.store).count(config["x"]) <= config["times"]:
        os.kill(os.getpid(), config.get("signal", signal.SIGKILL))
        time.sleep(10)
    return "survived"


def surroundings(config, context):
    found = {
        "threads": torch.get_num_threads(),
        "openmp": os.environ["OMP_NUM_THREADS"],
        "variable": os.environ.get("SURFEIT_DATA"),
        "main": sorted(vars(sys.modules["__main__"])),
        "process": os.getpid(),
    }
    torch.set_num_threads(3)  # the next task must not see it
    return json.dumps(found)


def stubborn(config, context):
    """Hears no signal but the last; `times` is how often, always if it is not given."""
    note(context, "stubborn")
    if log(context.store).count("stubborn") > config.get("times", 1000):
        return "obeyed"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (context.store / "process").write_text(str(os.getpid()))
    context.began("stubborn", 1)
    time.sleep(60)
    return "never"


def train_digits(config, context):
    """A real training; slow, an epoch at a time, while the file `slow` is in the store."""
    begun = []

    def progress(moment):
        if not begun:
            context.began(moment.key, moment.steps)
            begun.append(moment)
        if (context.store / "slow").exists():
            time.sleep(0.05)

    run = train(
        mlp((32,), input_shape=(1, 8, 8), classes=10),
        read_dataset(Path(config["data"])),
        Recipe(optimizer="adam", lr=0.003, epochs=120, batch_size=200),
        seed=config["seed"],
        snapshots=Snapshots(every_epochs=50),
        store=Store(context.store),
        conduct=Conduct(checkpoint_seconds=config.get("checkpoint", 1000), progress=progress),
    )
    return run.key


def note(context, what):
    """Adds a line to the log."""
    context.store.mkdir(parents=True, exist_ok=True)
    with open(context.store / "log", "a") as file:
        file.write(f"{what}\n")


def log(store):
    """What was done, in the order in which it began."""
    return (store / "log").read_text().split() if (store / "log").exists() else []
