"""Counting operations, against closed forms and PyTorch's own counter."""

import subprocess
import sys
from threading import Thread

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from surfeit.core import Streams, fast_path_off
from surfeit.models import conv_2, lenet_300_100
from surfeit.viewer.frames.operations import operations


class Twice(nn.Module):
    """One layer, called twice, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.unused = nn.Linear(5, 5), nn.Linear(5, 5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(inputs))


NETWORKS = {
    "lenet": (lenet_300_100(input_shape=(1, 4, 4), classes=3), (2, 1, 4, 4)),
    "convolutions": (conv_2(input_shape=(1, 8, 8), classes=3), (1, 1, 8, 8)),
    "strided": (nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, groups=2, bias=False)), (1, 4, 9, 9)),
    "transposed": (nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2)), (1, 4, 5, 5)),
    "twice": (Twice(), (3, 5)),
    "attention": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
    "without products": (nn.Sequential(nn.ReLU(), nn.Flatten()), (2, 3, 3)),
}


def test_a_multiplication_and_its_addition_count_as_two():
    counted = operations(lenet_300_100(input_shape=(20,), classes=10), torch.zeros(7, 20))
    assert counted["fc1"] == 2 * 7 * 20 * 300
    assert counted[""] == counted["fc1"] + counted["fc2"] + counted["fc3"]
    assert counted["relu1"] == 0


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_module_counts_as_in_torch(kind):
    network, shape = NETWORKS[kind]
    network.eval()
    inputs = torch.randn(shape, generator=Streams(0).get("inputs"))
    with FlopCounterMode(display=False) as counter, fast_path_off(), torch.no_grad():
        network(inputs)
    counts = counter.get_flop_counts()
    root = type(network).__name__
    counted = operations(network, inputs)
    for name, _ in network.named_modules():
        expected = sum(counts.get(f"{root}.{name}" if name else root, {}).values())
        assert counted.get(name, 0) == expected, name


def test_inference_mode_changes_no_count():
    network, inputs = lenet_300_100(input_shape=(20,), classes=10), torch.zeros(7, 20)
    outside = operations(network, inputs)
    with torch.inference_mode():
        assert operations(network, torch.zeros(7, 20)) == outside


def test_other_threads_that_use_the_network_are_not_counted():
    network, inputs = lenet_300_100(input_shape=(20,), classes=10), torch.zeros(7, 20)
    alone = operations(network, inputs)
    counts: list[dict[str, int]] = []
    threads = [
        Thread(target=lambda: counts.extend(operations(network, inputs) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [alone] * 80


def test_no_hook_stays_behind_even_where_a_pass_fails():
    network = lenet_300_100(input_shape=(20,), classes=10)
    with pytest.raises(RuntimeError):
        operations(network, torch.zeros(7, 3))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_the_compiler_of_torch_is_not_imported():
    code = (
        "import sys, torch\n"
        "from surfeit.viewer.frames.operations import operations\n"
        "operations(torch.nn.Linear(3, 2), torch.zeros(1, 3))\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
