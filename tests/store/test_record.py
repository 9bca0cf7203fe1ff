"""run.json and DONE.json from anywhere: read, or a sentence; no name leads outside."""

import json
import os
import shutil

import pytest

from surfeit.core import StoreError
from surfeit.store import Run
from surfeit.store.names import is_run_file, leads_out, step_of
from surfeit.store.record import is_key

KEY = "ab" * 32


def change(path, *keys, to=...):
    """Sets one field at a path of keys, or leaves it out."""
    found = json.loads(path.read_text())
    *outer, last = keys
    inner = found
    for key in outer:
        inner = inner[key]
    if to is ...:
        del inner[last]
    else:
        inner[last] = to
    if path.name == "DONE.json":
        found.pop("sha256", None)  # as an earlier version wrote it
    path.write_text(json.dumps(found))


DEEP = "deep"


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("key",), 5, "its key is not 64 hexadecimal digits"),
        (("key",), None, "its key is not 64 hexadecimal digits"),
        (("key",), "a/../../x", "its key is not 64 hexadecimal digits"),
        (("key",), "AB" * 32, "its key is not 64 hexadecimal digits"),
        (("key",), KEY + "\n", "its key is not 64 hexadecimal digits"),
        (("key",), KEY, "it is the record of another run, abababababab"),
        (("identity",), [], "identity is a list, not an object"),
        (("identity",), {}, "identity.config is missing"),
        (("identity", "config"), 3, "identity.config is a whole number, not an object"),
        (("identity", "config", "seed"), [1, {}], "config.seed is a list, not a whole number"),
        (("identity", "config", "seed"), True, "config.seed is true or false, not a whole number"),
        (("identity", "config", "architecture"), "x", "config.architecture is text, not an object"),
        (("identity", "config", "settings"), None, "config.settings is null, not an object"),
        (("identity", "config", "objective"), 3, "config.objective is .*, not text or an object"),
        (("identity", "config", "frozen"), [1], "frozen must be texts"),
        (("identity", "kind"), 1, "identity.kind is a whole number, not text"),
        (("identity", "data"), [], "identity.data is a list, not text or null"),
        (("identity", "parents"), [1], "parents must be texts"),
        (("about",), [], "about is a list, not an object"),
        (("about",), None, "about is null, not an object"),
        (("about", "layers"), ..., "about.layers is missing"),
        (("about", "layers"), {}, "about.layers is an object, not a list"),
        (("about", "layers", 0), "fc1", "a layer is text, not an object"),
        (("about", "layers", 0, "name"), ..., "a layer.name is missing"),
        (("about", "layers", 0, "name"), "fc2", "two layers have one name"),
        (("about", "layers", 0, "shape"), [], "layer 'fc1' has no shape"),
        (("about", "layers", 0, "shape"), [3, -4], "layer 'fc1' has no shape"),
        (("about", "layers", 0, "shape"), [2**40, 2**40], "layer 'fc1' has no shape"),
        (("about", "layers", 0, "tensor"), {"to": 3}, "a tie.to is a whole number, not text"),
        (("about", "layers", 0, "tensor"), {"to": "a", "axes": [None]}, "'a' has no axes"),
        (("about", "layers", 0, "tensor"), {"to": "a", "more": 1}, "a tie.more is not known"),
        (("about", "layers", 0, "weights"), [], "layer 'fc1' has no weights"),
        (("about", "layers", 0, "weights"), [{}], "a part.tensor is missing"),
        (("about", "created"), 5, "about.created is a whole number, not text"),
        (("about", "model"), {}, "about.model is an object, not text or null"),
        (("about", "versions"), {"torch": 2}, "versions must be texts"),
        (("about", "x"), [[]], None),
        (("about", "model"), None, None),
    ],
)
def test_a_field_of_another_kind_is_named(finished, keys, value, words):
    run = finished()
    change(run.path / "run.json", *keys, to=value)
    if words is None:
        Run(run.path)
        return
    with pytest.raises(StoreError, match=rf"run\.json is damaged: .*{words}.*Delete this folder"):
        Run(run.path)


