"""The learning rate at a step."""

import math

from surfeit.train.recipe import Recipe


def rate(recipe: Recipe, step: int, total: int) -> float:
    """The learning rate of the update after `step` updates, of `total`; pure in its arguments.

    `constant`: lr. `steps`: lr · decay^(milestones passed). `cosine`: lr (1 + cos(π t / T)) / 2.
    `inverse`: lr / (1 + t / decay_steps), which meets Robbins and Monro's conditions (1951). During
    warm-up this is multiplied by (t + 1) / warmup_steps.

    Args:
        recipe: names the schedule.
        step: updates made so far, in [0, total).
        total: updates of the whole training.
    """
    lr = recipe.lr
    if recipe.schedule == "steps":
        lr *= recipe.decay ** sum(step >= milestone for milestone in recipe.milestones)
    elif recipe.schedule == "cosine":
        lr *= (1 + math.cos(math.pi * step / total)) / 2
    elif recipe.schedule == "inverse":
        assert recipe.decay_steps is not None
        lr /= 1 + step / recipe.decay_steps
    if step < recipe.warmup_steps:
        lr *= (step + 1) / recipe.warmup_steps
    return lr
