"""The install hook: when it builds the viewer, with which Node, and what a failure leaves."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"


@pytest.fixture(scope="module")
def building() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_building", WEB / "building.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch):
    for name in ("SURFEIT_NODE", "SURFEIT_REQUIRE_VIEWER", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A small web folder with one module of its own."""
    folder = tmp_path / "web"
    (folder / "src" / "graph").mkdir(parents=True)
    (folder / "src" / "main.ts").write_text("export const one = 1;\n")
    (folder / "src" / "graph" / "a.ts").write_text("export {};\n")
    (folder / "package.json").write_text('{"name": "small"}')
    return folder


def built(building: ModuleType, web: Path, static: Path) -> Path:
    static.mkdir(parents=True, exist_ok=True)
    (static / "viewer.js").write_text("export {};")
    (static / "stamp").write_text(building.stamp(web) + "\n")
    return static


def test_stamp_changes_with_every_source_and_with_nothing_else(building, web):
    first = building.stamp(web)
    (web / "node_modules" / "d3").mkdir(parents=True)
    (web / "node_modules" / "d3" / "index.js").write_text("1")
    (web / "tests").mkdir()
    (web / "tests" / "a.test.ts").write_text("1")
    assert building.stamp(web) == first
    seen = {first}
    (web / "src" / "main.ts").write_text("export const one = 2;\n")
    seen.add(building.stamp(web))
    (web / "src" / "graph" / "a.ts").rename(web / "src" / "graph" / "b.ts")
    seen.add(building.stamp(web))
    (web / "package.json").write_text('{"name": "other"}')
    seen.add(building.stamp(web))
    (web / "notices.ts").write_text("")
    seen.add(building.stamp(web))
    assert len(seen) == 5


def test_a_viewer_is_current_by_its_stamp_and_its_file(building, web, tmp_path):
    static = tmp_path / "static"
    assert not building.is_current(web, static)
    built(building, web, static)
    assert building.is_current(web, static)
    (static / "viewer.js").unlink()
    assert not building.is_current(web, static)
    built(building, web, static)
    (web / "src" / "main.ts").write_text("")
    assert not building.is_current(web, static)


def test_a_current_viewer_is_not_built_again_and_its_stamp_is_made_newer(
    building, web, tmp_path, monkeypatch
):
    monkeypatch.setenv("SURFEIT_NODE", "none")  # a build would fail
    static = built(building, web, tmp_path / "static")
    os.utime(static / "stamp", (1, 1))
    (static / "failure.txt").write_text("of sources that are gone")
    assert building.build(web, static) is False
    assert (static / "stamp").stat().st_mtime > 1
    assert not (static / "failure.txt").exists()


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("none", "SURFEIT_NODE is none: installed without the viewer"),
        ("/no/such/node", "SURFEIT_NODE is '/no/such/node', but there is no such node"),
    ],
)
def test_node_that_is_not_there_is_said(building, monkeypatch, named, words):
    monkeypatch.setenv("SURFEIT_NODE", named)
    assert not building.wants_package()
    with pytest.raises(building.BuildError, match=words):
        building.node()


def test_node_is_the_packages_unless_another_is_named(building, monkeypatch, tmp_path):
    assert building.wants_package()
    monkeypatch.setattr(building, "_packaged_node", lambda: "/package/bin/node")
    assert building.node() == Path("/package/bin/node")
    own = tmp_path / "node"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SURFEIT_NODE", "system")
    assert building.node() == own
    monkeypatch.setenv("SURFEIT_NODE", str(own))
    assert building.node() == own
    monkeypatch.delenv("SURFEIT_NODE")
    monkeypatch.setattr(building, "_packaged_node", lambda: None)
    with pytest.raises(building.BuildError, match="pip install"):
        building.node()


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"])
def test_npm_trusts_the_certificates_that_pip_trusts(building, monkeypatch, name):
    for other in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(other, raising=False)
    without = building.environment(Path("/package/bin/node"))
    assert without["NODE_USE_SYSTEM_CA"] == "1"
    assert without["PATH"].split(os.pathsep)[0] == "/package/bin"
    monkeypatch.setenv(name, "/certificates.pem")
    assert building.environment(Path("/n/node"))["NODE_EXTRA_CA_CERTS"] == "/certificates.pem"
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", "/own.pem")
    assert building.environment(Path("/n/node"))["NODE_EXTRA_CA_CERTS"] == "/own.pem"


def test_a_failing_build_keeps_the_viewer_that_was_there_and_tells_nodes_last_lines(
    building, web, tmp_path, monkeypatch
):
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho first; echo 'no such module'; exit 3\n")
    node.chmod(0o755)
    npm = node.parent / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm.parent.mkdir(parents=True)
    npm.touch()
    monkeypatch.setenv("SURFEIT_NODE", str(node))
    monkeypatch.setattr(building, "modules_are_current", lambda web: True)
    static = built(building, web, tmp_path / "static")
    (web / "src" / "main.ts").write_text("import nothing from 'nowhere';")
    with pytest.raises(building.BuildError, match=r"(?s)npm run build.*failed with 3.*no such mod"):
        building.build(web, static)
    assert (static / "viewer.js").is_file()
    assert not building.is_current(web, static)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".static")] == []


