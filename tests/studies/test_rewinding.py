"""F3: rewound to the latest step less rewound to 0, at sparse levels."""

import pytest

from surfeit.studies import rewinding
from surfeit.studies.rewinding import PAPER

from .tickets_table import SEEDS, table, trainings

STEPS = (0, 30, 120)


def searched(change, seeds=SEEDS):
    return table([
        row
        for step in STEPS
        for row in trainings(change, levels=8, seeds=seeds, rewound_to=step)
    ])  # fmt: skip


@pytest.mark.parametrize("expected", ["supported", "contradicted", "inconclusive"])
def test_the_latest_step_is_judged_where_tickets_are_sparse(planted_three, expected):
    gains = planted_three(PAPER.margin, 0.02)[expected]

    def change(row):
        if row["rewound_to"] == 30 or row["density"] > PAPER.boundary:
            return {"test_accuracy": 0.3 + 0.1 * row["level"] * (row["rewound_to"] == 0)}
        more = gains[row["replicate"]] / 100 if row["rewound_to"] else 0
        return {"test_accuracy": row["test_accuracy"] + more}

    (found,) = rewinding.verdicts(searched(change), PAPER)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))


def test_one_seed_decides_nothing_and_a_missing_one_is_an_error():
    (found,) = rewinding.verdicts(searched(lambda _: {}, seeds=(0,)), PAPER)
    assert found.ruling == "inconclusive"
    rows = searched(lambda _: {}).to_pylist()
    fewer = [row for row in rows if (row["replicate"], row["rewound_to"]) != (2, 120)]
    with pytest.raises(ValueError, match=r"replicates \[2\] have rows on the second side alone"):
        rewinding.verdicts(table(fewer), PAPER)


def test_the_figure_has_a_line_for_each_step():
    (panel,) = rewinding.figure(searched(lambda _: {})).axes
    words = [text.get_text() for text in panel.get_legend().get_texts()]
    assert words == ["step 0", "step 30", "step 120"]
