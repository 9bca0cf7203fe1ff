"""Training and recording: recipe, the one visible loop, the recorder."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.train.building import Origin, Rewound
    from surfeit.train.conduct import Conduct, Moment, Numerics
    from surfeit.train.job import Job
    from surfeit.train.pruning import Pruning
    from surfeit.train.recipe import REPORT_RECIPES, Recipe, report_recipe
    from surfeit.train.recorder import Recorder
    from surfeit.train.snapshots import Snapshots
    from surfeit.train.training import stored_run, train, train_job, train_together

__all__ = [
    "REPORT_RECIPES",
    "Conduct",
    "Job",
    "Moment",
    "Numerics",
    "Origin",
    "Pruning",
    "Recipe",
    "Recorder",
    "Rewound",
    "Snapshots",
    "report_recipe",
    "stored_run",
    "train",
    "train_job",
    "train_together",
]

lazy_front(__name__)