@pytest.mark.parametrize(
    "part",
    [
        {"units": 0},
        {"units": 3, "groups": 0},
        {"units": 3, "first": -1},
        {"units": 3, "form": "diagonal"},
    ],
)
def test_weights_that_lie_nowhere_are_named(finished, part):
    run = finished()
    weights = [{"tensor": "fc1.weight", "stored": "fc1.weight"} | part]
    change(run.path / "run.json", "about", "layers", 0, "weights", to=weights)
    with pytest.raises(StoreError, match="the weights of layer 'fc1' lie nowhere"):
        Run(run.path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"schema": 1, "a": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"schema": NaN}',
        b'{"schema": true}',
        b'{"schema": 1.0}',
        b'{"schema": 0}',
        b'{"schema": [1]}',
    ],
)
def test_a_torn_or_hostile_record_is_a_sentence(finished, content):
    run = finished()
    (run.path / "run.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged|schema .*update surfeit"):
        Run(run.path)


def test_a_run_outside_a_store_may_have_any_folder_and_a_copy_in_one_its_own(finished, tmp_path):
    run = finished()
    for folder in (tmp_path / "mine", tmp_path / "runs" / "01" / "mine"):
        shutil.copytree(run.path, folder)
        assert Run(folder).key == run.key
    other = run.path.parents[1] / KEY[:2] / KEY
    shutil.copytree(run.path, other)
    with pytest.raises(StoreError, match="it is the record of another run"):
        Run(other)


def test_a_runs_folder_and_its_store_may_be_links(finished, tmp_path):
    run = finished()
    (tmp_path / "link").symlink_to(run.path)
    (tmp_path / "stores").symlink_to(run.path.parents[2])
    for folder in (tmp_path / "link", tmp_path / "stores" / "runs" / run.key[:2] / run.key):
        assert Run(folder).verify() == []
        assert Run(folder).weights("fc1").shape == (3, 3, 4)


@pytest.mark.parametrize(
    "name", ["run.json", "metrics.jsonl", "mask.safetensors", "DONE.json", "data.json"]
)
@pytest.mark.parametrize("kind", ["link", "loop", "pipe", "folder"])
def test_what_is_no_file_in_a_runs_folder_is_not_followed(finished, tmp_path, name, kind):
    run = finished()
    path = run.path / name
    if path.exists():
        shutil.move(path, tmp_path / "elsewhere")
    else:
        (tmp_path / "elsewhere").write_text("{}")
    make = {
        "link": lambda: path.symlink_to(tmp_path / "elsewhere"),
        "loop": lambda: path.symlink_to(path),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }
    make[kind]()
    with pytest.raises(StoreError, match=f"{name} (is a link|cannot be read)"):
        Run(run.path)


@pytest.mark.parametrize("name", ["snapshots", "masks", "data"])
def test_a_folder_that_leads_elsewhere_is_not_followed(finished, tmp_path, name):
    run = finished()
    path = run.path / name
    if path.exists():
        shutil.move(path, tmp_path / name)
    else:
        (tmp_path / name).mkdir()
    path.symlink_to(tmp_path / name)
    with pytest.raises(StoreError, match=f"{name} is no folder, or a link"):
        Run(run.path)


