"""What trainings take is told from runs of the same shape, or not at all."""

from dataclasses import replace
from functools import partial

import pytest

from surfeit.core import StoreError
from surfeit.execute import Derived, InProcess, Local
from surfeit.lab import cost
from surfeit.lab.cost import Planned, estimate, in_words, planned
from surfeit.procedures.tickets import TicketConfig
from surfeit.procedures.tickets.levels import level_job
from surfeit.store import Run
from surfeit.train import Origin, Recipe

RECIPE = Recipe(epochs=2, batch_size=100)  # 22 steps
STEPS = 22


@pytest.fixture
def job(lab):
    def make(model="mlp-8", recipe=RECIPE, **others):
        return lab.job(model, "digits", recipe, **others)

    return make


def seconds_of(lab, run: Run, seconds: float) -> None:
    """Lets a finished run say that it took so long."""
    from surfeit.store.record import read_done, write_done

    write_done(run.path, read_done(run.path) | {"seconds": seconds})


def same(run):
    """A derived job that cannot be derived."""
    raise AssertionError


def seeded(base, seed, run):
    """A derived job, by a function of the user's own."""
    return replace(base, seed=seed)


def test_an_empty_store_tells_nothing(lab, job):
    plan = planned({"a": job(), "b": job(seed=1)}, lab.store)
    assert [(one.state, one.steps, one.seconds) for one in plan] == [("to do", STEPS, None)] * 2
    assert estimate(plan, Local(2)) == (
        "trainings: 2 to do; the store has no run of their shape to tell how long they take"
    )


def test_a_study_that_trains_nothing_says_so(lab):
    assert planned({}, lab.store) == []
    assert estimate([], Local(2)) == "it trains nothing"


def test_runs_of_the_same_shape_tell_seconds_a_step(lab, job):
    run = lab.train({"a": job()})["a"]
    seconds_of(lab, run, 44.0)
    longer = job(recipe=replace(RECIPE, epochs=10), seed=1)
    plan = planned({"a": job(), "b": longer}, lab.store)
    assert [(one.state, one.steps) for one in plan] == [("done", 0), ("to do", 5 * STEPS)]
    assert [one.seconds for one in plan] == [0.0, pytest.approx(5 * 44.0)]
    assert plan[0].key == run.key
    assert estimate(plan, Local(2)) == (
        "about 4 min on 2 cores for the trainings: 1 to do, 1 in the store"
    )


def test_the_median_of_several_runs_counts(lab, job):
    runs = lab.train({str(seed): job(seed=seed) for seed in range(3)})
    for run, seconds in zip(runs.values(), (22.0, 44.0, 2200.0), strict=True):
        seconds_of(lab, run, seconds)
    (plan,) = planned({"a": job(seed=9)}, lab.store)
    assert plan.seconds == pytest.approx(44.0)


def test_a_rewound_run_counts_the_steps_that_it_made(lab, job):
    run = lab.train({"a": job(origin=Origin(step=11))})["a"]
    seconds_of(lab, run, 11.0)
    plan = planned({"a": job(seed=2), "b": job(seed=2, origin=Origin(step=12))}, lab.store)
    assert [one.steps for one in plan] == [STEPS, STEPS - 12]
    assert [one.seconds for one in plan] == [pytest.approx(22.0), pytest.approx(10.0)]


def test_another_size_is_scaled_and_another_kind_or_far_one_is_not(lab, job):
    run = lab.train({"a": job("mlp-8")})["a"]  # 64 * 8 + 8 * 10 weights
    seconds_of(lab, run, 22.0)
    plan = planned(
        {"wide": job("mlp-16"), "far": job("mlp-512"), "other": job("conv-2")}, lab.store
    )
    assert [one.seconds for one in plan] == [pytest.approx(44.0), None, None]
    assert "and 2 more that no run in the store tells of: 3 to do" in estimate(plan, Local(2))


def test_convolutions_are_timed_on_the_same_data_and_never_scaled(lab, job):
    data = lab.data("digits")
    drawn = [replace(data, train=data.train[:many]) for many in (200, 100)]
    run = lab.train({"a": lab.job("resnet-8", drawn[0], RECIPE)})["a"]
    seconds_of(lab, run, 8.0)  # 4 steps
    plan = planned(
        {
            "drawn anew": lab.job("resnet-8", drawn[1], RECIPE, seed=1),
            "deeper": lab.job("resnet-14", drawn[0], RECIPE),
        },
        lab.store,
    )
    assert [one.seconds for one in plan] == [pytest.approx(4.0), None]


def test_a_larger_batch_is_another_shape(lab, job):
    seconds_of(lab, lab.train({"a": job()})["a"], 22.0)
    (plan,) = planned({"a": job(recipe=replace(RECIPE, batch_size=200))}, lab.store)
    assert plan.seconds == pytest.approx(12 * 2.0)


