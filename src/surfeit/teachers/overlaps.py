"""The overlaps of a student and its teacher, on which the exact generalisation error rests."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import one_thread
from surfeit.teachers.activations import Activation
from surfeit.teachers.checks import check_shape
from surfeit.teachers.networks import Networks


@dataclass(frozen=True)
class Overlaps:
    """The inner products over N of all units' weights, and the outer layers: all that counts.

    Args:
        student: `Q_ik = w_i·w_k/N`.
        cross: `R_im = w_i·w*_m/N`.
        teacher: `T_mn = w*_m·w*_n/N`.
        outputs, teacher_outputs: v and v*.

    Raises:
        ValueError: if shapes do not match.
    """

    student: Float[Tensor, "*of K K"]
    cross: Float[Tensor, "*of K M"]
    teacher: Float[Tensor, "*of M M"]
    outputs: Float[Tensor, "*of K"]
    teacher_outputs: Float[Tensor, "*of M"]

    def __post_init__(self) -> None:
        *of, units, wanted = self.cross.shape
        check_shape("student", self.student, (*of, units, units))
        check_shape("teacher", self.teacher, (*of, wanted, wanted))
        check_shape("outputs", self.outputs, (*of, units))
        check_shape("teacher_outputs", self.teacher_outputs, (*of, wanted))

    def at(self, place: int) -> "Overlaps":
        """Those at one place of the first axis, such as a step."""
        return Overlaps(*(getattr(self, field.name)[place] for field in fields(self)))

    @property
    def cosines(self) -> Float[Tensor, "*of K M"]:
        """`R_im / √(Q_ii T_mm)`, 0 where a unit has no weights."""
        norms = (_own(self.student)[..., :, None] * _own(self.teacher)[..., None, :]).sqrt()
        return torch.where(norms > 0, self.cross / norms, torch.zeros_like(norms))

    @property
    def variances(self) -> Float[Tensor, "*of K"]:
        """`Q_kk`, of the student's fields."""
        return _own(self.student)


def overlaps_of(student: Networks, teacher: Networks) -> Overlaps:
    """The overlaps of each replicate's student and teacher, in float64.

    They are summed entry by entry, so that no bit depends on what is beside a replicate: `bmm`
    takes other instructions at other places.

    Raises:
        ValueError: if replicates or inputs differ in number.

    Cost: O(replicates (K + M)² N).
    """
    check_alike(student, teacher)
    weights, wanted = student.weights.double(), teacher.weights.double()
    return Overlaps(
        student=_inner_products(weights, weights),
        cross=_inner_products(weights, wanted),
        teacher=_inner_products(wanted, wanted),
        outputs=student.outputs.double(),
        teacher_outputs=teacher.outputs.double(),
    )


@one_thread()
def generalisation_error(overlaps: Overlaps, activation: Activation) -> Float[Tensor, "*of"]:
    """`ε = ½ ⟨(φ(x) − φ*(x))²⟩` over inputs `x ~ N(0, 1)^N`: exact, noise left out.

        `ε = ½ Σ_ij c_i c_j ⟨g(λ_i) g(λ_j)⟩`, over all units of both, with `c = (v, −v*)`

    Returns:
        float64, a number a replicate: infinite where an overlap is not finite, as of a student that
        diverged. Errors below 1e-15 are rounding, and never below 0.

    Source: Saad and Solla 1995 for erf, Goldt et al. 2019 (1906.08632) with outer layers; the
    kernels of `Activation`.

    Cost: O((K + M)²) a replicate.
    """
    whole = torch.cat(
        [
            torch.cat([overlaps.student, overlaps.cross], -1),
            torch.cat([overlaps.cross.mT, overlaps.teacher], -1),
        ],
        -2,
    ).double()
    signed = torch.cat([overlaps.outputs, -overlaps.teacher_outputs], -1).double()
    found = 0.5 * (signed[..., :, None] * signed[..., None, :] * activation.products(whole))
    sums = found.sum((-2, -1)).clamp(min=0)
    return torch.where(sums.isfinite(), sums, torch.full_like(sums, torch.inf))


def error_of_zero(overlaps: Overlaps, activation: Activation) -> Float[Tensor, "*of"]:
    """`½ ⟨φ*(x)²⟩`, the error of a student that always answers 0: what others are measured by."""
    signed = overlaps.teacher_outputs
    pairs = signed[..., :, None] * signed[..., None, :] * activation.products(overlaps.teacher)
    return 0.5 * pairs.sum((-2, -1))


def check_alike(student: Networks, teacher: Networks) -> None:
    """Says so if replicates or inputs differ in number."""
    if (student.replicates, student.inputs) != (teacher.replicates, teacher.inputs):
        raise ValueError(
            "student and teacher must have as many replicates and inputs, got "
            f"{student.replicates} and {teacher.replicates}, {student.inputs} and {teacher.inputs}"
        )


def _inner_products(first: Tensor, second: Tensor) -> Tensor:
    """`a_i·b_j/N`, [replicates, units, units]."""
    sums = [(unit[:, None] * second).sum(-1) for unit in first.unbind(1)]
    return torch.stack(sums, 1) / first.shape[-1]


def _own(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1)
