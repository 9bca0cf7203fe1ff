"""What the study `batch_sharpness` measures: beside it, so that judging anew measures nothing."""

from collections.abc import Iterator
from typing import Any

from surfeit.core import Streams
from surfeit.curvature import LossSurface, adaptive, box_sharpness, hessian
from surfeit.data import Dataset
from surfeit.store import Run
from surfeit.studies._fitting import examples
from surfeit.studies._flatness import top


def sharp(
    run: Run, dataset: Dataset, images: int, boxes: list[float], iterations: int, starts: int
) -> Iterator[dict[str, Any]]:
    """Loss and sharpness at a run's end on the images that it was trained on.

    `phi` and `phi_small_box` are of the two boxes, in percent, `stopped` the share of the starts
    that ended at the bound on iterations; `sharpness` is the Hessian's largest eigenvalue and
    `relative` that by relative changes of the weights, each None if it has not converged.
    """
    seed = run.config["seed"]
    surface = LossSurface.of(run.model(), examples(dataset, images, seed).train)
    wide, narrow = (
        box_sharpness(
            surface,
            box=box,
            iterations=iterations,
            starts=starts,
            generator=Streams(seed).get("box"),
        )
        for box in boxes
    )
    whole = hessian(surface)
    yield {
        "loss": surface.loss,
        "phi": wide.value,
        "phi_small_box": narrow.value,
        "stopped": (wide.stopped + narrow.stopped) / (2 * starts),
        "sharpness": top(whole),
        "relative": top(adaptive(surface, whole)),
        "test_accuracy": run.metrics()["test_accuracy"][-1].as_py(),
    }
