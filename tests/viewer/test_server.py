"""The local server: what it gives, to whom, and what nobody can make it read."""

import http.client
import json
import os
import secrets
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import torch
from starlette.testclient import TestClient

from surfeit.core import StoreError
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Run, Store
from surfeit.train import Recipe, Recorder, train
from surfeit.viewer import assets
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.serving.guard import is_our_name
from surfeit.viewer.serving.serve import serving
from surfeit.viewer.serving.server import application
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.wire import decode

TOKEN = "the-token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; worker-src blob: 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
KINDS = (
    "learning",
    "graph",
    "course",
    "spectrum",
    "removal",
    "activity",
    "examples",
    "weights",
    "trial",
)
API = ("catalog", "timelines/{id}", *(f"timelines/{{id}}/{kind}" for kind in KINDS))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Run:
    """A small run in a store of its own; tests that break it take a copy."""
    return small_run(Store(tmp_path_factory.mktemp("trained")), seed=0)


@pytest.fixture(scope="module")
def another(tmp_path_factory) -> Run:
    """The same under another seed."""
    return small_run(Store(tmp_path_factory.mktemp("another")), seed=1)


def small_run(store: Store, *, seed: int) -> Run:
    recipe = Recipe(lr=0.1, epochs=2)
    return train(partial(mlp, (12, 8)), load("digits"), recipe, seed=seed, store=store)


@pytest.fixture
def store(tmp_path: Path, trained: Run) -> Store:
    store = Store(tmp_path / "store")
    shutil.copytree(trained.path, store.path_of(trained.key))
    return store


@pytest.fixture
def pictures(store: Store) -> Pictures:
    library = Library(store, dataset_of=lambda run: load("digits"))
    return Pictures(library, Cache(None))


@pytest.fixture
def client(pictures: Pictures, monkeypatch, tmp_path: Path) -> TestClient:
    """A client that knows the token; the viewer is built, or as good as."""
    static = tmp_path / "static"
    static.mkdir()
    (static / "viewer.js").write_text("export {};")
    (static / "NOTICES.txt").write_text("d3 (ISC)")
    monkeypatch.setattr(assets, "_STATIC", static)
    return TestClient(
        application(pictures, TOKEN),
        base_url="http://127.0.0.1:8000",
        headers={"Authorization": f"Bearer {TOKEN}"},
        follow_redirects=False,
        raise_server_exceptions=False,
    )


@pytest.fixture
def stranger(client: TestClient) -> TestClient:
    del client.headers["Authorization"]
    return client


def test_the_page_loads_the_viewer_and_holds_no_script_itself(client):
    page = client.get("/", params={"token": TOKEN})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<div id="surfeit" data-home="server"></div>' in page.text
    assert page.text.count("<script") == 1
    assert '<script type="module" src="viewer.js"></script>' in page.text
    for word in ("<style", "style=", "onload", "javascript:", "http://", "https://"):
        assert word not in page.text


@pytest.mark.parametrize("params", [{}, {"token": ""}, {"token": TOKEN + "x"}, {"token": "ü" * 9}])
def test_the_page_without_the_token_says_what_to_do(stranger, params):
    page = stranger.get("/", params=params)
    assert page.status_code == 403
    assert "open the whole address that 'surfeit view' printed" in page.text
    assert "<" not in page.text


def test_what_the_page_loads_needs_no_token(stranger):
    for path, kind in (
        ("/viewer.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/NOTICES.txt", "text/plain; charset=utf-8"),
    ):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


def test_a_viewer_that_was_not_built_is_said_where_it_is_asked_for(client, tmp_path):
    shutil.rmtree(tmp_path / "static")
    answer = client.get("/viewer.js")
    assert answer.status_code == 404
    assert "was not built" in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/viewer.js", "/nothing", "/api/catalog", "/api/timelines/none", "/api/nothing"]
)
def test_every_answer_carries_the_headers_of_security(client, path):
    for answer in (client.get(path), client.options(path), client.get(path, headers={"host": "x"})):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:80", "localhost:8000", "LOCALHOST", "[::1]:1"]
)
def test_our_own_names_are_answered(client, host):
    assert is_our_name(host)
    assert client.get("/api/catalog", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.org",
        "evil.org:8000",
        "127.0.0.1.evil.org",
        "localhost.evil.org:8000",
        "127.0.0.1@evil.org",
        "127.0.0.1:80@evil.org",
        "127.0.0.1:",
        "127.0.0.1:١",
        "::1",
        "0.0.0.0",
        "127.0.0.1 ",
        "127.0.0.1\n",
    ],
)
def test_other_names_are_refused(host):
    assert not is_our_name(host)


