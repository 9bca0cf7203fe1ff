"""A recipe: everything about a training but the network, the data and the seed."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args, get_type_hints

from surfeit.core import unknown
from surfeit.store import NEUTRAL

Optimizer = Literal["sgd", "adam", "adamw", "adagrad", "rmsprop"]
Schedule = Literal["constant", "steps", "cosine", "inverse"]
Augmentation = Literal["shift", "crop-flip"]
Granularity = Literal["weight", "unit"]

_USES_MOMENTUM = ("sgd", "rmsprop")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained, whole: two equal recipes train alike.

    Args:
        optimizer: `sgd`, `adam`, `adamw` (decoupled weight decay), `adagrad` or `rmsprop`.
        lr: the learning rate before its schedule, > 0.
        momentum: of `sgd` and `rmsprop`, in [0, 1).
        nesterov: Nesterov's form of `sgd`'s momentum.
        beta1, beta2: decay of the first and second moment in `adam` and `adamw`, in [0, 1).
        alpha: decay of the mean square in `rmsprop`, in [0, 1).
        epsilon: added to the denominator of the adaptive optimisers, > 0.
        epochs: passes over the training images; 40 if neither this nor `steps` is given.
        steps: optimiser updates, instead of `epochs`.
        batch_size: images a step; each epoch's last batch holds what is left.
        schedule: of the rate at step t of T: `constant`; `steps` (times `decay` at each
            milestone); `cosine` (lr (1 + cos(π t / T)) / 2); `inverse`
            (lr / (1 + t / decay_steps)).
        milestones: steps at which the schedule `steps` lowers the rate, ascending.
        decay: what the rate is multiplied by at a milestone, in (0, 1].
        decay_steps: of the schedule `inverse`: the step at which the rate has halved.
        warmup_steps: the rate rises linearly to its schedule's value over so many steps.
        weight_decay: >= 0, of every trained parameter, biases too. `sgd`, `adam`, `adagrad` and
            `rmsprop` add `weight_decay · w` to the gradient, as an L2 penalty does: momentum and
            mean squares then see it. `adamw` multiplies the weight by `1 - rate · weight_decay`
            before its update, at the step's rate, and its moments see nothing of it.
        l1: L1 coefficient, >= 0: adds `l1 · sign(w)` to the gradients of weights, not of biases.
        clip_norm: the gradients' largest total Euclidean norm, `l1` included and `weight_decay`
            not, or None.
        patience: stop after so many epochs without a lower validation loss, or None. A training
            that prunes is judged from its last pruning on: a denser network is not what is wanted.
        augmentation: `shift` (up to `augmentation_pixels` each way), `crop-flip` (the same as
            a random crop of the padded image, and a mirror image half of the time), or None.
        augmentation_pixels: how far an image is shifted at most, >= 1.
        evaluate_every: measure the validation split every so many steps as well, and not only at
            each epoch's end: early stopping is judged as finely as that. None for epochs alone.
        critical_share: the share of the weights, in (0, 1], that each step's gradient moves: those
            with the largest `|w · ∂L/∂w|`; see `surfeit.train.masking`. None for all of them.
        targeted_dropout: the rate α in [0, 1] at which each step drops each targeted weight or
            unit; see `surfeit.train.masking`. 0 for no targeted dropout.
        targeted_share: the share γ in [0, 1) of the smallest that are targeted.
        targeted_granularity: `weight` (of each unit) or `unit` (of each layer).
        input_noise: the standard deviation of Gaussian noise that is added to each step's inputs,
            >= 0, in their own unit: normalised images have about 1. After augmentation.
        weight_noise: the standard deviation of Gaussian noise on the weights at which each step's
            gradient is taken, >= 0; it moves the weights without the noise. Biases have none.
        label_noise: the share, in [0, 1], of each step's labels that are replaced, afresh, by ones
            drawn from all classes alike. Its mean is label smoothing, see
            `surfeit.train.noise.relabelled`. Metrics of the training set are of the data's labels.
        drop_connect: the rate in [0, 1) at which each step leaves out each weight; those that stay
            are multiplied by 1 / (1 − rate). Biases stay.
        max_norm: the largest Euclidean norm, > 0, of a unit's weight vector, to which longer ones
            are scaled back after each step; None for no bound. See `surfeit.train.max_norm`.

    What a step draws comes from (seed, step). Metrics of the training set are of the outputs as
    they were trained on, with what disturbs them; weights that a mask removes have no noise, frozen
    ones neither, nor are they left out.

    Raises:
        ValueError: if a value is out of its range, or an option is given that nothing would read.
    """

    optimizer: Optimizer = "sgd"
    lr: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    alpha: float = 0.99
    epsilon: float = 1e-8
    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 128
    schedule: Schedule = "constant"
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    decay_steps: int | None = None
    warmup_steps: int = 0
    weight_decay: float = 0.0
    l1: float = 0.0
    clip_norm: float | None = None
    patience: int | None = None
    augmentation: Augmentation | None = None
    augmentation_pixels: int = 4
    evaluate_every: int | None = field(default=None, metadata={NEUTRAL: None})
    critical_share: float | None = field(default=None, metadata={NEUTRAL: None})
    targeted_dropout: float = field(default=0.0, metadata={NEUTRAL: 0.0})
    targeted_share: float = field(default=0.0, metadata={NEUTRAL: 0.0})
    targeted_granularity: Granularity = field(default="weight", metadata={NEUTRAL: "weight"})
    input_noise: float = field(default=0.0, metadata={NEUTRAL: 0.0})
    weight_noise: float = field(default=0.0, metadata={NEUTRAL: 0.0})
    label_noise: float = field(default=0.0, metadata={NEUTRAL: 0.0})
    drop_connect: float = field(default=0.0, metadata={NEUTRAL: 0.0})
    max_norm: float | None = field(default=None, metadata={NEUTRAL: None})

    def __post_init__(self) -> None:
        if self.epochs is None and self.steps is None:
            object.__setattr__(self, "epochs", 40)
        if not isinstance(self.milestones, list | tuple):
            raise ValueError(f"milestones must be ascending steps >= 1, got {self.milestones!r}")
        object.__setattr__(self, "milestones", tuple(self.milestones))
        if not isinstance(self.nesterov, bool):
            raise ValueError(f"nesterov must be True or False, got {self.nesterov!r}")
        self._check_names()
        self._check_ranges()
        self._check_needless()

    def total_steps(self, images: int) -> int:
        """Optimiser updates of the whole training on so many training images."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * self.steps_per_epoch(images)

    def steps_per_epoch(self, images: int) -> int:
        """Optimiser updates of one pass over so many training images."""
        return -(-images // self.batch_size)

    def _check_names(self) -> None:
        for name in ("optimizer", "schedule", "augmentation", "targeted_granularity"):
            value, options = getattr(self, name), _names_of(name)
            if value not in options and not (name == "augmentation" and value is None):
                raise unknown(name, value, options)

    def _check_ranges(self) -> None:
        whole = ("epochs", "steps", "batch_size", "decay_steps", "patience", "augmentation_pixels")
        whole += ("evaluate_every",)
        _require(self, whole, lambda v: isinstance(v, int) and v >= 1, "an integer >= 1")
        positive = ("lr", "epsilon", "clip_norm", "max_norm")
        _require(self, positive, lambda v: 0 < v < float("inf"), "> 0")
        fractions = ("momentum", "beta1", "beta2", "alpha", "targeted_share", "drop_connect")
        _require(self, fractions, lambda v: 0 <= v < 1, "in [0, 1)")
        _require(self, ("decay", "critical_share"), lambda v: 0 < v <= 1, "in (0, 1]")
        _require(self, ("targeted_dropout", "label_noise"), lambda v: 0 <= v <= 1, "in [0, 1]")
        amounts = ("weight_decay", "l1", "input_noise", "weight_noise")
        _require(self, amounts, lambda v: 0 <= v < float("inf"), ">= 0")
        warm = ("warmup_steps",)
        _require(self, warm, lambda v: isinstance(v, int) and v >= 0, "an integer >= 0")
        if self.epochs is not None and self.steps is not None:
            raise ValueError(
                f"give epochs or steps and leave the other None: got {self.epochs} and {self.steps}"
            )
        whole = all(type(step) is int and step >= 1 for step in self.milestones)
        if not whole or list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones must be ascending steps >= 1, got {self.milestones}")

    def _check_needless(self) -> None:
        """An option that nothing would read is a mistake, not a setting."""
        if self.momentum and self.optimizer not in _USES_MOMENTUM:
            raise ValueError(f"{self.optimizer} takes no momentum, got {self.momentum}")
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum):
            raise ValueError("nesterov needs optimizer='sgd' and a momentum above 0")
        if bool(self.milestones) != (self.schedule == "steps"):
            raise ValueError("the schedule 'steps', and no other, needs milestones")
        if (self.decay_steps is not None) != (self.schedule == "inverse"):
            raise ValueError("the schedule 'inverse', and no other, needs decay_steps")
        if bool(self.targeted_dropout) != bool(self.targeted_share):
            raise ValueError(
                "targeted dropout needs both a rate and a share above 0, got targeted_dropout="
                f"{self.targeted_dropout} and targeted_share={self.targeted_share}"
            )
        if self.targeted_granularity != "weight" and not self.targeted_dropout:
            raise ValueError("targeted_granularity is of targeted dropout: it needs its rate")


def _names_of(field: str) -> tuple[str, ...]:
    declared = {
        "optimizer": Optimizer,
        "schedule": Schedule,
        "augmentation": Augmentation,
        "targeted_granularity": Granularity,
    }
    return get_args(declared[field])


def _require(recipe: Recipe, names: tuple[str, ...], allowed: object, words: str) -> None:
    assert callable(allowed)
    for name in names:
        value = getattr(recipe, name)
        if value is None and type(None) in get_args(get_type_hints(Recipe)[name]):
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not allowed(value):
            raise ValueError(f"{name} must be {words}, got {value!r}")


_CONV = Recipe(optimizer="adam", lr=3e-4, batch_size=64, steps=25_000)

REPORT_RECIPES = {
    "lenet-300-100": Recipe(lr=3e-3, momentum=0.9, batch_size=64, steps=50_000),
    "conv-2": replace(_CONV, lr=2e-4, steps=20_000),
    "conv-4": _CONV,
    "conv-6": replace(_CONV, batch_size=60, steps=40_000),
    "vgg19-bn": Recipe(
        lr=0.1,
        momentum=0.9,
        batch_size=64,
        steps=112_000,
        schedule="steps",
        milestones=(56_000, 84_000),
    ),
}


def report_recipe(model: str) -> Recipe:
    """The report's own recipe for a network.

    Args:
        model: `lenet-300-100`, `conv-2`, `conv-4`, `conv-6` or `vgg19-bn`.

    Raises:
        ValueError: if the report has no such network; the nearest are suggested.

    Source: Heitmann 2020, figure 1. It does not state when VGG19-BN's rate falls: we lower it
    after half and three quarters of the steps.
    """
    if model not in REPORT_RECIPES:
        raise unknown("recipe of the report for", model, REPORT_RECIPES)
    return REPORT_RECIPES[model]
