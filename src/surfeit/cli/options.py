"""Options that several commands share, as groups of flags."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from surfeit.cli.values import Whole, WholeNumbers

if TYPE_CHECKING:
    from torch import nn

    from surfeit.data import Dataset
    from surfeit.store import Run, Store
    from surfeit.train import Conduct, Moment, Numerics, Recipe


MOST_REPLICATES = 10_000
"""A larger number is a typing error: each replicate is at least one training."""


def seeds_of(first: int, replicates: int) -> range:
    """The seeds of so many replicates: the first one's and those that follow it.

    Raises:
        ValueError: if there is no replicate, or more than any store could hold.
    """
    if not 1 <= replicates <= MOST_REPLICATES:
        at_most = "at least 1" if replicates < 1 else f"at most {MOST_REPLICATES:,}"
        raise ValueError(f"replicates must be {at_most}, got {replicates}")
    return range(first, first + replicates)


EngineName = Annotated[
    str,
    Parameter(
        name="--on",
        help="What trains and measures: local (as many processes as cores), local:N, here (this "
        "process), ray, ray://HOST:PORT, or slurm; see docs/clusters.md.",
    ),
]
"""The flag that names the engine; see `surfeit.cli.builders.engine_on`."""

Quiet = Annotated[bool, Parameter(negative=())]
"""The flag that leaves nothing but the answer and errors; each command's help says what that is."""

TrainedModel = Annotated[
    str,
    Parameter(
        name="--model",
        help="lenet-300-100, conv-2, conv-4, conv-6, vgg19-bn, mlp-W1-W2-... for hidden layers of "
        "these widths, or package.module:function or path/to/file.py:function, a function of your "
        "own that builds the network; it may take input_shape, classes and generator.",
    ),
]
"""The flag that names the network to train."""

TrainedData = Annotated[
    str,
    Parameter(
        name="--data",
        help="digits (installed), mnist, fashion-mnist or cifar10 (see 'surfeit data'), or a "
        "function of yours that makes a data set: package.module:function or "
        "path/to/file.py:function.",
    ),
]
"""The flag that names the data to train on."""

DataName = Annotated[
    str | None,
    Parameter(
        help="The data set to measure on, where the run does not say: a name, or a function that "
        "makes it, package.module:function or path/to/file.py:function."
    ),
]
"""The flag that names what a run is measured on."""

ModelName = Annotated[
    str | None,
    Parameter(
        help="The function that builds the network, where the run cannot: package.module:function "
        "or path/to/file.py:function. The weights are the run's."
    ),
]
"""The flag that names what builds a run's network."""

ObjectiveName = Annotated[
    str | None,
    Parameter(
        help="cross-entropy, squared-error, hinge or binary-cross-entropy, where the run does not "
        "say."
    ),
]
"""The flag that names what a run's outputs are judged by."""

PLACES = Group("Where things are", sort_key=3)
MACHINE = Group("How it runs", sort_key=4)
RECIPE = Group("Recipe (what is not given is the recipe's own)", sort_key=2)


