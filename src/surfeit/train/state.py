"""Where a training stands: all that its checkpoint holds."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from surfeit.core import Params, converted_, copied, load_, own_parameters
from surfeit.models.structure import computed_tensors
from surfeit.train.job import Job
from surfeit.train.masking import HeldMask
from surfeit.train.optimisers import Optimiser

_SPLITS = ("validation_", "test_")


class State:
    """Step, weights, mask, optimiser and best moment of a training, on its device.

    What is random at an epoch or a step is drawn from (seed, epoch) or (seed, step), so that no
    generator's state is among them.

    Args:
        job: the training; the state is that before its first update.

    Attributes:
        step: the updates that the weights have behind them.
        params: the trained parameters by name.
        buffers: all other tensors by name, frozen parameters too: no gradient is asked for them.
        outputs: [examples, ...], of the epoch's training examples in its order, as they were
            trained on; filled up to where the epoch stands.
        seconds: spent on training until now.
        stopped: whether early stopping has ended the training.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        device, dtype = job.numerics.device, job.numerics.torch_dtype
        tensors = {
            # The fused updates read a weight and its gradient as they lie in memory.
            name: value.to(device, dtype if value.is_floating_point() else None).clone(
                memory_format=torch.contiguous_format
            )
            for name, value in job.initial().items()
        }
        every = {name: tensors[name] for name in own_parameters(job.network)}
        self.mask = HeldMask(job.first_mask(), every, job.trained)
        tensors |= every  # those that are masked lie elsewhere now
        self.step = job.origin.step
        self.params = {name: tensors[name] for name in job.trained}
        self.buffers = {n: value for n, value in tensors.items() if n not in self.params}
        self.optimiser = Optimiser(job.recipe, self.params)
        self.best = Best(self.tensors, keep=job.recipe.evaluate_every is not None)
        shape = len(job.dataset.train), *job.first_outputs.shape[1:]
        self.outputs = torch.empty(shape, dtype=dtype, device=device)
        self.seconds = 0.0
        self.stopped = False
        self._computes = bool(computed_tensors(job.network))

    @property
    def tensors(self) -> Params:
        """All parameters and buffers by name."""
        return self.params | self.buffers

    def network(self) -> nn.Module:
        """The network as it is now, on the CPU."""
        return load_(converted_(copied(self._job.network), "cpu"), self.tensors)

    def snapshot(self) -> Params:
        """The tensors, and those that the network computes of them, once the mask is checked.

        Raises:
            ProtocolError: if a removed weight is not zero.
        """
        self.mask.check_all()
        return self.tensors | (computed_tensors(self.network()) if self._computes else {})

    def saved(self) -> tuple[Params, dict[str, Any]]:
        """What a checkpoint holds: tensors by name, and JSON values."""
        tensors = {f"weights/{name}": value for name, value in self.tensors.items()}
        tensors |= {f"optimiser/{name}": value for name, value in self.optimiser.state().items()}
        tensors |= {f"best/{name}": value for name, value in self.best.tensors.items()}
        if self._job.pruning:
            tensors |= {f"mask/{name}": kept for name, kept in self.mask.kept().items()}
        tensors["logits"] = self.outputs[: self._job.seen(self.step)]
        return tensors, {
            "step": self.step,
            "best": self.best.row,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "machine": self._job.numerics.machine(),
        }

    def restore_(self, tensors: Params, values: Mapping[str, Any]) -> None:
        """Takes up what `saved` gave.

        Raises:
            KeyError, RuntimeError, TypeError: if it is another training's.
        """
        for name, value in self.tensors.items():
            value.copy_(tensors[f"weights/{name}"])
        self.optimiser.load_(_under("optimiser/", tensors))
        if self._job.pruning:
            self.mask.shrink_(_under("mask/", tensors))
        self.outputs[: len(tensors["logits"])] = tensors["logits"].to(self.outputs)
        self.best.load_(values["best"], _under("best/", tensors))
        self.step, self.stopped = values["step"], values["stopped"]
        self.seconds = values["seconds"]


class Best:
    """The row of metrics with the least validation loss so far, and the weights of that moment.

    Args:
        tensors: parameters and buffers by name, for shapes.
        keep: whether to keep a copy of the weights, for figures that were not measured then.
    """

    def __init__(self, tensors: Params, *, keep: bool) -> None:
        self.row: dict[str, Any] = {}
        self.tensors = {n: torch.empty_like(t) for n, t in tensors.items()} if keep else {}

    @property
    def step(self) -> int:
        """The step of the least validation loss."""
        return self.row["step"]

    def look(self, row: Mapping[str, Any], tensors: Params) -> None:
        """Takes a row of metrics, and its weights, if its validation loss is the least so far."""
        if self.row and not row["validation_loss"] < self.row["validation_loss"]:
            return
        measured = [name for name in row if name.startswith(_SPLITS)]
        self.load_({name: row[name] for name in ("step", *measured)}, tensors)

    def load_(self, row: Mapping[str, Any], tensors: Params) -> None:
        """Takes up a row, and weights if it keeps any."""
        self.row = dict(row)
        for name, value in self.tensors.items():
            value.copy_(tensors[name])


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Params:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
