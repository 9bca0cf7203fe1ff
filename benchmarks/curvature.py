"""Products and seconds for the ten largest Hessian eigenvalues of LeNet-300-100 trained on MNIST.

Run as `SURFEIT_TEST_DATA=<data root> python benchmarks/curvature.py`. It trains the network for
five epochs, then asks for the eigenvalues of the Hessian of its mean loss over 1,000 and over 5,000
training images, on one thread; seconds are the processor's. Beside it stand PyHessian and
curvlinops with SciPy's `eigsh`, where they can be imported (`pip install --no-deps --target FOLDER
pyhessian curvlinops-for-pytorch backpack-for-pytorch einops einconv linear_operator opt-einsum
tqdm`, and FOLDER in PYTHONPATH). The residuals of all are computed anew by one operator.
"""

import os
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from surfeit.core import Split, Streams
from surfeit.curvature import LossSurface, Operator, eigenpairs, hessian
from surfeit.data import load
from surfeit.models import lenet_300_100
from surfeit.store import Store
from surfeit.train import Recipe, train

K, SEEDS, EPOCHS = 10, 3, 5
IMAGES = (1000, 5000)

Found = tuple[np.ndarray, Tensor, int]
"""Eigenvalues, eigenvectors [k, size], and how many products they took."""


def ours(operator: Operator, model: nn.Module, split: Split, seed: int) -> Found:
    """One Krylov run, until every residual is below 1e-4 of its eigenvalue."""
    del model, split
    found = eigenpairs(operator, largest=K, generator=Streams(seed).get("benchmark"))
    return found.values, found.vectors, found.products


def with_pyhessian(operator: Operator, model: nn.Module, split: Split, seed: int) -> Found:
    """PyHessian as its documentation has it: power iteration with deflation, tolerance 1e-3."""
    del operator
    theirs: Any = import_module("pyhessian.hessian")

    products = 0
    product = theirs.hessian_vector_product

    def counted(*arguments: object) -> object:
        nonlocal products
        products += 1
        return product(*arguments)

    theirs.hessian_vector_product = counted
    try:
        torch.manual_seed(seed)
        computer = theirs.hessian(
            model, cross_entropy, data=(split.inputs, split.targets), cuda=False
        )
        values, vectors = computer.eigenvalues(maxIter=100, tol=1e-3, top_n=K)
    finally:
        theirs.hessian_vector_product = product
        model.zero_grad(set_to_none=True)
    rows = torch.stack([torch.cat([part.flatten() for part in one]) for one in vectors])
    return np.array(values), rows.detach(), products


def with_curvlinops(operator: Operator, model: nn.Module, split: Split, seed: int) -> Found:
    """curvlinops' Hessian under SciPy's `eigsh`, tolerance 1e-4."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    theirs: Any = import_module("curvlinops")
    linear = theirs.HessianLinearOperator(
        model,
        nn.CrossEntropyLoss(),
        list(model.parameters()),
        [(split.inputs, split.targets)],
        check_deterministic=False,
    ).to_scipy()
    products = 0

    def counted(vector: np.ndarray) -> np.ndarray:
        nonlocal products
        products += 1
        return linear @ vector.astype(np.float32)

    make: Any = LinearOperator  # what its type says is of its metaclass
    counting = make((operator.size,) * 2, matvec=counted, dtype=np.float32)
    start = np.random.default_rng(seed).standard_normal(operator.size).astype(np.float32)
    solve: Any = eigsh
    values, vectors = solve(counting, k=K, which="LA", tol=1e-4, v0=start)
    return values, torch.from_numpy(vectors.T.copy()), products


TOOLS: dict[str, Callable[[Operator, nn.Module, Split, int], Found]] = {
    "surfeit": ours,
    "PyHessian": with_pyhessian,
    "curvlinops + eigsh": with_curvlinops,
}


def residuals(operator: Operator, values: np.ndarray, vectors: Tensor) -> np.ndarray:
    """`‖H v − λ v‖ / |λ|` of each pair."""
    rows = vectors.double() / vectors.double().norm(dim=1, keepdim=True)
    images = operator.times(rows).double()
    scale = torch.from_numpy(np.asarray(values, dtype=float))[:, None]
    return ((images - scale * rows).norm(dim=1) / scale.abs()[:, 0]).numpy()


def main() -> None:
    """Prints a line for each tool, number of images and seed."""
    torch.set_num_threads(1)
    data = load("mnist", Path(os.environ["SURFEIT_TEST_DATA"]))
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(lr=0.1, batch_size=128, epochs=EPOCHS)
        model = train(lenet_300_100, data, recipe, seed=0, store=Store(folder)).model()
    for images in IMAGES:
        split = data.train.some(images, Streams(0).get("benchmark", "images"))
        surface = LossSurface.of(model, split, chunk=images)
        operator = hessian(surface)
        start = time.process_time()
        surface.gradient()
        gradient = time.process_time() - start
        print(
            f"{surface.size:,} parameters, mean loss {surface.loss:.4f} of {images:,} images; a "
            f"gradient takes {gradient:.3f} s"
        )
        for name, tool in TOOLS.items():
            for seed in range(SEEDS if tool is ours else 1):
                start = time.process_time()
                try:
                    values, vectors, products = tool(operator, model, split, seed)
                except ImportError as error:
                    print(f"{name:20} not there: {error}")
                    break
                seconds = time.process_time() - start
                worst = residuals(operator, values, vectors).max()
                print(
                    f"{name:20} seed {seed}: {products:4} products, {seconds:6.1f} s, worst "
                    f"residual {worst:.1e} of its eigenvalue, largest {max(values):.5f}, "
                    f"tenth {sorted(values)[-K]:.5f}"
                )


if __name__ == "__main__":
    main()
