"""`surfeit curvature`: how the loss bends around a network's weights."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from surfeit.cli.flags import DataName, ModelName, ObjectiveName, Out, Quiet
from surfeit.cli.interrupts import measured_anew
from surfeit.cli.names import objective_of
from surfeit.cli.options import Machine, Places
from surfeit.cli.placing import placed_together
from surfeit.cli.progress import Teller, say_if_other_data, say_if_unfinished, telling
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import Seed, Whole

if TYPE_CHECKING:
    from surfeit.curvature import Curvature, Estimate, LossSurface, Operator

_PLACES, _MACHINE = Places(), Machine()
_COLUMNS = ("end", "rank", "eigenvalue", "residual", "converged")
_WORDS = {"hessian": "Hessian", "gauss-newton": "Gauss-Newton matrix"}


def curvature(
    run: str,
    *,
    step: Whole | None = None,
    split: Literal["train", "validation"] = "train",
    examples: Whole = 1000,
    k: Whole = 10,
    smallest: Whole = 1,
    matrix: Literal["hessian", "gauss-newton"] = "hessian",
    tolerance: float = 1e-4,
    block: Whole = 1,
    probes: Whole = 10,
    seed: Seed = 0,
    out: Out | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
    data: DataName = None,
    model: ModelName = None,
    objective: ObjectiveName = None,
    quiet: Quiet = False,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Measure how the loss bends around a network's weights: the eigenvalues of its Hessian.

    Prints the largest and the smallest eigenvalues, each with its residual; on stderr the sum of
    all, and the root of the sum of their squares, each with a standard error. Batch normalisation
    uses its running statistics, dropout is off; masked weights and frozen parameters are left out.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, or its folder.
    step
        The snapshot to measure; the last if not given.
    split
        The examples that the loss is the mean of: train or validation.
    examples
        At most so many of them, drawn at random; the Hessian is that of their mean loss.
    k
        How many of the largest eigenvalues.
    smallest
        How many of the smallest ones, which of a Hessian are negative.
    matrix
        hessian, or gauss-newton, its part without the second derivatives of the network itself.
    tolerance
        An eigenvalue has converged when its residual is at most so much of it.
    block
        Vectors that the search begins with; of equal eigenvalues at most as many are seen. Each
        takes products of its own.
    probes
        Random vectors for all other eigenvalues; four times as many halve the standard errors.
    seed
        Of the examples and the random vectors.
    out
        Write a figure of the density of all eigenvalues, and tables, into this folder. That takes
        30 products a probe in place of 2.
    json_
        Print all numbers as JSON.
    quiet
        Say nothing but the table and errors.
    """
    _check(examples, probes)
    found = places.store.find(run)
    dataset = places.data_of(found, data)
    judge = objective_of(objective, found, dataset)
    into = places.network_of(model, dataset)

    from surfeit.core import Streams, converted_
    from surfeit.curvature import LossSurface, gauss_newton, hessian, loss_examples
    from surfeit.curvature import curvature as measured
    from surfeit.curvature.measure import STEPS
    from surfeit.store.writable import check_writable

    if out is not None:
        check_writable(out)
    with measured_anew(), telling(quiet) as teller, machine.numerics.in_force():
        if step is None:
            say_if_unfinished(found, teller)
        say_if_other_data(found, dataset, teller)
        chosen = loss_examples(dataset.splits[split], examples, seed=seed)
        surface = LossSurface.of(
            converted_(found.model(step, into=into), machine.device),
            chosen.to(machine.device),
            judge,
            mask=found.mask_at(step),
        )
        operator = hessian(surface) if matrix == "hessian" else gauss_newton(surface)
        answer = measured(
            operator,
            largest=k,
            smallest=smallest,
            tolerance=tolerance,
            block=block,
            probes=probes,
            steps=2 if out is None else STEPS,
            streams=Streams(seed),
            progress=teller.stage,
        )
        if out is not None:
            _write(answer, operator, _WORDS[matrix], out, teller)
        for words in _sentences(answer, surface, split):
            teller.say(words)
    if json_:
        print(json.dumps(_record(answer, surface, split, matrix), indent=2))
    else:
        print_table(_COLUMNS, _cells(answer))


def _check(examples: int, probes: int) -> None:
    """What the measurement would say only after the data were read."""
    if examples < 1:
        raise ValueError(f"examples must be at least 1, got {examples}")
    if probes < 2:
        raise ValueError(f"probes must be at least 2, for there to be an error, got {probes}")


def _cells(answer: "Curvature") -> list[tuple[str, ...]]:
    return [
        (
            row["end"],
            str(row["rank"]),
            f"{row['eigenvalue']:.6g}",
            f"{row['residual']:.2g}",
            "yes" if row["converged"] else "no",
        )
        for row in answer.eigenvalues().to_pylist()
    ]


def _sentences(answer: "Curvature", surface: "LossSurface", split: str) -> list[str]:
    density, pairs = answer.density, answer.pairs
    noun = "example" if len(surface.split) == 1 else "examples"
    return [
        f"mean loss {surface.loss:.4g} of {len(surface.split):,} {split} {noun}, as a function of "
        f"{surface.size:,} parameters",
        f"sum of all eigenvalues {_with_error(density.trace)}, root of the sum of their squares "
        f"{_with_error(density.frobenius)}; {answer.products} products, {pairs.products} of them "
        "for the eigenvalues",
        *surface.remarks,
        *pairs.remarks,
    ]


def _with_error(estimate: "Estimate") -> str:
    if estimate.probes == 0:
        return f"{estimate.value:.6g}, exactly"
    return f"{estimate.value:.4g} ± {estimate.standard_error:.2g} (standard error)"


def _record(answer: "Curvature", surface: "LossSurface", split: str, matrix: str) -> dict:
    from dataclasses import asdict

    return {
        "matrix": matrix,
        "split": split,
        "examples": len(surface.split),
        "parameters": surface.size,
        "frozen": list(surface.coordinates.frozen),
        "objective": surface.objective.name,
        "loss": surface.loss,
        "eigenvalues": answer.eigenvalues().to_pylist(),
        "trace": asdict(answer.density.trace),
        "frobenius": asdict(answer.density.frobenius),
        "products": answer.products,
        "products_for_eigenvalues": answer.pairs.products,
        "remarks": [*surface.remarks, *answer.pairs.remarks],
    }


def _write(
    answer: "Curvature", operator: "Operator", words: str, folder: Path, teller: Teller
) -> None:
    from surfeit.tables.figures import curvature as figures
    from surfeit.tables.figures import save

    eigenvalues, density = answer.eigenvalues(), answer.density_table()
    drawing = figures.figure(eigenvalues, density, matrix=words, size=operator.size)
    with placed_together(folder) as building:
        save(drawing, building, "curvature")
        write_table(eigenvalues, building / "eigenvalues.parquet")
        write_table(density, building / "density.parquet")
    teller.say(
        f"figure and tables: {folder}/curvature.svg, .png, .pdf, eigenvalues.parquet, "
        "density.parquet"
    )
