import math

import numpy as np
import pytest
import torch
from tests.teachers.drawn import generators, networks

from surfeit.core import Streams
from surfeit.teachers import (
    ACTIVATIONS,
    ERF,
    LINEAR,
    RELU,
    Networks,
    drawn_networks,
    first_order_error,
    generalisation_error,
    learn_online,
    linear_error,
    overlaps_of,
)

VALUES = {
    "erf": (
        lambda field: np.vectorize(math.erf)(field / math.sqrt(2)),
        lambda field: math.sqrt(2 / math.pi) * np.exp(-(field**2) / 2),
    ),
    "relu": (lambda field: np.maximum(field, 0), lambda field: 1.0 * (field > 0)),
    "linear": (lambda field: field, np.ones_like),
}
ABOUT = {"activation": ERF, "rate": 0.3, "noise": 0.2}


def by_hand(student, teacher, place, name, rate, noise, steps, both):
    """One replicate, example by example, as the papers write it; all its errors Δ."""
    value, slope = VALUES[name]
    w, v = student.weights[place].numpy().copy(), student.outputs[place].numpy().copy()
    wanted, outer = teacher.weights[place].numpy(), teacher.outputs[place].numpy()
    generator, count, errors = Streams(place).get("examples"), student.inputs, []
    for step in range(steps):
        if step % 64 == 0:
            xs = torch.randn(64, count, generator=generator, dtype=torch.float64).numpy()
            zetas = torch.randn(64, generator=generator, dtype=torch.float64).numpy()
        x, zeta = xs[step % 64], zetas[step % 64]
        fields = w @ x / math.sqrt(count)
        target = outer @ value(wanted @ x / math.sqrt(count)) + noise * zeta
        error = v @ value(fields) - target
        errors.append(error)
        w -= rate / math.sqrt(count) * np.outer(v * slope(fields) * error, x)
        if both:
            v = v - rate / count * value(fields) * error
    return w, v, errors


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_replicate_learns_as_written_by_hand(name, both):
    student, teacher = networks(3, 4, 11), networks(3, 2, 11, seed=1)
    lessons = learn_online(
        student,
        teacher,
        activation=ACTIVATIONS[name],
        rate=0.1,
        noise=0.3,
        steps=(0, 1, 63, 64, 150),
        generators=generators(3),
        both_layers=both,
    )
    for place in range(3):
        for at, steps in enumerate(lessons.steps):
            w, v, _ = by_hand(student, teacher, place, name, 0.1, 0.3, steps, both)
            wanted = overlaps_of(
                Networks(torch.from_numpy(w)[None], torch.from_numpy(v)[None]),
                Networks(teacher.weights[place : place + 1], teacher.outputs[place : place + 1]),
            )
            found = lessons.overlaps.at(at).at(place)
            assert torch.allclose(found.student, wanted.student[0], rtol=1e-10, atol=1e-12)
            assert torch.allclose(found.cross, wanted.cross[0], rtol=1e-10, atol=1e-12)
            assert torch.allclose(found.outputs, wanted.outputs[0], rtol=1e-10, atol=1e-12)
        assert np.allclose(lessons.student.weights[place], w, rtol=1e-10, atol=1e-12)
        assert bool((v == student.outputs[place].numpy()).all()) != both
    errors = generalisation_error(lessons.overlaps, ACTIVATIONS[name])
    assert torch.equal(lessons.errors, errors)
    assert lessons.diverged == (None, None, None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("inputs", [13, 131])
def test_neighbours_do_not_change_a_bit(name, dtype, inputs):
    student, teacher = (networks(9, units, inputs, seed=units, dtype=dtype) for units in (5, 3))

    def learned(places):
        some = [Networks(one.weights[places], one.outputs[places]) for one in (student, teacher)]
        return learn_online(
            *some,
            activation=ACTIVATIONS[name],
            rate=0.05,
            noise=0.1,
            steps=(40, 100),
            generators=[generators(9)[place] for place in places],
            both_layers=True,
        )

    whole = learned(list(range(9)))
    assert whole.student.weights.dtype == dtype
    for places in ([4], [8, 0, 4], [7, 6, 5, 4, 3, 2, 1]):
        part = learned(places)
        assert torch.equal(part.student.weights, whole.student.weights[places])
        assert torch.equal(part.student.outputs, whole.student.outputs[places])
        assert torch.equal(part.errors, whole.errors[:, places])


def test_what_is_kept_does_not_change_what_is_learned():
    student, teacher = networks(2, 3, 8), networks(2, 2, 8, seed=1)
    every = learn_online(
        student, teacher, steps=range(0, 141, 7), generators=generators(2), **ABOUT
    )
    last = learn_online(student, teacher, steps=[140], generators=generators(2), **ABOUT)
    assert torch.equal(every.student.weights, last.student.weights)
    assert torch.equal(every.errors[-1], last.errors[0])
    assert len(every.errors) == len(every.steps) == 21


def test_what_is_given_stays_as_it_is():
    student, teacher = networks(2, 3, 8), networks(2, 2, 8, seed=1)
    before = [one.clone() for one in (student.weights, student.outputs, teacher.weights)]
    lessons = learn_online(
        student, teacher, steps=[0, 90], generators=generators(2), both_layers=True, **ABOUT
    )
    after = [student.weights, student.outputs, teacher.weights]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert torch.allclose(lessons.overlaps.at(0).student, overlaps_of(student, teacher).student)
    assert not torch.equal(lessons.student.weights, student.weights)


def test_without_noise_a_student_at_its_teacher_stays():
    teacher = networks(3, 2, 9)
    lessons = learn_online(
        teacher, teacher, steps=[100], generators=generators(3), **ABOUT | {"noise": 0.0}
    )
    assert torch.allclose(lessons.student.weights, teacher.weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", [LINEAR, RELU], ids=lambda one: one.name)
def test_one_that_diverges_is_said_to_and_disturbs_nobody(activation):
    student, teacher = networks(3, 2, 6), networks(3, 2, 6, seed=1)
    student.outputs[1] *= 60
    about = {"activation": activation, "rate": 0.1, "noise": 0.1, "steps": (0, 2, 700)}
    lessons = learn_online(student, teacher, generators=generators(3), **about)
    with np.errstate(all="ignore"):
        *_, errors = by_hand(student, teacher, 1, activation.name, 0.1, 0.1, 700, False)
    first = int(np.flatnonzero(~np.isfinite(errors))[0])
    assert 2 < first < 700
    assert lessons.diverged == (None, first, None)
    assert not lessons.errors.isnan().any()
    assert lessons.errors.isinf().tolist() == [[False] * 3] * 2 + [[False, True, False]]
    assert lessons.overlaps.student[2, 1].isinf().all()
    assert lessons.student.weights.isinf().flatten(1).all(1).tolist() == [False, True, False]
    assert not lessons.student.weights.isnan().any()
    sound = [0, 2]
    alone = learn_online(
        Networks(student.weights[sound], student.outputs[sound]),
        Networks(teacher.weights[sound], teacher.outputs[sound]),
        generators=[generators(3)[place] for place in sound],
        **about,
    )
    assert torch.equal(alone.errors, lessons.errors[:, sound])


def settled(activation, student, teacher, rate, steps, noise=0.1):
    """The mean error over the second half of a training, one a replicate."""
    lessons = learn_online(
        student,
        teacher,
        activation=activation,
        rate=rate,
        noise=noise,
        steps=range(steps // 2, steps + 1, steps // 100),
        generators=generators(student.replicates),
    )
    return lessons.errors.mean(0)


def test_a_linear_student_ends_at_its_exact_error():
    teacher = drawn_networks(2, 20, generators(64, "teacher"))
    student = teacher.extended(4, generators(64, "surplus"))
    found = settled(LINEAR, student, teacher, 0.2, 2000)
    exact = linear_error(4, rate=0.2, noise=0.1, inputs=20)
    assert abs(float(found.mean()) - exact) < 4 * float(found.std()) / 8
    assert exact > 1.06 * linear_error(4, rate=0.2, noise=0.1)  # which 64 students can tell
    assert float(found.std()) / 8 < 0.012 * exact


def test_a_wider_erf_student_ends_where_others_simulated_it():
    # N = 100, M = L = 2, rate 0.1, noise 0.1 on 64 replicates: 5.567e-4, where the first order is
    # 5.021e-4 for teachers of length 1.
    teacher = drawn_networks(2, 100, generators(32, "teacher"))
    student = teacher.extended(4, generators(32, "surplus"))
    found = settled(ERF, student, teacher, 0.1, 14_000)
    error = float(found.std()) / 32**0.5
    assert abs(float(found.mean()) - 5.567e-4) < 3 * 1.5 * error  # theirs has an error, too
    formula = first_order_error(ERF, overlaps_of(student, teacher).variances, rate=0.1, noise=0.1)
    assert float((found - formula).mean()) > 5 * error


SOUND = {"steps": [3], **ABOUT}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 0.0}, "rate must be above 0 and finite, got 0.0: without it nothing learns"),
        ({"rate": math.nan}, "rate must be above 0 and finite, got nan"),
        ({"noise": -0.1}, "noise must be a standard deviation, at least 0 and finite, got -0.1"),
        ({"steps": []}, r"steps must be at least one, and rise, got \(\)"),
        ({"steps": [5, 5]}, r"steps must be at least one, and rise, got \(5, 5\)"),
        ({"steps": [-1, 5]}, "a step must be a whole number of at least 0, got -1"),
        ({"steps": [2.5]}, "a step must be a whole number of at least 0, got 2.5"),
    ],
)
def test_a_training_that_cannot_be_is_refused(change, words):
    pair = networks(2, 3, 5), networks(2, 2, 5)
    with pytest.raises(ValueError, match=words):
        learn_online(*pair, generators=generators(2), **SOUND | change)


def test_students_and_teachers_that_do_not_go_together_are_refused():
    student = networks(2, 3, 5)
    for teacher, words in (
        (networks(3, 2, 5), "as many replicates and inputs, got 2 and 3, 5 and 5"),
        (networks(2, 2, 6), "as many replicates and inputs, got 2 and 2, 5 and 6"),
        (
            networks(2, 2, 5, dtype=torch.float32),
            "of one type, got torch.float64 and torch.float32",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            learn_online(student, teacher, generators=generators(2), **SOUND)
    with pytest.raises(ValueError, match=r"each of the 2 replicates needs a generator .* got 1"):
        learn_online(student, networks(2, 2, 5), generators=generators(1), **SOUND)
