"""`surfeit train`."""

from functools import partial
from math import ceil
from typing import Annotated

from cyclopts import Parameter

from surfeit.cli.builders import check_names, trainable
from surfeit.cli.flags import (
    LabelNoise,
    ProbeNames,
    Quiet,
    TrainedData,
    TrainedModel,
    TrainedObjective,
)
from surfeit.cli.initials import InitialOptions
from surfeit.cli.names import probe_of
from surfeit.cli.options import Carrying, Machine, Places
from surfeit.cli.progress import telling, training_teller
from surfeit.cli.recipes import RecipeOptions
from surfeit.cli.sizes import LARGE, in_words, say_if_large
from surfeit.cli.values import Seed, Whole

_PLACES, _MACHINE, _CARRYING, _OPTIONS = Places(), Machine(), Carrying(), RecipeOptions()
_INITIALS = InitialOptions()


def train(
    *,
    model: TrainedModel = "lenet-300-100",
    data: TrainedData = "digits",
    label_noise: LabelNoise = 0.0,
    recipe: str | None = None,
    objective: TrainedObjective = "cross-entropy",
    seed: Seed = 0,
    keep_every: Annotated[Whole, Parameter(name="--snapshot-epochs")] = 1,
    per_decade: Annotated[Whole, Parameter(name="--snapshots-per-decade")] = 0,
    probe: ProbeNames = None,
    probe_every: Whole | None = None,
    quiet: Quiet = False,
    options: RecipeOptions = _OPTIONS,
    initials: InitialOptions = _INITIALS,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
    carrying: Carrying = _CARRYING,
) -> None:
    """Train a network while recording it; print the run's key, alone, on stdout.

    The same training is never done twice: if it is in the store its key is printed at once, and
    if it was interrupted it goes on, bit for bit as if it had not been.

    Parameters
    ----------
    recipe
        'report' for the network's recipe in Heitmann 2020; without it SGD at 0.1, batch 128,
        40 epochs. The flags below change it.
    seed
        Of initial weights, order, augmentation, dropout and noise.
    keep_every
        Keep the weights at the end of every n-th epoch; 0 for the first and last step only.
    per_decade
        Keep so many log-spaced steps between 1 and 10, 10 and 100, ... as well.
    probe_every
        Let the probes look at every n-th step, from step 0 on; at every one if not given.
    quiet
        Say nothing but the key and errors.
    """
    from surfeit.core import objective_named, unknown
    from surfeit.train import Recipe, report_recipe

    if recipe not in (None, "report"):
        raise unknown("recipe", recipe, ["report"])
    base = report_recipe(model) if recipe == "report" else Recipe()
    chosen = options.applied_to(base)
    check_names(model, data)
    minimised, builder = objective_named(objective), initials.applied_to(trainable(model))
    if probe_every is not None and not probe:
        raise ValueError("--probe-every is of probes: name one by --probe")
    period = 1 if probe_every is None else probe_every
    probes = [one.every(period) for one in map(probe_of, probe or ())]
    from surfeit.train import Snapshots
    from surfeit.train import train as train_run
    from surfeit.train.job import Job
    from surfeit.train.snapshots import bytes_at_most

    kept = Snapshots(every_epochs=keep_every, per_decade=per_decade)
    store, numerics = places.store, machine.numerics
    dataset = places.data_named(data, label_noise)
    with telling(quiet) as teller:
        conduct = carrying.conduct(training_teller(teller, f"training {model} on {data}"))
        size = bytes_at_most(builder, dataset, chosen, kept)
        job = partial(Job, builder, dataset, chosen, seed, None, numerics, objective=minimised)
        say_if_large(size, store, _fewer(size, keep_every), teller, job)
        run = train_run(
            builder,
            dataset,
            chosen,
            seed=seed,
            objective=minimised,
            snapshots=kept,
            probes=probes,
            store=store,
            numerics=numerics,
            conduct=conduct,
        )
        for last in run.metrics().to_pylist()[-1:]:  # none in a folder from elsewhere
            teller.say(f"{model} on {data}, {last['step']} steps: {_result(last)}")
    print(run.key)


def _fewer(size: int, every: int) -> str:
    """What keeps fewer snapshots than one every so many epochs."""
    if not every:
        return "fewer --snapshots-per-decade or a smaller --model write less"
    wider = ceil(every * size / LARGE)
    return (
        f"--snapshot-epochs {wider} writes about {in_words(LARGE)}, --snapshot-epochs 0 the first "
        "and the last weights alone"
    )


def _result(last: dict[str, float]) -> str:
    """What a training ended with: accuracies, or R² or losses where there are no classes."""
    splits = ("validation", "test")
    if f"{splits[0]}_accuracy" in last:
        shares = [f"{100 * last[f'{name}_accuracy']:.2f} % on the {name} images" for name in splits]
        return f"{' and '.join(shares)} classified right"
    kind, words = ("r2", "R²") if f"{splits[0]}_r2" in last else ("loss", "loss")
    return " and ".join(f"{name} {words} {last[f'{name}_{kind}']:.4g}" for name in splits)
