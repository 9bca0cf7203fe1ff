"""What may be changed of a recipe, as a group of flags."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, get_args

from cyclopts import Group, Parameter

from surfeit.cli.flags import flag, listed
from surfeit.cli.values import Whole, WholeNumbers
from surfeit.train import recipe

if TYPE_CHECKING:
    from surfeit.train import Recipe

RECIPE = Group("Recipe (what is not given is the recipe's own)", sort_key=2)

if TYPE_CHECKING:
    OptimizerName = str
    ScheduleName = str
    AugmentationName = str
    GranularityName = str
else:
    OptimizerName = flag(recipe.Optimizer, help=f"{listed(get_args(recipe.Optimizer))}.")
    ScheduleName = flag(recipe.Schedule, help=f"{listed(get_args(recipe.Schedule))}.")
    AugmentationName = flag(recipe.Augmentation, help=f"{listed(get_args(recipe.Augmentation))}.")
    GranularityName = flag(
        recipe.Granularity,
        help="What targeted dropout drops: weight (of each unit) or unit (of each layer).",
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
    optimizer: OptimizerName | None = None
    lr: float | None = None
    "Learning rate."
    momentum: float | None = None
    "Of sgd and rmsprop."
    nesterov: bool | None = None
    "Nesterov's form of momentum."
    beta1: float | None = None
    "Decay of the first moment in adam and adamw."
    beta2: float | None = None
    "Decay of the second moment in adam and adamw."
    alpha: float | None = None
    "Decay of the mean square in rmsprop."
    epsilon: float | None = None
    "Added to the denominator of every optimizer but sgd."
    schedule: ScheduleName | None = None
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
    augmentation: AugmentationName | None = None
    augmentation_pixels: Whole | None = None
    "How far an image is shifted at most."
    evaluate_every: Whole | None = None
    "Steps between two looks at the validation images, beside those at the ends of epochs."
    critical_share: float | None = None
    "Of the weights, the share in (0, 1] that each step's gradient moves: those of largest |w g|."
    targeted_dropout: float | None = None
    "The rate at which each step drops each targeted weight or unit; needs --targeted-share."
    targeted_share: float | None = None
    "The share of the smallest weights or units, in [0, 1), that targeted dropout may drop."
    targeted_granularity: GranularityName | None = None
    input_noise: float | None = None
    "Standard deviation of Gaussian noise on each step's inputs."
    weight_noise: float | None = None
    "Standard deviation of Gaussian noise on the weights at which each gradient is taken."
    label_noise: Annotated[float | None, Parameter(name="--batch-label-noise")] = None
    "Share of each batch's labels drawn anew from all classes; its mean is label smoothing."
    drop_connect: float | None = None
    "The rate in [0, 1) at which each step leaves out each weight."
    max_norm: float | None = None
    "The largest norm of a unit's weight vector, to which longer ones are scaled after each step."

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
        try:
            return replace(base, **given)
        except ValueError as error:
            # The flag of that name is another one, of the data.
            raise ValueError(str(error).replace("label_noise", "batch_label_noise")) from error