def test_what_is_begun_goes_on_from_where_it_is(lab, job):
    run = lab.train({"a": job()})["a"]
    (run.path / "DONE.json").unlink()
    lines = (run.path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run.path / "metrics.jsonl").write_bytes(b"".join(lines[:2]))  # steps 0 and 11
    (plan,) = planned({"a": job()}, lab.store)
    assert (plan.state, plan.steps) == ("partial", 11)


def test_a_derived_training_is_as_long_as_its_first_ancestor(lab, job):
    seconds_of(lab, lab.train({"a": job()})["a"], 22.0)
    jobs = {
        "a": job(),
        "b": Derived(derive=same, parents=("a",)),
        "c": Derived(derive=same, parents=("b", "a")),
    }
    plan = planned(jobs, lab.store)
    assert [(one.state, one.steps) for one in plan[1:]] == [("follows", STEPS)] * 2
    assert [one.seconds for one in plan] == [0.0, pytest.approx(22.0), pytest.approx(22.0)]
    assert estimate(plan, InProcess()) == (
        "about 44 s on 1 core for the trainings: 1 in the store, 2 that follow from others"
    )


def test_a_derived_training_without_parents_is_unknown(lab):
    (plan,) = planned({"b": Derived(derive=same, parents=())}, lab.store)
    assert (plan.state, plan.steps, plan.seconds) == ("follows", None, None)


def test_derived_trainings_that_are_done_are_shown_as_done(lab, job):
    """Those of a user's own functions are derived to be known; the library's are remembered."""
    jobs = {
        "third": Derived(derive=partial(seeded, job(), 2), parents=("second",)),
        "first": job(),
        "second": Derived(derive=partial(seeded, job(), 1), parents=("first",)),
        "ticket": Derived(
            derive=partial(level_job, job(), TicketConfig(), 1, "ticket", False),
            parents=("first",),
        ),
    }
    runs = lab.train(jobs)
    plan = {one.name: one for one in planned(jobs, lab.store)}
    assert list(plan) == list(jobs)
    assert {one.state for one in plan.values()} == {"done"}
    assert {name: one.key for name, one in plan.items()} == {n: run.key for n, run in runs.items()}
    assert {(one.steps, one.seconds) for one in plan.values()} == {(0, 0.0)}
    assert estimate(list(plan.values()), None) == "all 4 trainings are in the store"


def test_a_derived_training_whose_parents_are_done_is_known(lab, job):
    lab.train({"first": job()})
    jobs = {
        "first": job(),
        "next": Derived(derive=partial(seeded, job(), 1), parents=("first",)),
        "last": Derived(derive=partial(seeded, job(), 2), parents=("next",)),
        "ticket": Derived(
            derive=partial(level_job, job(), TicketConfig(), 1, "ticket", False),
            parents=("first",),
        ),
    }
    plan = planned(jobs, lab.store)
    assert [one.state for one in plan] == ["done", "to do", "follows", "follows"]
    assert [one.key for one in plan] == [job().key, job(seed=1).key, "", ""]
    assert [one.steps for one in plan] == [0, STEPS, STEPS, STEPS]


def test_damaged_runs_tell_nothing(lab, job):
    good, bad, worse = lab.train({str(seed): job(seed=seed) for seed in range(3)}).values()
    seconds_of(lab, good, 22.0)
    (bad.path / "DONE.json").write_text("{")
    (worse.path / "run.json").write_text("[]")
    with pytest.raises(StoreError):
        Run(worse.path)
    (plan,) = planned({"a": job(seed=9)}, lab.store)
    assert plan.seconds == pytest.approx(22.0)


def test_no_more_runs_are_read_than_needed(lab, job, monkeypatch):
    lab.train({str(seed): job(seed=seed) for seed in range(8)})
    read = []
    monkeypatch.setattr(cost, "Run", lambda path: read.append(path) or Run(path))
    planned({"a": job(seed=9)}, lab.store)
    assert len(read) == 5


def test_all_in_the_store_says_so(lab, job):
    lab.train({"a": job()})
    assert estimate(planned({"a": job()}, lab.store), None) == "the training is in the store"
    lab.train({"b": job(seed=1)})
    plan = planned({"a": job(), "b": job(seed=1)}, lab.store)
    assert estimate(plan, None) == "all 2 trainings are in the store"


def test_one_training_takes_one_core():
    plan = [Planned(name="a", key="", state="to do", steps=10, seconds=600.0)]
    assert estimate(plan, Local(8)).startswith("about 10 min on 8 cores")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 s"), (89, "89 s"), (91, "2 min"), (540, "9 min"), (5399, "90 min"), (9000, "2.5 h")],
)
def test_durations_are_told_as_people_say_them(seconds, words):
    assert in_words(seconds) == words
