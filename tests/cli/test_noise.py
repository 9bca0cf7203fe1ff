"""`--label-noise`: wrong labels that a run's commands find again."""

import pytest
import torch

from surfeit.cli.noise import noisy, noisy_name, parted
from surfeit.core import Streams
from surfeit.data import load, with_label_noise
from surfeit.store import Store

from .conftest import call

TRAIN = ["train", "--model", "mlp-6", "--steps", "2", "--quiet"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    assert call(*TRAIN, "--label-noise", "0.25", "--root", root) == 0
    return root


def test_that_share_of_the_training_labels_is_wrong():
    clean = load("digits")
    found = noisy(clean, 0.25)
    wrong = found.train.labels != clean.train.labels
    assert int(wrong.sum()) == round(0.25 * len(clean.train))
    assert torch.equal(found.test.labels, clean.test.labels)
    assert found.fingerprint == noisy(clean, 0.25).fingerprint
    assert noisy(clean, 0.0) is clean


def test_a_training_sees_them_and_says_so_by_its_name(root):
    (run,) = Store(root).runs()
    assert run.about["data"] == "digits-noise-0.25"
    assert run.identity["data"] == noisy(load("digits"), 0.25).fingerprint


def test_each_seed_sees_the_same(root):
    assert call(*TRAIN, "--seed", "1", "--label-noise", "0.25", "--root", root) == 0
    assert len({run.identity["data"] for run in Store(root).runs()}) == 1


def test_commands_find_the_runs_data_again(root, tmp_path, capsys):
    key = Store(root).runs()[0].key
    prune = ["prune", key, "--layer", "fc1", "--criteria", "magnitude", "--repeats", "1"]
    assert call(*prune, "--root", root, "--out", tmp_path / "out") == 0
    assert "was trained on" not in capsys.readouterr().err


def test_noise_of_another_stream_is_other_data(tmp_path, capsys):
    from surfeit.models import mlp
    from surfeit.train import Recipe, train

    data = with_label_noise(load("digits"), 0.25, Streams(7).get("mine"))
    network = mlp((6,), input_shape=(1, 8, 8), classes=10)
    run = train(network, data, Recipe(steps=2), store=Store(tmp_path))
    prune = ["prune", run.key, "--layer", "fc1", "--root", tmp_path]
    assert call(*prune, "--out", tmp_path / "out") == 1
    assert "'digits-noise-0.25', which cannot be loaded by name" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan"])
def test_a_share_out_of_range_is_refused(share, tmp_path, capsys):
    assert call(*TRAIN, f"--label-noise={share}", "--root", tmp_path) == 1
    assert "the fraction of noisy labels must be in [0, 1], got" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mnist", ("mnist", 0.0)),
        ("mnist-noise-0.2", ("mnist", 0.2)),
        ("mnist-noise-uniform-0.2", ("mnist-noise-uniform-0.2", 0.0)),
        ("-noise-", ("-noise-", 0.0)),
    ],
)
def test_the_name_tells_the_share(name, parts):
    assert parted(name) == parts
    assert not parts[1] or noisy_name(*parts) == name


@pytest.mark.parametrize("command", ["train", "demo", "tickets", "instability", "supermasks"])
def test_every_command_that_trains_takes_it(command, capsys):
    assert call(command, "--help") == 0
    assert "--label-noise" in capsys.readouterr().out