def test_modules_are_current_by_the_lock_file(building, web):
    locked = {
        "": {},
        "node_modules/d3": {"version": "1", "integrity": "sha512-a"},
        "node_modules/for-a-mac": {"version": "1", "integrity": "sha512-b", "optional": True},
    }
    lock, there = web / "package-lock.json", web / "node_modules" / ".package-lock.json"
    there.parent.mkdir()
    lock.write_text(json.dumps({"packages": locked}))
    assert not building.modules_are_current(web)
    installed = {"node_modules/d3": locked["node_modules/d3"]}
    there.write_text(json.dumps({"packages": installed}))
    assert building.modules_are_current(web)
    there.write_text(json.dumps({"packages": {}}))
    assert not building.modules_are_current(web)
    other = {"node_modules/d3": {"version": "2", "integrity": "sha512-c"}}
    there.write_text(json.dumps({"packages": other}))
    assert not building.modules_are_current(web)


def test_the_lock_file_names_every_package_by_its_hash_and_no_address(building):
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)
    for entry in packages.values():
        entry.pop("funding", None)  # where to thank its authors
        assert "resolved" not in entry
        assert "://" not in json.dumps(entry)
    assert "omit-lockfile-registry-resolved=true" in (WEB / ".npmrc").read_text()


def test_constraints_hold_no_address_and_leave_torch_to_the_machine():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(line.count("==") == 1 for line in lines)
    assert not any(mark in line for line in lines for mark in ("/", "@", "+", " "))
    assert not any(line.startswith(("torch==", "surfeit")) for line in lines)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source tree as a clone, small: what the build reads."""
    root = tmp_path / "source"
    (root / "src").mkdir(parents=True)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(WEB, root / "web", ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    package = root / "src" / "surfeit"
    (package / "viewer").mkdir(parents=True)
    for name in ("__init__.py", "viewer/__init__.py", "viewer/page.html"):
        shutil.copy(ROOT / "src" / "surfeit" / name, package / name)
    return root


def hatchling(root: Path, target: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(root / "dist")],
        cwd=root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def make_current(building: ModuleType, root: Path) -> None:
    built(building, root / "web", root / "src" / "surfeit" / "viewer" / "static")


def test_a_source_distribution_carries_the_viewer_so_that_it_needs_no_node(
    building, source, tmp_path
):
    make_current(building, source)
    (source / "web" / "node_modules" / "d3").mkdir(parents=True)
    (source / "web" / "node_modules" / "d3" / "index.js").write_text("1")
    done = hatchling(source, "sdist", SURFEIT_NODE="/no/such/node")
    assert done.returncode == 0, done.stderr
    (archive,) = (source / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.split("/", 1)[1] for name in packed.getnames()}
        packed.extractall(tmp_path / "unpacked", filter="data")
    for name in ("web/src/main.ts", "web/building.py", "web/.npmrc", "web/package-lock.json"):
        assert name in names
    assert {"hatch_build.py", "src/surfeit/viewer/static/viewer.js"} <= names
    assert not any("node_modules" in name for name in names)

    (unpacked,) = (tmp_path / "unpacked").iterdir()
    done = hatchling(unpacked, "wheel", SURFEIT_NODE="/no/such/node", SURFEIT_REQUIRE_VIEWER="1")
    assert done.returncode == 0, done.stderr
    (wheel,) = (unpacked / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"surfeit/viewer/static/viewer.js", "surfeit/viewer/page.html"} <= names
    assert not any(name.startswith("web/") for name in names)


def test_a_failing_build_is_a_warning_and_leaves_the_reason(source):
    done = hatchling(source, "wheel", SURFEIT_NODE="/no/such/node")
    assert done.returncode == 0, done.stderr
    assert "installed without the viewer" in done.stderr + done.stdout
    (wheel,) = (source / "dist").glob("*.whl")
    packed = zipfile.ZipFile(wheel)
    assert "surfeit/viewer/static/viewer.js" not in packed.namelist()
    reason = packed.read("surfeit/viewer/static/failure.txt").decode()
    assert reason.startswith("SURFEIT_NODE is '/no/such/node'")


@pytest.mark.parametrize(
    ("target", "variables"), [("wheel", {"SURFEIT_REQUIRE_VIEWER": "1"}), ("sdist", {})]
)
def test_a_failing_build_is_an_error_where_the_viewer_is_required(source, target, variables):
    done = hatchling(source, target, SURFEIT_NODE="/no/such/node", **variables)
    assert done.returncode != 0
    assert "there is no such node" in done.stderr


@pytest.mark.parametrize(("current", "chosen"), [(True, ""), (False, ""), (False, "system")])
def test_nodes_package_is_asked_for_only_where_it_is_used(
    building, source, monkeypatch, current, chosen
):
    if current:
        make_current(building, source)
    monkeypatch.setenv("SURFEIT_NODE", chosen)
    spec = importlib.util.spec_from_file_location("hatch_build", source / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    hook = module.ViewerBuildHook(str(source), {}, None, None, "", "wheel")
    wanted = [] if current or chosen else [building.NODE_PACKAGE]
    assert hook.dependencies() == wanted
    monkeypatch.delitem(sys.modules, "surfeit_web_building")