def test_a_page_of_another_name_is_refused_before_anything_is_read(client, monkeypatch, pictures):
    monkeypatch.setattr(pictures, "catalog", lambda: pytest.fail("was asked"))
    answer = client.get("/api/catalog", headers={"host": "evil.org:8000"})
    assert answer.status_code == 403
    assert "localhost" in answer.text


def test_a_selection_is_tried_and_a_list_that_is_none_refused(client, trained):
    path = f"/api/timelines/{trained.key}/trial"
    answer = client.get(path, params={"layer": "fc1", "units": "0,3-5"})
    assert answer.status_code == 200
    assert (answer.json()["removed"], answer.json()["units"]) == (4, 12)
    for params, said in (
        ({}, "layer is missing"),
        ({"layer": "fc1"}, "units is missing: the address says units=3,17-20"),
        ({"layer": "fc1", "units": "../x"}, "units must be a list such as 3,17-20"),
        ({"layer": "fc1", "units": "12"}, "the units of 'fc1' are 0 to 11"),
    ):
        refused = client.get(path, params=params)
        assert refused.status_code == 400
        assert said in refused.json()["error"]


@pytest.mark.parametrize("path", API)
def test_pictures_need_the_token(stranger, trained, path):
    address = "/api/" + path.format(id=trained.key)
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = stranger.get(address, headers=headers)
        assert answer.status_code == 403
        assert "the token is missing" in answer.json()["error"]
    layer = {"layer": "fc1", "units": "3"}
    bearer = {"Authorization": f"bearer {TOKEN}"}
    assert stranger.get(address, params=layer, headers=bearer).status_code == 200
    assert stranger.get(address, params={**layer, "token": TOKEN}).status_code == 200


def test_addresses_that_there_are_not_are_hidden_behind_the_token_too(stranger):
    assert stranger.get("/api/nothing").status_code == 403


def test_the_token_is_compared_in_constant_time(client, monkeypatch):
    compared = []

    def compare(given: bytes, known: bytes) -> bool:
        compared.append((given, known))
        return False

    monkeypatch.setattr(secrets, "compare_digest", compare)
    assert client.get("/api/catalog").status_code == 403
    assert client.get("/", params={"token": "guess"}).status_code == 403
    assert compared == [(TOKEN.encode(), TOKEN.encode()), (TOKEN.encode(),) * 2]


def test_a_door_for_once_opens_once_and_leads_to_the_page(pictures):
    client = TestClient(
        application(pictures, TOKEN, once="door"),
        base_url="http://localhost",
        follow_redirects=False,
    )
    assert client.get("/open/other").status_code == 403
    assert client.head("/open/door").status_code == 403
    opened = client.get("/open/door")
    assert (opened.status_code, opened.headers["location"]) == (303, f"/?token={TOKEN}")
    assert client.get("/open/door").status_code == 403
    closed = TestClient(application(pictures, TOKEN), base_url="http://localhost")
    assert closed.get("/open/None").status_code == 403


def test_the_answers_are_what_pictures_gives(client, pictures, trained):
    base = f"/api/timelines/{trained.key}"
    assert client.get("/api/catalog").json() == pictures.catalog()
    assert client.get(base).json() == pictures.timeline(trained.key)
    assert client.get(f"{base}/learning").content == pictures.learning(trained.key)
    step = trained.steps()[1]
    asked = Query(trained.key, "fc1", at=step)
    for kind, draw in (
        ("graph", pictures.graph),
        ("course", pictures.course),
        ("spectrum", pictures.spectrum),
        ("removal", pictures.removal),
    ):
        answer = client.get(f"{base}/{kind}", params={"layer": "fc1", "at": step})
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.content == draw(asked)


