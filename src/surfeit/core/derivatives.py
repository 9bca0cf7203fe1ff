"""Kernels that have the derivatives that measurements ask for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.rnn import RNNBase


@contextmanager
def differentiable(network: nn.Module) -> Iterator[None]:
    """Chooses kernels that have first and second derivatives in evaluation mode, too.

    Fused attention has no second derivative, and cuDNN's recurrent layers none in evaluation mode.
    """
    recurrent = any(isinstance(module, RNNBase) for module in network.modules())
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if recurrent and next(network.parameters()).is_cuda:
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
