"""A run over its steps."""

import numpy as np
import pyarrow as pa

from surfeit.core import StoreError
from surfeit.store import Run, density_of, read_labels
from surfeit.store.run import Status, mask_path
from surfeit.store.summary import Summary, objective_name
from surfeit.viewer.timelines.about import About, about_of, settings_of
from surfeit.viewer.timelines.networks import Networks
from surfeit.viewer.timelines.records import inside, layer_shapes
from surfeit.viewer.timelines.timeline import Learning, Moment, Timeline


class RunTimeline(Timeline):
    """A run over its steps: a moment for each snapshot that is on the disk.

    Args:
        run: any run, a running one too.
        networks: builds its network.

    Raises:
        StoreError: if its record does not describe its layers.
    """

    def __init__(self, run: Run, networks: Networks | None = None) -> None:
        super().__init__(run.key, name_of(run), "step", layer_shapes(run), networks)
        self._run = run

    @property
    def status(self) -> Status:
        """`done`, `running` or `interrupted`."""
        return self._run.status

    @property
    def note(self) -> str | None:
        """Whether it has no snapshots to show."""
        if self._run.steps():
            return None
        later = ": the first one is still to come" if self.status == "running" else ""
        return f"run {self.id[:12]} has no snapshots{later}"

    @property
    def objective(self) -> str | None:
        """What the run's configuration names."""
        return objective_name(self._run)

    def about(self) -> About:
        """What the run's record says."""
        return about_of(self._run)

    def settings(self) -> dict[str, str]:
        """The run's."""
        return settings_of(self._run)

    def steps(self) -> list[int]:
        """The steps of the snapshots."""
        return self._run.steps()

    def moments(self) -> list[Moment]:
        """A moment for each snapshot; epochs from the metrics, where these can be read."""
        try:
            rows = self._metrics().to_pylist()
        except StoreError:  # the weights can still be seen; `learning` says what is wrong
            rows = []
        epochs = {row.get("step"): row.get("epoch") for row in rows}
        return [Moment(step, epochs.get(step), self.id) for step in self._run.steps()]

    def place(self, at: int) -> tuple[Run, int]:
        """The run itself and the step."""
        return self._run, at

    def learning(self) -> Learning:
        """The metrics by step.

        Raises:
            StoreError: if they are damaged.
        """
        return learning_of(self._metrics(), "step")

    def _metrics(self) -> pa.Table:
        inside(self._run.path, self._run.path / "metrics.jsonl")
        return self._run.metrics()


def name_of(run: Run) -> str:
    """What a run is called: its name, model, data, seed and what its mask keeps at the end.

    Raises:
        StoreError: if its mask or its labels are damaged.
    """
    for path in (mask_path(run.path), *run.path.glob("masks/*.safetensors")):
        inside(run.path, path)
    mask = run.mask_at()
    return words_for(
        name=read_labels(run.path).name,
        model=run.about.get("model"),
        data=run.about.get("data"),
        seed=run.config.get("seed"),
        density=density_of(run, mask) if mask else None,
    )


def name_in(summary: Summary) -> str:
    """`name_of` the run that is summed up."""
    return words_for(
        name=summary.name,
        model=summary.model,
        data=summary.data,
        seed=summary.seed,
        density=summary.density,
    )


def words_for(
    *, name: str, model: object, data: object, seed: object, density: float | None
) -> str:
    """What is known of a run as its name on the page."""
    words = str(model or "a network") + (f" on {data}" if data else "")
    words = words if seed is None else f"{words}, seed {seed}"
    if density is not None:
        # Tickets and their controls come by the hundred: the density is what tells them apart.
        words = f"{words}, {100 * density:.3g} % of its weights kept"
    return f"{name}: {words}" if name else words


def learning_of(table: pa.Table, axis: str) -> Learning:
    """The numeric columns of a table by one of them; empty if that is not there."""
    if axis not in table.column_names:
        return Learning(np.empty(0), {})
    numbers = {
        name: table[name].cast(pa.float64()).to_numpy()
        for name in table.column_names
        if pa.types.is_integer(table[name].type) or pa.types.is_floating(table[name].type)
    }
    at = numbers.pop(axis)
    return Learning(at, numbers)