def test_source_and_merged_run_of_the_address_reach_the_picture(client, pictures, trained):
    path = f"/api/timelines/{trained.key}/graph"
    step = trained.steps()[-1]
    merged = {"layer": "fc1", "at": step, "source": "outputs", "merged": trained.key}
    header, _ = decode(client.get(path, params=merged).content)
    assert (header["units"], header["own"]) == (24, 12)
    asked = Query(trained.key, "fc1", source="outputs", at=step, merged=trained.key)
    assert client.get(path, params=merged).content == pictures.graph(asked)


@pytest.mark.parametrize("slow", ["removal", "trial", "map"])
def test_a_page_opens_while_what_takes_long_is_computed(pictures, trained, monkeypatch, slow):
    done, begun = threading.Event(), threading.Event()

    def work(*_):
        begun.set()
        done.wait(10)
        return b""

    monkeypatch.setattr(pictures, slow, work)
    kind = "tsne" if slow == "map" else slow
    path = f"/api/timelines/{trained.key}/{kind}?layer=fc1&at=0&units=1"
    with serving(application(pictures, TOKEN)) as server, ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(raw, server.port, path) for _ in range(6)]
        assert begun.wait(10)
        status, _ = raw(server.port, "/api/catalog")
        early = sum(one.done() for one in waiting)
        done.set()
    assert (status, early) == (200, 0)


@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({}, 400, "layer is missing"),
        ({"layer": "fc9"}, 400, "no layer 'fc9': did you mean"),
        ({"layer": "../fc1"}, 400, "no layer '../fc1'"),
        ({"layer": "fc1", "source": "weigths"}, 400, "did you mean 'weights'"),
        ({"layer": "fc1", "at": "1"}, 400, "nothing at step 1"),
        ({"layer": "fc1", "at": "-1"}, 400, "at must be a step or a level"),
        ({"layer": "fc1", "at": "1e3"}, 400, "at must be a step or a level"),
        ({"layer": "fc1", "at": "9" * 99}, 400, "at must be a step or a level"),
        ({"layer": "fc1", "merged": "nothing"}, 404, "no run 'nothing' here"),
        ({"layer": "fc1", "merged": "/etc/passwd"}, 404, "no run '/etc/passwd' here"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(client, trained, params, status, words):
    answer = client.get(f"/api/timelines/{trained.key}/graph", params=params)
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_methods_that_there_are_not_are_refused_in_json(client, trained):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = client.request(method, "/api/catalog")
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
        assert "method not allowed" in answer.json()["error"]
    address = f"/api/timelines/{trained.key}/graph?layer=fc1"
    head = client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == client.get(address).headers["content-length"]


def test_a_broken_snapshot_is_a_sentence_and_the_rest_keeps_working(client, store, trained):
    step = trained.steps()[1]
    broken = store.path_of(trained.key) / "snapshots" / f"{step}.safetensors"
    broken.write_bytes(broken.read_bytes()[:50])
    address = f"/api/timelines/{trained.key}/graph"
    answer = client.get(address, params={"layer": "fc1", "at": step})
    assert answer.status_code == 409
    assert "damaged" in answer.json()["error"]
    last = trained.steps()[-1]
    assert client.get(address, params={"layer": "fc1", "at": last}).status_code == 200


def test_a_fault_of_our_own_is_told_in_the_terminal_and_not_on_the_page(
    client, pictures, trained, monkeypatch, capsys
):
    def fail(identifier: str) -> bytes:
        raise KeyError("secret detail")

    monkeypatch.setattr(pictures, "learning", fail)
    answer = client.get(f"/api/timelines/{trained.key}/learning")
    assert answer.status_code == 500
    assert "the terminal of 'surfeit view' says what" in answer.json()["error"]
    assert "secret detail" not in answer.text
    assert "secret detail" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreError("gone"), 409), (ValueError("gone"), 400), (OSError("gone"), 500)],
)
def test_kinds_of_errors_have_their_status(client, pictures, monkeypatch, error, status):
    def fail() -> dict[str, object]:
        raise error

    monkeypatch.setattr(pictures, "catalog", fail)
    answer = client.get("/api/catalog")
    assert (answer.status_code, answer.json()) == (status, {"error": "gone"})


