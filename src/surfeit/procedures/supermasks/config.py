"""The configuration of a comparison of supermasks."""

from dataclasses import dataclass, field

from surfeit.procedures.supermasks.edge_popup import check_density
from surfeit.train import Recipe

_TRAINED = Recipe(optimizer="adam", lr=1.2e-3, batch_size=60, epochs=10)
_LEARNED = Recipe(optimizer="adam", lr=0.3, batch_size=250, epochs=15, schedule="cosine")
_RESCALED = Recipe(optimizer="adam", lr=0.2, batch_size=250, epochs=15, schedule="cosine")
_POPUP = Recipe(
    lr=0.1, momentum=0.9, weight_decay=1e-4, batch_size=250, epochs=15, schedule="cosine"
)


@dataclass(frozen=True, kw_only=True)
class SupermaskConfig:
    """How masks of untrained networks are found.

    The rates were chosen on validation images of MNIST for LeNet-300-100.

    Args:
        trained: how the weights are trained that masks by criterion are taken from.
        learned: how scores of Bernoulli masks are trained.
        rescaled: the same with dynamic weight rescaling.
        popup: how scores of edge-popup are trained.
        densities: of edge-popup, one or more, each in (0, 1].
        levels: of masks by criterion; the one with the best validation accuracy is taken.
        samples: how many drawn masks the accuracy of a learned mask is the mean of.

    Raises:
        ValueError: if a density or a count is out of range.
    """

    trained: Recipe = field(default=_TRAINED)
    learned: Recipe = field(default=_LEARNED)
    rescaled: Recipe = field(default=_RESCALED)
    popup: Recipe = field(default=_POPUP)
    densities: tuple[float, ...] = (0.5,)
    levels: tuple[int, ...] = tuple(range(1, 25))
    samples: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "densities", tuple(self.densities))
        object.__setattr__(self, "levels", tuple(self.levels))
        for density in self.densities:
            check_density(density)
        if not self.densities or len(set(self.densities)) < len(self.densities):
            raise ValueError(
                f"densities must be different ones, at least one, got {self.densities}"
            )
        if not self.levels or min(self.levels) < 0:
            raise ValueError(f"levels must be integers >= 0, at least one, got {self.levels}")
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")
