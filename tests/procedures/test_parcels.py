"""The folder of parcels: gone with whatever ends the process, at once or with the next call."""

import multiprocessing
import os
import signal
import tempfile
import time

import pytest
import torch
from torch import nn

from surfeit.core import digest, parameters, ties
from surfeit.data import write_dataset
from surfeit.execute.interrupts import ends_interrupt
from surfeit.procedures.parcels import model_with, pack, parcel_folder, tensors_of, unpack
from surfeit.train import Numerics, Recipe
from surfeit.train.job import Job

from ..train.conftest import make_dataset

INTERRUPTED = 7


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def waiting(place):
    """A process that has a folder with data in it, and waits."""
    process = multiprocessing.get_context("fork").Process(target=_wait)
    process.start()
    while not list(place.glob("*/data")):
        time.sleep(0.01)
    yield process
    process.kill()
    process.join()


def _wait():
    try:
        with ends_interrupt(), parcel_folder() as folder:
            (folder / "data").touch()
            time.sleep(60)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_parcel_folder_goes_with_a_process_that_is_told_to_end(place, waiting, number):
    os.kill(waiting.pid, number)
    if number == signal.SIGHUP:
        os.kill(waiting.pid, number)  # as a shell does when its terminal closes
    waiting.join(5)
    assert waiting.exitcode == INTERRUPTED
    assert list(place.iterdir()) == []


def test_parcel_folder_of_a_killed_process_goes_with_the_next_call(place, waiting):
    (left,) = place.iterdir()
    (place / "surfeit-parcels-without-owner").mkdir()
    with parcel_folder():
        assert left.exists()  # its process lives
    waiting.kill()
    waiting.join()
    with parcel_folder() as folder:
        assert {path.name for path in place.iterdir()} == {
            folder.name,
            "surfeit-parcels-without-owner",
        }


def test_hangup_that_is_ignored_stays_so(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_hangup_is_heard_again_after_one_was_answered():
    before = signal.getsignal(signal.SIGHUP)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), ends_interrupt(), ends_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is before


def test_tied_and_repeated_networks_are_unpacked_as_they_were_packed(tmp_path):
    dataset = make_dataset()
    torch.manual_seed(0)
    act, layer = nn.SiLU(), nn.Linear(8, 8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), act, layer, act, layer, nn.Linear(8, 16))
    model[6].weight.data = model[1].weight.data.T
    network = nn.Sequential(*model, nn.Linear(16, 3))
    job = Job(network, dataset, Recipe(epochs=1), 0, None, Numerics())
    data = write_dataset(dataset, tmp_path / "data.safetensors")
    parcel = unpack(pack(job, data, tmp_path))
    for built in (parcel.model, model_with(parcel, tensors_of(parcel.model))):
        assert ties(built).keys() == {"6.weight"}
        assert built[3] is built[5]
        assert digest(parameters(built)) == digest(parameters(network))
