"""Options that several commands share, as groups of flags."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import Group, Parameter

from surfeit.cli.values import Flag, SomePath, Whole

if TYPE_CHECKING:
    from torch import nn

    from surfeit.data import Dataset
    from surfeit.store import Run, Store
    from surfeit.train import Conduct, Moment, Numerics


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


PLACES = Group("Where things are", sort_key=3)
MACHINE = Group("How it runs", sort_key=4)


@Parameter(name="*", group=PLACES)
@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are."""

    root: SomePath | None = None
    "The store of runs; otherwise SURFEIT_STORE, or your data folder."
    data_dir: SomePath | None = None
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
        from surfeit.cli.noise import noisy, parted
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
        base, share = parted(str(recorded))
        known = base in [source.name for source in SOURCES]
        dataset = noisy(load(base, self.data_dir), share) if known else None
        same = dataset is not None and dataset.fingerprint == run.identity.get("data")
        if dataset is None or (share and not same):  # noise may be of another stream
            raise ValueError(
                f"run {run.key[:12]} was trained on {recorded!r}, which cannot be loaded by name "
                "and was not kept with the run, as Recorder(..., keep_data=True) does: give --data "
                "package.module:function or --data path/to/file.py:function, which returns it"
            )
        if not same:
            raise ValueError(
                f"run {run.key[:12]} was trained on another {recorded} than the one found here "
                "(their fingerprints differ): give --data-dir, or --data NAME to measure on "
                "something else"
            )
        return dataset

    def data_named(self, name: str, label_noise: float = 0.0) -> "Dataset":
        """The data set of this name, or that a function of the user's own makes.

        Args:
            name: as the user wrote it.
            label_noise: as of `surfeit.cli.noise.noisy`.

        Raises:
            ValueError: if there is none of the name, or as `surfeit.cli.names.dataset_of` and
                `surfeit.cli.noise.noisy`.
        """
        from surfeit.cli.names import dataset_of, names_a_function
        from surfeit.cli.noise import noisy
        from surfeit.data import load

        dataset = dataset_of(name) if names_a_function(name) else load(name, self.data_dir)
        return noisy(dataset, label_noise)

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
    no_wait: Flag = False
    "Fail at once where another process trains the same run, instead of waiting for it."
    other_numerics: Flag = False
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
