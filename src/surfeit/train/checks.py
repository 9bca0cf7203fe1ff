"""What a job is checked for before anything is trained."""

from typing import TYPE_CHECKING

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import (
    OBJECTIVES,
    Objective,
    Split,
    check_kind,
    check_mask_fits,
    check_mask_kind,
    copied,
    describe_inputs,
    fitting,
    one_thread,
    parameters,
)
from surfeit.data import Dataset
from surfeit.prune import check_alive
from surfeit.train.building import Origin
from surfeit.train.conduct import Numerics
from surfeit.train.masking import targeted_layers
from surfeit.train.max_norm import MaxNorm
from surfeit.train.noise import is_weight
from surfeit.train.pruning import Pruning
from surfeit.train.recipe import Recipe
from surfeit.train.snapshots import Snapshots

if TYPE_CHECKING:
    from surfeit.train.job import Job

_LARGE = 100.0


def check_kinds(job: "Job") -> None:
    """Says what to pass where something of another kind was given.

    Raises:
        ValueError: if it was.
    """
    if not callable(job.model):
        raise ValueError(
            f"model must be a module or a builder such as lenet_300_100, got {job.model!r}"
        )
    if not isinstance(job.dataset, Dataset):
        raise ValueError(
            f"dataset must be a Dataset, got {_shortly(job.dataset)}: "
            'load("digits") gives one by its name, from_tensors("mine", train=..., '
            "validation=..., test=...) makes one of pairs of tensors, and from_dataset one of "
            "data sets and loaders as PyTorch has them"
        )
    if not isinstance(job.recipe, Recipe):
        raise ValueError(f"recipe must be a Recipe(...), got {job.recipe!r}")
    if not isinstance(job.origin, Origin):
        raise ValueError(
            f"origin must be an Origin, got {job.origin!r}: pass Origin(step=..., "
            "parents=(run.key,)), or nothing to begin at step 0"
        )
    if job.pruning is not None and not isinstance(job.pruning, Pruning):
        raise ValueError(
            f"pruning must be a Pruning, got {job.pruning!r}: pass "
            "Pruning(moments=at_step(step, density))"
        )
    for given, kind, name, example in (
        (job.numerics, Numerics, "numerics", 'Numerics(device="cuda")'),
        (job.snapshots, Snapshots, "snapshots", "Snapshots(every_epochs=5)"),
    ):
        check_kind_of(given, kind, name=name, example=example)
    if job.mask is not None:
        check_mask_kind(job.mask)
    if job.check is not None and not callable(job.check):
        raise ValueError(f"check must be a function of a job and its run, got {job.check!r}")
    _check_objective(job.objective)


def check_kind_of(given: object, kind: type, *, name: str, example: str) -> None:
    """Says what to pass where something else than a `kind` was given.

    Raises:
        ValueError: if it was.
    """
    if not isinstance(given, kind):
        raise ValueError(
            f"{name} must be a {kind.__name__}, got {given!r}: pass {example} or the like"
        )


@one_thread()
def check_fits(job: "Job") -> None:
    """Says what of network, objective, data, mask and pruning does not fit the rest.

    Raises:
        ValueError: if anything does not.
        CollapseError: if the mask leaves a layer without a single weight.
    """
    _check_origin(job)
    _check_trainable(job)
    _check_augmentation(job)
    _check_fit(job)
    _check_last_batch(job)
    _check_mask(job)
    if job.pruning is not None:
        job.pruning.check(job.structure, job.network, job.first_mask(), job.objective)
    if job.probes and job.numerics.stack > 1:
        raise ValueError(
            f"probes look at trainings that are computed alone, and this one is of a stack of "
            f"{job.numerics.stack}: leave Numerics(stack=...) at 1"
        )
    if job.recipe.targeted_dropout:
        targeted_layers(job.structure, job.trained)  # says so if there is none
    _check_noise(job)
    if job.recipe.max_norm is not None:
        MaxNorm(job.network, job.trained, job.recipe.max_norm)  # says so if it has no layer


def outputs_for_one(job: "Job", *, training: bool) -> torch.Tensor:
    """The outputs for one example, from a copy: the user's module stays as it is."""
    trial = copied(job.network).train(training)
    example = fitting(trial, job.dataset.train.inputs[:1])
    try:
        with torch.no_grad(), torch.random.fork_rng([]):
            outputs = trial(example)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        shape = list(job.dataset.input_shape)
        # What torch says of shapes that do not fit is of matrices that nobody sees.
        words = "" if isinstance(error, RuntimeError) else f": {error}"
        raise ValueError(
            f"the network does not take {_example(job)}s of shape {shape} as "
            f"{job.dataset.name} has them{words}"
        ) from error
    check_kind(outputs)
    return outputs


def far_from_one(job: "Job", dtype: torch.dtype) -> str:
    """Sentences on inputs or targets, and on initial weights, that are far from 1, or nothing.

    Args:
        job: its data as the data set holds them, its weights before the first update.
        dtype: what they are computed in.
    """
    return ". ".join(filter(None, [_far_data(job.dataset.train, dtype), _far_weights(job)]))


def _far_data(split: Split, dtype: torch.dtype) -> str:
    for what, values in {"inputs": split.inputs, "targets": split.targets}.items():
        largest = float(values.abs().max()) if values.is_floating_point() else 0.0
        if largest > _LARGE:
            too_large = largest > torch.finfo(dtype).max
            beyond = f", more than {str(dtype).removeprefix('torch.')} holds" if too_large else ""
            return f"The {what} reach {largest:.3g} in size{beyond}: scale them to about 1"
    return ""


