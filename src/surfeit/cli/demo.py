"""`surfeit demo` and `surfeit inspect`: a report on a network's redundancy."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from surfeit.cli.browser import show
from surfeit.cli.builders import check_names, short_name, trainable
from surfeit.cli.flags import (
    DataName,
    LabelNoise,
    ModelName,
    ObjectiveName,
    OpenPage,
    Out,
    Quiet,
    TrainedData,
    TrainedModel,
)
from surfeit.cli.folders import output_folder
from surfeit.cli.interrupts import measured_anew
from surfeit.cli.names import objective_of
from surfeit.cli.noise import noisy_name
from surfeit.cli.options import Carrying, Machine, Places
from surfeit.cli.progress import say_if_unfinished, telling, training_teller
from surfeit.cli.recipes import RecipeOptions
from surfeit.cli.sizes import say_if_large
from surfeit.cli.values import Seed, Whole, Words

if TYPE_CHECKING:
    from surfeit.train import Recipe

_PLACES, _MACHINE, _CARRYING, _OPTIONS = Places(), Machine(), Carrying(), RecipeOptions()


def demo(
    *,
    data: TrainedData = "digits",
    label_noise: LabelNoise = 0.0,
    model: TrainedModel = "lenet-300-100",
    out: Out | None = None,
    seed: Seed = 0,
    open_page: OpenPage = None,
    quiet: Quiet = False,
    options: RecipeOptions = _OPTIONS,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
    carrying: Carrying = _CARRYING,
) -> None:
    """Train a network, then report where it is redundant; print the report's path on stdout.

    With the defaults it takes under a minute on two cores and needs no network. The recipe is the
    report's (Heitmann 2020), but for digits: there it is SGD at 0.1 with momentum 0.9 and weight
    decay 0.001, batch 64, 100 epochs. The recipe's flags change it. A point of accuracy may be
    lost; two where the test images are too few to show what costs one, as those of digits are.

    Parameters
    ----------
    out
        Where to write; by default surfeit-demo-DATA in this folder.
    seed
        Of the training, the random removals and the layouts.
    open_page
        Show the report in a browser; by default where there is a screen.
    quiet
        Say nothing but the report's path and errors.
    """
    recipe = options.applied_to(_recipe(model, data))
    check_names(model, data)
    builder = trainable(model)
    from surfeit.train import train
    from surfeit.train.job import Job
    from surfeit.train.snapshots import bytes_at_most

    folder = out or Path(f"surfeit-demo-{noisy_name(short_name(data), label_noise)}")
    dataset, store, numerics = places.data_named(data, label_noise), places.store, machine.numerics
    with output_folder(folder), telling(quiet) as teller:
        size = bytes_at_most(builder, dataset, recipe)
        advice = "fewer --epochs do, or 'surfeit train --snapshot-epochs' and 'surfeit inspect'"
        job = partial(Job, builder, dataset, recipe, seed, None, numerics)
        say_if_large(size, store, advice, teller, job)
        run = train(
            builder,
            dataset,
            recipe,
            seed=seed,
            store=store,
            numerics=numerics,
            conduct=carrying.conduct(training_teller(teller, f"training {model} on {data}")),
        )
        from surfeit.report.config import ReportConfig
        from surfeit.report.write import headline_of, write_report

        with numerics.in_force():
            config = ReportConfig(seed=seed, loss=_loss(len(dataset.test)))
            page = write_report(run, dataset, folder, config, progress=teller.stage)
        teller.say(headline_of(folder))
    _show(page, open_page)


def inspect(
    run: str,
    *,
    layers: Annotated[Words | None, Parameter(name=("--layers", "--layer"))] = None,
    out: Out | None = None,
    data: DataName = None,
    model: ModelName = None,
    objective: ObjectiveName = None,
    loss: float = 0.01,
    curvature: Annotated[bool, Parameter(negative=())] = False,
    seed: Seed = 0,
    open_page: OpenPage = None,
    threads: Whole = 1,
    quiet: Quiet = False,
    places: Places = _PLACES,
) -> None:
    """Report where a recorded network is redundant; print the report's path on stdout.

    Says how many units of each layer can go, with 95 % confidence, on stderr.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, or its folder.
    layers
        The layers to measure; if not given all but output layers, unused ones and embeddings.
    out
        Where to write; by default surfeit-inspect-KEY in this folder.
    loss
        What may be lost of accuracy, or of R² where real numbers are met by their squared error, a
        fraction: 0.01 is one point. Of any other loss, its rise as a share of itself.
    curvature
        Measure as well how the loss bends around the weights, on 1,000 training examples; see
        surfeit curvature.
    seed
        Of the random removals, the layouts, and what the curvature is measured with.
    open_page
        Show the report in a browser; by default where there is a screen.
    threads
        CPU threads; two commands side by side beat one on two threads.
    quiet
        Say nothing but the report's path and errors.
    """
    found = places.store.find(run)
    dataset = places.data_of(found, data)
    judge = objective_of(objective, found, dataset)
    into = places.network_of(model, dataset)
    folder = out or Path(f"surfeit-inspect-{found.key[:8]}")

    from surfeit.report.config import ReportConfig
    from surfeit.report.write import headline_of, write_report

    config = ReportConfig(seed=seed, layers=layers, loss=loss, curvature=curvature)
    with measured_anew(), telling(quiet) as teller, Machine(threads=threads).numerics.in_force():
        say_if_unfinished(found, teller)
        page = write_report(
            found, dataset, folder, config, objective=judge, into=into, progress=teller.stage
        )
        teller.say(headline_of(folder))
    _show(page, open_page)


def _recipe(model: str, data: str) -> "Recipe":
    from surfeit.train import REPORT_RECIPES, Recipe, report_recipe

    if data == "digits":
        return Recipe(lr=0.1, momentum=0.9, weight_decay=1e-3, batch_size=64, epochs=100)
    # A network the report does not have is trained as its fully connected one.
    return report_recipe(model if model in REPORT_RECIPES else "lenet-300-100")


def _loss(images: int) -> float:
    """What may be lost: a point, or as few images could show nothing for that, two."""
    from surfeit.prune import examples_needed

    return 0.01 if images >= examples_needed(0.01) else 0.02


def _show(page: Path, open_page: bool | None) -> None:
    print(page)
    show(page.resolve().as_uri(), open_page)
