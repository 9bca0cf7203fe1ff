"""What runs are chosen by: read from records and summaries alike, and settings as short words."""

import json

import pytest
import torch

from surfeit.store.labels import Labels, write_labels
from surfeit.store.summary import summary_of
from surfeit.viewer.timelines.about import About, about_in, about_of, settings_of
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.rows import packed_rows


def test_a_run_tells_model_data_seed_density_and_tags(written, store):
    kept = torch.ones(6, 4, dtype=torch.bool)
    kept[:3] = False
    run = written(2, mask={"fc1.weight": kept}, data="digits")
    write_labels(run.path, Labels(tags=("first", "wide")))
    about = about_of(run)
    assert (about.model, about.data, about.seed) == ("mlp", "digits", 2)
    assert about.tags == ("first", "wide")
    assert about.density is not None
    assert 0 < about.density < 1
    assert about == about_in(summary_of(run.path, store.root))


def test_settings_are_flat_short_words_without_the_network(written):
    run = written(1)
    run.identity["config"]["recipe"] = {
        "lr": 0.1,
        "milestones": [],
        "schedule": None,
        "x": "y" * 99,
    }
    told = settings_of(run)
    assert told == {
        "seed": "1",
        "recipe.lr": "0.1",
        "recipe.milestones": "[]",
        "recipe.schedule": "none",
    }


@pytest.mark.parametrize("count", [1, 3])
def test_lists_tell_of_each_run_what_it_is_chosen_by(written, store, count):
    for seed in range(count):
        written(seed)
    rows = Library(store).rows()
    packed = json.loads(json.dumps(packed_rows(rows)))
    assert sorted(packed["about"]["seed"]) == list(range(count))
    assert packed["about"]["model"] == ["mlp"] * count
    assert packed["about"]["tags"] == [[]] * count
    assert set(packed["about"]) == set(About().described())
