"""What a report measures and where it draws its lines: all set before the run."""

from dataclasses import dataclass

RANKS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """A report's settings.

    Args:
        layers: names of the layers to measure; None: every layer but the output layer.
        loss: the accuracy that may be lost, a fraction in [0, 1): 0.01 is one point.
        repeats: random removals that the criteria are compared with, at least 2.
        link: the cosine from which two units are joined, in (0, 1]; None: the largest that
            chance alone would give among as many random directions, a layer at a time.
        cluster: the cosine from which units count as nearly equal, in (0, 1].
        ranks: the ranks to project on, ascending; those above a layer's own are left out.
        convolution_images: for convolution layers, at most this many images of each split.
        work: multiplications that the removals and projections of a layer may take, about; beyond,
            they are made on fewer images of each split, and where fewer than 100 were left without
            removals. Layers that are named are measured whatever it takes.
        curvature: whether to measure how the loss bends around the weights.
        curvature_examples: the training examples whose mean loss that is, at most, at least 1.
        seed: draws the random removals, the layouts, and what the curvature is measured with.

    Raises:
        ValueError: if a value is out of range.
    """

    layers: tuple[str, ...] | None = None
    loss: float = 0.01
    repeats: int = 5
    link: float | None = None
    cluster: float = 0.9
    ranks: tuple[int, ...] = RANKS
    convolution_images: int = 500
    work: float = 1e12
    curvature: bool = False
    curvature_examples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            raise ValueError(f"loss must be a fraction in [0, 1), got {self.loss}")
        if self.repeats < 2:
            raise ValueError(
                f"repeats must be at least 2 for a standard deviation, got {self.repeats}"
            )
        for name, value in (("link", self.link), ("cluster", self.cluster)):
            if value is not None and not 0 < value <= 1:
                raise ValueError(f"{name} must be a cosine in (0, 1], got {value}")
        if not self.ranks or min(self.ranks) < 1 or list(self.ranks) != sorted(set(self.ranks)):
            raise ValueError(f"ranks must be ascending and at least 1, got {self.ranks}")
        if not self.work > 0:
            raise ValueError(f"work must be positive, got {self.work}")
        for name in ("convolution_images", "curvature_examples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
