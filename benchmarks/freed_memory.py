"""What it costs to give freed memory back, in passes and steps of networks of convolutions.

Each row is made in a process of its own, since the setting is one of the process; the two ways take
turns. Run it as `python benchmarks/freed_memory.py`.
"""

import resource
import subprocess
import sys
import time

import torch
from torch.nn.functional import cross_entropy

from surfeit.core.freed_memory import keep_freed_memory
from surfeit.models import builder_named

ROUNDS = 3
REPEATS = 4


def measured(name: str, batch: int, *, trained: bool) -> tuple[float, int]:
    """Seconds of the processor and pages made, of one pass or one step of Adam."""
    torch.set_num_threads(1)
    model = builder_named(name)()
    images = torch.randn(batch, 3, 32, 32)
    labels = torch.randint(10, (batch,))
    optimiser = torch.optim.Adam(model.parameters())

    def step() -> None:
        if not trained:
            with torch.no_grad():
                model(images)
            return
        optimiser.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimiser.step()

    step()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
    for _ in range(REPEATS):
        step()
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return (time.process_time() - began) / REPEATS, pages // REPEATS


CASES = {
    "ResNet-20, a pass of 250 images": ("resnet-20", 250, False),
    "ResNet-20, a step of 128 images": ("resnet-20", 128, True),
    "Conv-2, a step of 64 images": ("conv-2", 64, True),
    "VGG19-BN, a step of 64 images": ("vgg19-bn", 64, True),
}


def main() -> None:
    """Prints a row for each case: the least seconds of each way, and its pages."""
    if len(sys.argv) > 1:
        case, way = sys.argv[1:]
        if way == "kept":
            keep_freed_memory()
        name, batch, trained = CASES[case]
        print(*measured(name, batch, trained=trained))
        return
    for case in CASES:
        found = {"given back": [], "kept": []}
        for _ in range(ROUNDS):
            for way, rows in found.items():
                command = [sys.executable, __file__, case, way]
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                rows.append(tuple(map(float, said.split())))
        words = [
            f"{way} {min(rows)[0]:.3f} s, {min(rows)[1]:,.0f} pages" for way, rows in found.items()
        ]
        ratio = min(found["given back"])[0] / min(found["kept"])[0]
        print(f"{case}: {'; '.join(words)}: {ratio:.2f} times", flush=True)


if __name__ == "__main__":
    main()