def _far_weights(job: "Job") -> str:
    weights = {name: value for name, value in parameters(job.network).items() if value.numel()}
    sizes = {name: float(value.abs().max()) for name, value in weights.items()}
    name = max(sizes, key=lambda name: sizes[name], default="")
    if not name or not sizes[name] > _LARGE:
        return ""
    reach = f"The initial weights reach {sizes[name]:.3g} in size ({name})"
    if job.law is None or job.law.scale <= 1:
        return f"{reach}: scale them down"
    return f"{reach}, drawn from {job.law.kind} at scale {job.law.scale:g}: choose a smaller scale"


def _check_objective(objective: object) -> None:
    if not isinstance(objective, Objective):
        raise ValueError(
            f"objective must be an Objective, got {objective!r}: pass cross_entropy, "
            "squared_error, hinge, binary_cross_entropy, or own_objective(function)"
        )
    if objective.source is None and OBJECTIVES.get(objective.name) != objective:
        raise ValueError(
            f"the objective {objective.name!r} is none of the library's, and no key can stand "
            "for its functions: pass own_objective(function)"
        )


def _check_origin(job: "Job") -> None:
    total = job.total_steps
    if job.origin.step >= total:
        raise ValueError(
            f"a training of {total} steps cannot begin at step {job.origin.step}: "
            f"rewind to a step below {total}"
        )
    moments = job.pruning.moments if job.pruning is not None else ()
    outside = [step for step, _ in moments if not job.origin.step <= step <= total]
    if outside:
        raise ValueError(
            f"a training from step {job.origin.step} to {total} cannot prune at step {outside[0]}"
        )


def _check_trainable(job: "Job") -> None:
    if not job.trained and not job.frozen:
        raise ValueError("the network has no parameters to train")
    if not job.trained:
        raise ValueError(
            "the network has nothing to train: all of its parameters are frozen, with "
            "requires_grad=False"
        )


def _check_augmentation(job: "Job") -> None:
    train, augmentation = job.dataset.train, job.recipe.augmentation
    if augmentation is None:
        return
    if not train.holds_images:
        raise ValueError(
            f"augmentation {augmentation!r} moves images, [n, channels, height, width], but "
            f"{job.dataset.name} holds {describe_inputs(train)}: leave it None"
        )
    _ = job.dataset.black  # says so if it is not known


def _check_noise(job: "Job") -> None:
    """Says so if there is nothing that the recipe's noise could be put on."""
    recipe, dataset = job.recipe, job.dataset
    if recipe.label_noise and dataset.task != "classes":
        raise ValueError(
            f"label_noise draws labels anew, and the targets of {dataset.name} are real numbers: "
            "leave it 0"
        )
    if recipe.input_noise and not dataset.train.inputs.is_floating_point():
        raise ValueError(
            f"input_noise adds real numbers to inputs, and those of {dataset.name} are of "
            f"{str(dataset.train.inputs.dtype).removeprefix('torch.')}: leave it 0"
        )
    weights = any(is_weight(job.network.get_parameter(name)) for name in job.trained)
    for name in ("weight_noise", "drop_connect"):
        if getattr(recipe, name) and not weights:
            raise ValueError(
                f"{name} changes weights, parameters of more than one axis, and the network trains "
                "none: leave it 0"
            )


def _check_fit(job: "Job") -> None:
    """Says so if the objective cannot judge the initial network's outputs."""
    outputs, width = job.first_outputs, job.dataset.outputs
    target = job.dataset.train.targets[:1].to(outputs.device)
    try:
        job.objective.check(outputs, target, width)
    except ValueError as error:
        kinds = "classes" if job.dataset.task == "classes" else "outputs"
        scale = "" if outputs.isfinite().all() else far_from_one(job, outputs.dtype)
        shapes = (
            f"{job.dataset.name} has {width} {kinds}, the network gives outputs of shape "
            f"{list(outputs.shape)} for one {_example(job)}"
        )
        raise ValueError(f"{error}. {scale or shapes}") from error
    job.objective.loss(outputs, target)


def _check_mask(job: "Job") -> None:
    mask = job.mask or {}
    check_mask_fits(job.network, mask)
    # Weights only: a layer may do without its bias, but not without all of its inputs.
    check_alive({name: kept for name, kept in mask.items() if kept.dim() > 1})


def _check_last_batch(job: "Job") -> None:
    """Batch normalisation cannot train on one value a channel, which a last batch may be."""
    images, size = len(job.dataset.train), job.recipe.batch_size
    normalised = any(isinstance(part, _BatchNorm) for part in job.network.modules())
    if not normalised or images % size != 1 % size:
        return
    try:
        outputs_for_one(job, training=True)
    except ValueError as error:
        raise ValueError(
            f"with {images} training {_example(job)}s in batches of {size} a batch holds a "
            f"single {_example(job)}, which batch normalisation cannot train on: choose "
            "another batch_size"
        ) from error


def _example(job: "Job") -> str:
    return "image" if job.dataset.train.holds_images else "example"


def _shortly(given: object) -> str:
    """A text as it is, of anything else its kind: tensors would fill pages."""
    return repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
