"""Training and recording: recipe, the one visible loop, the recorder."""

from surfeit.train.building import Rewound
from surfeit.train.job import Job
from surfeit.train.numerics import Numerics
from surfeit.train.origin import Origin
from surfeit.train.pruning import Pruning
from surfeit.train.recipe import REPORT_RECIPES, Recipe, report_recipe
from surfeit.train.recorder import Recorder
from surfeit.train.recording import Conduct, Moment, Snapshots
from surfeit.train.training import stored_run, train, train_job

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
]