@Parameter(name="*", group=PLACES)
@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are."""

    root: Path | None = None
    "The store of runs; otherwise SURFEIT_STORE, or your data folder."
    data_dir: Path | None = None
    "The folder of data sets; otherwise SURFEIT_DATA, or your data folder."

    @property
    def store(self) -> "Store":
        """The store that these options name."""
        from surfeit.store import Store

        return Store(self.root)

    def data_of(self, run: "Run", name: str | None = None) -> "Dataset":
        """The data set a run was trained on, or another one by its name or its function's.

        The run's own is the one that was kept with it, else the library's of the recorded name.

        Raises:
            ValueError: if the run's own cannot be known or is not the one found here, or there is
                none of the name.
            DataError: if what was kept with the run is damaged, or the files of the name are.
        """
        from surfeit.data import SOURCES, kept_data, load

        if name is not None:
            return self.data_named(name)
        kept = kept_data(run)
        if kept is not None:
            return kept
        recorded = run.about.get("data")
        if recorded is None:
            raise ValueError(
                f"run {run.key[:12]} does not say what data it saw: give --data NAME, --data "
                "package.module:function or --data path/to/file.py:function"
            )
        if recorded not in [source.name for source in SOURCES]:
            raise ValueError(
                f"run {run.key[:12]} was trained on {recorded!r}, which cannot be loaded by name "
                "and was not kept with the run, as Recorder(..., keep_data=True) does: give --data "
                "package.module:function or --data path/to/file.py:function, which returns it"
            )
        dataset = load(recorded, self.data_dir)
        if dataset.fingerprint != run.identity.get("data"):
            raise ValueError(
                f"run {run.key[:12]} was trained on another {recorded} than the one found here "
                "(their fingerprints differ): give --data-dir, or --data NAME to measure on "
                "something else"
            )
        return dataset

    def data_named(self, name: str) -> "Dataset":
        """The data set of this name, or that a function of the user's own makes.

        Raises:
            ValueError: if there is none of the name, or as `surfeit.cli.names.dataset_of`.
        """
        from surfeit.cli.names import dataset_of, names_a_function
        from surfeit.data import load

        return dataset_of(name) if names_a_function(name) else load(name, self.data_dir)

    def network_of(self, model: str | None, dataset: "Dataset | None") -> "nn.Module | None":
        """The network that a function of the user's own builds for a data set; None without one.

        Args:
            model: the function's name.
            dataset: whose shapes the function may ask for; None if it is not known.

        Raises:
            ValueError: as `surfeit.cli.names.network_of`.
        """
        from surfeit.cli.names import network_of
        from surfeit.core import Streams

        if model is None:
            return None
        options: dict[str, object] = {"generator": Streams(0).get("init")}
        if dataset is not None:
            options |= {"input_shape": dataset.input_shape, "classes": dataset.outputs}
        return network_of(model, **options)


@Parameter(name="*", group=MACHINE)
@dataclass(frozen=True, kw_only=True)
class Machine:
    """What it runs on."""

    device: str = "cpu"
    "cpu, cuda or cuda:1."
    threads: Whole = 1
    "CPU threads; two commands side by side beat one on two threads."

    @property
    def numerics(self) -> "Numerics":
        """The arithmetic that these options name."""
        from surfeit.train import Numerics

        return Numerics(device=self.device, threads=self.threads)


@Parameter(name="*", group=MACHINE)
@dataclass(frozen=True, kw_only=True)
class Carrying:
    """How a training is carried out."""

    checkpoint_seconds: float = 10.0
    "At most so much work is lost when the process is killed."
    no_wait: Annotated[bool, Parameter(negative=())] = False
    "Fail at once where another process trains the same run, instead of waiting for it."
    other_numerics: Annotated[bool, Parameter(negative=())] = False
    "Let a run go on under another torch, CPU or GPU than it began with."

    def conduct(self, progress: "Callable[[Moment], None]") -> "Conduct":
        """The conduct that these options name, telling where it stands."""
        from surfeit.train import Conduct

        return Conduct(
            checkpoint_seconds=self.checkpoint_seconds,
            wait=not self.no_wait,
            other_numerics=self.other_numerics,
            progress=progress,
        )


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """What may be changed of a recipe."""

    epochs: Whole | None = None
    "Passes over the training images."
    steps: Whole | None = None
    "Optimiser updates, instead of epochs."
    batch_size: Whole | None = None
    "Images a step."
    optimizer: str | None = None
    "sgd, adam, adamw, adagrad or rmsprop."
    lr: float | None = None
    "Learning rate."
    momentum: float | None = None
    "Of sgd and rmsprop."
    nesterov: bool | None = None
    "Nesterov's form of momentum."
    schedule: str | None = None
    "constant, steps, cosine or inverse."
    milestones: WholeNumbers | None = None
    "Steps at which the schedule 'steps' lowers the rate."
    decay: float | None = None
    "What the rate is multiplied by at a milestone."
    decay_steps: Whole | None = None
    "Of the schedule 'inverse': the step at which the rate has halved."
    warmup_steps: Whole | None = None
    "The rate rises linearly over so many steps."
    weight_decay: float | None = None
    "L2 coefficient."
    l1: float | None = None
    "L1 coefficient."
    clip_norm: float | None = None
    "The gradients' largest total norm."
    patience: Whole | None = None
    "Stop after so many epochs without a lower validation loss."
    augmentation: str | None = None
    "shift or crop-flip."
    critical_share: float | None = None
    "Of the weights, the share in (0, 1] that each step's gradient moves: those of largest |w g|."
    targeted_dropout: float | None = None
    "The rate at which each step drops each targeted weight or unit; needs --targeted-share."
    targeted_share: float | None = None
    "The share of the smallest weights or units, in [0, 1), that targeted dropout may drop."
    targeted_granularity: str | None = None
    "What targeted dropout drops: weight (of each unit) or unit (of each layer)."

    def applied_to(self, base: "Recipe") -> "Recipe":
        """The recipe with the given options in place of its own.

        Raises:
            ValueError: as `Recipe`.
        """
        from dataclasses import asdict, replace

        given = {name: value for name, value in asdict(self).items() if value is not None}
        if "steps" in given:
            given.setdefault("epochs", None)
        elif "epochs" in given:
            given.setdefault("steps", None)
        return replace(base, **given)
