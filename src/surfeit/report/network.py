"""The network that a report is on, before and after training, with the data that judges it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from surfeit.core import (
    Objective,
    Split,
    check_kind,
    copied,
    fitting,
    lift_,
    outputs_of,
    own_parameters,
    suiting,
)
from surfeit.data import Dataset
from surfeit.models import Structure
from surfeit.report.config import ReportConfig
from surfeit.report.worth import Worth
from surfeit.store import Run


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A trained network and what it is measured on.

    Args:
        model: in evaluation mode, on the data's device; half precision is lifted to float32.
        initial: the same at step 0; None if the run kept no snapshot of it, or no other.
        structure: of the network.
        dataset: whose validation split chooses and whose test split judges.
        worth: how networks are judged.
        element_sizes: by parameter, the bytes of one of its numbers as recorded.
    """

    model: nn.Module
    initial: nn.Module | None
    structure: Structure
    dataset: Dataset
    worth: Worth
    element_sizes: Mapping[str, int]

    @staticmethod
    def of(
        run: Run,
        dataset: Dataset,
        config: ReportConfig,
        *,
        objective: Objective | None = None,
        into: nn.Module | None = None,
    ) -> "Network":
        """The network of a run's last snapshot.

        Raises:
            ValueError: if the network does not take the data's inputs, the objective is not known
                or cannot judge the outputs, or the run cannot build its network and none is given.
        """
        objective = objective_of(run, dataset, objective)
        recorded = run.model(into=into)
        sizes = {name: value.element_size() for name, value in own_parameters(recorded).items()}
        model = lift_(recorded).to(dataset.test.inputs.device).eval()
        outputs = check_fits(run, model, dataset, objective)
        steps = run.steps()
        begun = 0 in steps and steps[-1] > 0  # of a single snapshot nobody knows what came before
        initial = run.model(0, into=copied(model)) if begun else None
        return Network(
            model=model,
            initial=initial,
            structure=Structure.of(model, fitting(model, dataset.test.inputs[:1])),
            dataset=dataset,
            worth=Worth.of(objective, outputs, dataset, config.loss),
            element_sizes=sizes,
        )

    def accepting(self, loss: float) -> "Network":
        """The same network where another loss is accepted."""
        return replace(self, worth=replace(self.worth, loss=loss))

    @property
    def noun(self) -> str:
        """What the examples are: "images" or "examples"."""
        return noun_of(self.dataset)

    @cached_property
    def example(self) -> Tensor:
        """The inputs of one example, as the network takes them."""
        return fitting(self.model, self.dataset.test.inputs[:1])

    def outputs(self, split: Split, model: nn.Module | None = None) -> Tensor:
        """The outputs for a split's inputs, of the network or of a changed copy.

        Raises:
            ValueError: if they cannot be judged.
        """
        model = self.model if model is None else model
        tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        found = outputs_of(model, tensors, fitting(model, split.inputs))
        self.worth.objective.check(found, split.targets)
        return found


def noun_of(dataset: Dataset) -> str:
    """What a data set's examples are called: "images" or "examples"."""
    return "images" if dataset.test.holds_images else "examples"


def objective_of(run: Run, dataset: Dataset, given: Objective | None) -> Objective:
    """The objective to judge a run by: the one given, the run's own, or what suits the targets.

    Where a loop of the user's own trained the network: the squared error of real targets, the
    cross-entropy of classes.

    Raises:
        ValueError: if the run's own is a function that the store cannot make again.
    """
    return given or run.objective or suiting(dataset.task)


@torch.no_grad()
def check_fits(run: Run, model: nn.Module, dataset: Dataset, objective: Objective) -> Tensor:
    """Tries one example, and gives the network's outputs for it.

    Raises:
        ValueError: if the network does not take it, or the objective cannot judge its outputs.
    """
    example, trained_on = dataset.test[:1], run.about.get("data") or "other data"
    advice = f"it was trained on {trained_on}; give the data it was trained on"
    try:
        outputs = model(fitting(model, example.inputs))
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        raise ValueError(
            f"the network does not take {noun_of(dataset)} of shape {list(dataset.input_shape)} as "
            f"{dataset.name} has them: {advice}"
        ) from error
    check_kind(outputs)
    try:
        objective.check(outputs, example.targets, dataset.outputs)
    except ValueError as error:
        kinds = "classes" if dataset.task == "classes" else "outputs"
        raise ValueError(
            f"{error}. {dataset.name} has {dataset.outputs} {kinds}; the network was trained on "
            f"{trained_on}: give the data and the objective that it was trained on"
        ) from error
    return outputs
