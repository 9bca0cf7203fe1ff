"""What a study computes of no run: drawn systems, fits to data; each once, in workers too."""

import pytest

from surfeit.execute import InProcess, Local
from surfeit.lab import Lab
from surfeit.store import Store


def drawn(seed, draws):
    """Rows that tell what they were called with."""
    yield from ({"seed": seed, "draw": draw} for draw in range(draws))


def counted(dataset, label):
    yield {"label": label, "count": int((dataset.train.targets == label).sum())}


def other(seed, draws):
    yield {"seed": -seed, "draw": draws}


SEEDS = {seed: {"seed": seed} for seed in (0, 3)}


class Refusing:
    def run(self, tasks, *, store, progress=None):
        raise AssertionError(f"computed again: {[task.name for task in tasks]}")


@pytest.mark.parametrize("engine", [InProcess(), Local(2)], ids=["here", "local"])
def test_each_set_of_arguments_has_its_rows_and_is_computed_once(tmp_path, engine):
    told = []
    lab = Lab(Store(tmp_path), engine=engine, stage=lambda *of: told.append(of))
    found = lab.compute(drawn, SEEDS, draws=2)
    assert found == {s: [{"seed": s, "draw": 0}, {"seed": s, "draw": 1}] for s in (0, 3)}
    assert told[-1] == ("measuring drawn", 2, 2)
    assert Lab(Store(tmp_path), engine=Refusing()).compute(drawn, SEEDS, draws=2) == found
    with pytest.raises(AssertionError, match=r"computed again: \['0', '3'\]"):
        Lab(Store(tmp_path), engine=Refusing()).compute(drawn, SEEDS, draws=3)
    with pytest.raises(AssertionError, match=r"computed again: \['7'\]"):
        Lab(Store(tmp_path), engine=Refusing()).compute(drawn, {7: {"seed": 7}}, draws=2)
    with pytest.raises(AssertionError, match="computed again"):
        Lab(Store(tmp_path), engine=Refusing()).compute(other, SEEDS, draws=2)
    assert lab.used.runs == {}


def test_a_data_set_comes_first(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = lab.compute(counted, {n: {"label": n} for n in range(10)}, lab.data("digits"))
    assert sum(row["count"] for (row,) in rows.values()) == len(lab.data("digits").train)
    assert list(lab.used.data) == ["digits"]


def test_what_a_set_of_arguments_says_itself_goes_before_what_all_share(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    (rows,) = lab.compute(drawn, {"a": {"seed": 1, "draws": 1}}, draws=5).values()
    assert len(rows) == 1


def test_a_function_that_takes_something_else_is_refused_before_it_is_called(tmp_path):
    lab = Lab(Store(tmp_path), engine=Refusing())
    with pytest.raises(
        ValueError, match=r"drawn .* takes \(seed, draws\), and would be called with"
    ):
        lab.compute(drawn, SEEDS, count=3)