# What nobody can make it read


@pytest.fixture
def outside(tmp_path: Path, another: Run) -> Run:
    """A run outside the store, and a secret in it and above it."""
    folder = Store(tmp_path / "outside").path_of(another.key)
    shutil.copytree(another.path, folder)
    (folder / "secret.txt").write_text("SECRET")
    (tmp_path / "secret.txt").write_text("SECRET")
    return Run(folder)


def raw(port: int, path: str, *, token: str = TOKEN) -> tuple[int, bytes]:
    """An answer to exactly this path: nothing on our side makes it tidy first."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_no_path_of_an_address_is_read(pictures, outside, tmp_path, store):
    folder, secret = str(outside.path), str(tmp_path / "secret.txt")
    up = "../" * 12
    names = [
        secret,
        folder,
        up + secret,
        os.path.relpath(outside.path, store.root),
        os.path.relpath(outside.path),
        "..",
        ".",
        "~",
        "file://" + secret,
        outside.key + "/../" + outside.key,
        outside.key + "\x00",
        "%00",
        "a" * 5000,
    ]
    paths = ["/../" * 9 + secret, "//" + secret, "/viewer.js/../page.html", "/static/viewer.js"]
    paths += ["/..%2f..%2fpage.css", "/%2e%2e/%2e%2e/guard.py", "/page.html", "/failure.txt"]
    paths += ["/viewer.js%00", "/viewer.js/", "/open/" + quote(secret, safe="")]
    for name in names:
        for coded in {name, quote(name, safe=""), quote(quote(name, safe=""), safe="")}:
            clean = "".join(sign for sign in coded if sign.isprintable() and sign != " ")
            paths += [f"/api/timelines/{clean}", f"/api/timelines/{clean}/graph?layer=fc1"]
            paths.append(f"/api/timelines/{outside.key}/graph?layer=fc1&merged={clean}")
            paths.append(f"/{clean}")
    with serving(application(pictures, TOKEN)) as server:
        for path in paths:
            status, body = raw(server.port, path)
            assert status in (307, 400, 403, 404), (status, path)
            assert b"SECRET" not in body
            assert b"units" not in body


@pytest.mark.parametrize("name", ["key", "folder"])
def test_a_run_outside_the_store_is_not_there(client, outside, trained, name):
    named = outside.key if name == "key" else quote(str(outside.path), safe="")
    shown = [timeline["id"] for timeline in client.get("/api/catalog").json()["timelines"]]
    assert shown == [trained.key]
    for kind in ("", "/graph?layer=fc1", "/learning"):
        answer = client.get(f"/api/timelines/{named}{kind}")
        assert answer.status_code == 404
        assert "error" in answer.json()


def test_a_link_in_the_store_that_leads_outside_is_not_followed(client, store, outside):
    link = store.path_of(outside.key)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside.path, target_is_directory=True)
    answer = client.get("/api/catalog").json()
    assert len(answer["timelines"]) == 1
    assert any("leads outside" in problem for problem in answer["problems"])
    assert client.get(f"/api/timelines/{outside.key}/graph?layer=fc1").status_code == 404


def test_a_snapshot_that_is_a_link_to_outside_is_not_read(client, store, outside, trained):
    (first, *_) = sorted((store.path_of(trained.key) / "snapshots").iterdir())
    other = outside.path / "snapshots" / first.name
    first.unlink()
    first.symlink_to(other)
    answer = client.get(f"/api/timelines/{trained.key}/graph?layer=fc1&at=0")
    assert answer.status_code == 409
    assert "leads outside" in answer.json()["error"]


def test_runs_that_were_not_given_are_not_there(store, trained, another):
    shutil.copytree(another.path, store.path_of(another.key))
    pictures = Pictures(Library(store, [trained.key]), Cache(None))
    client = TestClient(application(pictures, TOKEN), base_url="http://localhost")
    catalog = client.get("/api/catalog", params={"token": TOKEN}).json()
    assert [timeline["id"] for timeline in catalog["timelines"]] == [trained.key]
    for key in (another.key, another.key[:12], trained.key[:12]):
        assert client.get(f"/api/timelines/{key}", params={"token": TOKEN}).status_code == 404


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory: 8 bytes")])
def test_memory_that_is_refused_is_said(client, pictures, monkeypatch, error):
    def fail() -> dict[str, object]:
        raise error

    monkeypatch.setattr(pictures, "catalog", fail)
    answer = client.get("/api/catalog")
    assert answer.status_code == 500
    assert "not enough memory for this picture" in answer.json()["error"]


class Named(torch.nn.Sequential):
    """Layers with names that addresses must be careful with."""


@pytest.mark.parametrize("name", ["block1/unit_1", "a b&c=d#e?f%2Fg", "größe"])
def test_layers_of_any_name_have_their_pictures(name, tmp_path, client):
    model = Named()
    model.add_module(name, torch.nn.Linear(4, 6))
    run = Recorder(model, tmp_path / "run").finish()
    client = _client_of(run)
    for kind in ("graph", "spectrum", "removal"):
        answer = client.get(f"/api/timelines/{run.key}/{kind}?layer={quote(name, safe='')}")
        assert answer.status_code == 200
        assert decode(answer.content)[0]["units"] == 6


def test_the_only_layer_of_a_network_may_have_no_name(tmp_path, client):
    run = Recorder(torch.nn.Linear(4, 6), tmp_path / "run").finish()
    client = _client_of(run)
    address = f"/api/timelines/{run.key}/graph"
    assert decode(client.get(f"{address}?layer=").content)[0]["units"] == 6
    assert client.get(address).status_code == 400
    assert client.get(f"{address}?layer=x").json()["error"].startswith("no layer 'x'")


def _client_of(run):
    pictures = Pictures(Library(Store(run.path.parent / "store"), [run]), Cache(None))
    return TestClient(
        application(pictures, TOKEN),
        base_url="http://127.0.0.1:8000",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


def test_of_many_runs_the_catalog_tells_little_and_more_when_asked(client, store, trained):
    for number in range(40):
        key = f"{number:04x}" + trained.key[4:]
        shutil.copytree(trained.path, store.path_of(key))
        path = store.path_of(key) / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"key": key}))
    answer = client.get("/api/catalog")
    catalog = answer.json()
    assert answer.headers["content-encoding"] == "gzip"
    assert (len(catalog["timelines"]), len(catalog["rows"]["id"])) == (20, 21)
    rows = catalog["rows"]
    assert [len(rows["networks"]), set(rows["network"])] == [1, {0}]
    whole = client.get(f"/api/timelines/{rows['id'][7]}", params={"quick": 1}).json()
    for name in ("id", "name", "axis", "status", "objective"):
        assert whole[name] == rows[name][7]
    assert whole["layers"] == rows["networks"][0]
    assert len(whole["moments"]) == rows["moments"][7]


def test_who_has_the_catalog_already_is_sent_nothing(client, trained, written):
    first = client.get("/api/catalog")
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get("/api/catalog", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    written(7)
    assert client.get("/api/catalog", headers=known).status_code == 200


def test_a_quick_look_at_a_run_loads_no_data(client, pictures, trained, monkeypatch):
    monkeypatch.setattr(pictures.library, "_load", lambda run: pytest.fail("data were loaded"))
    answer = client.get(f"/api/timelines/{trained.key}", params={"quick": 1})
    assert answer.json()["id"] == trained.key


def test_the_page_that_a_copied_link_leads_to_tells_a_stranger_nothing(stranger, client, trained):
    page = stranger.get("/view")
    assert page.status_code == 200
    assert TOKEN not in page.text
    assert trained.key[:8] not in page.text
    assert page.headers["content-security-policy"] == POLICY
    assert "set-cookie" not in page.headers
    assert stranger.get("/api/catalog").status_code == 403