def test_a_writer_does_not_write_through_links(writer, tmp_path):
    folder = writer().folder
    (tmp_path / "precious").write_text("do not append")
    (folder / "run.json").unlink()
    (folder / "metrics.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match=r"metrics\.jsonl is a link"):
        writer()
    assert (tmp_path / "precious").read_text() == "do not append"


OUTSIDE = [
    "../x",
    "/etc/passwd",
    "a/../../x",
    "..",
    ".",
    "",
    "a//b",
    "a/",
    "/",
    "a\0b",
    "./run.json",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused_by_everything(finished, name):
    run = finished()
    change(run.path / "DONE.json", "files", name, to={"size": 1, "sha256": "0" * 64})
    assert leads_out(name)
    for read in (lambda: run.done, run.steps, run.lacks, run.tensors, lambda: run.weights("fc1")):
        with pytest.raises(StoreError, match=r"DONE\.json is damaged: it names .*no file of a run"):
            read()
    (words,) = run.verify()
    assert "which is no file of a run" in words


def test_a_name_that_no_writer_gives_is_left_out(finished):
    run = finished()
    before = run.done["files"]
    for name in ("notes.txt", "figures/loss.png", "snapshots/5.pt", "snapshots/٣.safetensors"):
        change(run.path / "DONE.json", "files", name, to={"size": 1, "sha256": "0" * 64})
    assert run.done["files"] == before
    assert (run.verify(), run.lacks(), run.steps()) == ([], [], [0, 5, 10])


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("files",), [], "it does not list the run's files"),
        (("files", "run.json"), 3, "run.json is a whole number, not an object"),
        (("files", "run.json", "size"), "3", "run.json.size is text, not a whole number"),
        (("files", "run.json", "size"), -1, "'run.json' has no size and sha256"),
        (("files", "run.json", "sha256"), "0", "'run.json' has no size and sha256"),
        (("files", "run.json", "sha256"), ..., "run.json.sha256 is missing"),
        (("files", "run.json", "more"), 1, "run.json.more is not known"),
        (("steps",), "10", "steps is text, not a whole number"),
        (("best",), [], "best is a list, not an object"),
        (("machine",), "cpu", "machine is text, not an object"),
    ],
)
def test_an_end_record_of_another_shape_is_named(finished, keys, value, words):
    run = finished()
    change(run.path / "DONE.json", *keys, to=value)
    with pytest.raises(StoreError, match=rf"DONE\.json is damaged: {words}"):
        _ = run.done
    assert "DONE.json is damaged" in run.verify()[0]


def test_the_end_record_of_a_training_says_where_it_ended(finished):
    run = finished()
    change(run.path / "run.json", "identity", "kind", to="train")
    assert Run(run.path).done["steps"] == 10
    change(run.path / "DONE.json", "steps")
    with pytest.raises(StoreError, match=r"DONE\.json is damaged: it does not say after how many"):
        _ = Run(run.path).done


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("run.json", True),
        ("metrics.jsonl", True),
        ("mask.safetensors", True),
        ("masks/12.safetensors", True),
        ("snapshots/0.safetensors", True),
        ("snapshots/00.safetensors", False),
        ("snapshots/-1.safetensors", False),
        ("snapshots/1" + "0" * 18 + ".safetensors", False),
        ("data.json", True),
        ("data/train.safetensors", True),
        ("data/.hidden", False),
        ("data/..", False),
        ("data/a/b", False),
        ("data/a b", False),
        ("DONE.json", False),
        ("lease", False),
        ("run.json\n", False),
    ],
)
def test_the_names_that_a_writer_gives(name, ours):
    assert is_run_file(name) is ours
    assert not (ours and leads_out(name))


def test_steps_and_keys_are_read_from_names_alone():
    assert step_of("snapshots/15.safetensors", "snapshots") == 15
    assert step_of("masks/15.safetensors", "snapshots") is None
    assert is_key(KEY)
    assert not any(map(is_key, (KEY[:-1], KEY + "a", KEY.upper(), 3, None, "٣" * 64)))


def test_lone_surrogates_of_a_command_line_become_visible(finished):
    run = finished()
    change(run.path / "run.json", "about", "command", to="surfeit train --root caf\udce9")
    assert Run(run.path).about["command"] == r"surfeit train --root caf\udce9"


def means_the_same(changed, content):
    """Whether only the space between values is another."""
    try:
        return json.loads(changed) == json.loads(content)
    except ValueError:
        return False


def test_every_bit_of_the_record_of_a_finished_run_is_watched(finished):
    run = finished()
    path = run.path / "DONE.json"
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 7
        path.write_bytes(changed)
        assert run.verify() or means_the_same(changed, content), place
    path.write_bytes(content)
    assert run.verify() == []


def test_a_record_without_a_sum_is_of_an_earlier_version(finished):
    run = finished()
    record = json.loads((run.path / "DONE.json").read_text())
    del record["sha256"]
    (run.path / "DONE.json").write_text(json.dumps(record))
    assert run.verify() == []
    del record["files"]["snapshots/5.safetensors"]
    (run.path / "DONE.json").write_text(json.dumps(record))
    assert "5.safetensors is not among the files that DONE.json lists" in run.verify()[0]
