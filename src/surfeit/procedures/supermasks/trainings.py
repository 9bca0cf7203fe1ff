"""What is trained for a comparison of supermasks: each method's network and recipe."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from surfeit.core import Streams
from surfeit.data import Dataset
from surfeit.execute import Derived
from surfeit.models import Builder
from surfeit.procedures.supermasks.actions import signed_constants
from surfeit.procedures.supermasks.bernoulli import BernoulliMask
from surfeit.procedures.supermasks.config import SupermaskConfig
from surfeit.procedures.supermasks.edge_popup import EdgePopup, kaiming
from surfeit.train import Job, Numerics, Recipe, Snapshots

_ENDS = Snapshots(every_epochs=0)  # of a mask's training the first and the last suffice


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A way to train a mask: a `BernoulliMask`, or `EdgePopup` where there is a density.

    Args:
        constant: whether the weights are signed constants; those of edge-popup always are.
        rescale: dynamic weight rescaling.
        density: of edge-popup, in (0, 1]; or None.
    """

    constant: bool = False
    rescale: bool = False
    density: float | None = None

    @property
    def method(self) -> str:
        """The method's name in the table."""
        if self.density is not None:
            return "edge-popup"
        weights = "constant" if self.constant else "initial"
        return f"{'rescaled' if self.rescale else 'learned'}-{weights}"

    @property
    def name(self) -> str:
        """What the training is called: `learned-initial`, ..., `edge-popup 0.5`."""
        return self.method if self.density is None else f"{self.method} {self.density:g}"

    def masked(self, network: nn.Module, seed: int) -> BernoulliMask | EdgePopup:
        """The network with its mask, untrained; thresholds, scores and constants are the seed's."""
        streams = Streams(seed)
        if self.density is not None:
            weights = kaiming(network, streams.get("kaiming"), density=self.density)
            generator = streams.get("scores")
            return EdgePopup(signed_constants(weights), density=self.density, generator=generator)
        weights = signed_constants(network) if self.constant else network
        return BernoulliMask(weights, generator=streams.get("thresholds"), rescale=self.rescale)

    def recipe(self, config: SupermaskConfig) -> Recipe:
        """How its scores are trained."""
        if self.density is not None:
            return config.popup
        return config.rescaled if self.rescale else config.learned


def learned_masks(config: SupermaskConfig) -> list[Learned]:
    """All masks that are trained, in the order of the table."""
    ways = [(rescale, constant) for rescale in (False, True) for constant in (False, True)]
    bernoulli = [Learned(rescale=rescale, constant=constant) for rescale, constant in ways]
    return [*bernoulli, *(Learned(density=share) for share in config.densities)]


def supermask_jobs(
    model: Builder,
    dataset: Dataset,
    config: SupermaskConfig,
    *,
    seeds: Iterable[int],
    numerics: Numerics | None = None,
) -> dict[str, Job | Derived]:
    """All trainings that `supermask_table` measures, for `train_many`.

    Returns:
        trainings by name: `replicate 0, trained`, `replicate 0, learned-initial`, ...,
        `replicate 0, edge-popup 0.5`, replicate by replicate. A masked network is built where it
        is trained.

    Raises:
        ValueError: as `Job`.
    """
    jobs: dict[str, Job | Derived] = {}
    for seed in seeds:
        job = Job(model, dataset, config.trained, seed, numerics=numerics or Numerics())
        job = replace(job, snapshots=_ENDS)
        jobs[training_name(seed, "trained")] = job
        for mask in learned_masks(config):
            derive = partial(masked_job, job=job, mask=mask, recipe=mask.recipe(config))
            jobs[training_name(seed, mask.name)] = Derived(derive=derive, parents=())
    return jobs


def training_name(seed: int, name: str) -> str:
    """What a replicate's training is called."""
    return f"replicate {seed}, {name}"


def masked_job(*, job: Job, mask: Learned, recipe: Recipe) -> Job:
    """The training of a mask on a job's untrained network, by a recipe of its own."""
    masked = mask.masked(job.network, job.seed)
    return replace(job, model=masked, name=type(masked).__name__, recipe=recipe)
