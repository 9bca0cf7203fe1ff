"""`surfeit.show` in a real JupyterLab: the widget draws the graph, and its state comes back."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from .viewing import Viewer

TOKEN = secrets.token_hex(16)
PATIENCE = 60_000  # milliseconds: a kernel that imports torch on a busy machine


def _free_port():
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _answers(port):
    with contextlib.suppress(OSError):
        address = f"http://127.0.0.1:{port}/api/status?token={TOKEN}"
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status == 200
    return False


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab on the loopback whose root and settings are temporary; gives its address."""
    pytest.importorskip("jupyterlab", reason="the widget is tried in JupyterLab: not there")
    pytest.importorskip("anywidget", reason="the notebook extra is not installed")
    root, port = tmp_path / "notebooks", _free_port()
    root.mkdir()
    own = {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]
    command += [f"--ServerApp.root_dir={root}", "--LabApp.news_url="]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = (tmp_path / "lab.log").open("wb")
    process = subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        until = time.monotonic() + PATIENCE / 1000
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"JupyterLab did not start:\n{(tmp_path / 'lab.log').read_text()}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/lab", root
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def _notebook(path, *cells):
    nbformat = pytest.importorskip("nbformat", reason="there is nothing to write a notebook with")
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    written = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": python}
    )
    nbformat.write(written, path)


def test_the_widget_draws_in_jupyterlab_hides_its_picture_and_gives_its_state(
    page, complaints, lab, built, runs
):
    address, root = lab
    store, (first, _) = runs
    folder = str(store.find(first).path)
    _notebook(
        root / "view.ipynb",
        f"import surfeit\nview = surfeit.show({folder!r}, 'fc1', height=500)\nview",
        "print('the state is', view.state)",
    )
    page.goto(f"{address}/tree/view.ipynb?token={TOKEN}")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    widget = page.locator(".jp-OutputArea-output").filter(has_text="Each mark is a unit of fc1")
    expect(widget).to_be_visible(timeout=PATIENCE)
    viewer = Viewer(widget).shown()
    expect(viewer.status).to_contain_text("epoch 8 of 8")
    assert viewer.picture().std() > 0.02, "the graph is empty"
    still = page.locator("[class^=surfeit-still] img")
    expect(still).to_be_attached(timeout=PATIENCE)
    expect(still).to_be_hidden()
    viewer.slider.focus()
    page.keyboard.press("Home")
    expect(viewer.status).to_contain_text("epoch 0 of 8")
    page.wait_for_timeout(1000)  # the state is told to Python a few times a second
    page.locator(".jp-Notebook .jp-Cell").nth(1).click()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("the state is #v=2&")).to_contain_text("t=0", timeout=PATIENCE)
    page.close()
    assert not [words for words in complaints if words.startswith("error")]
    complaints.clear()  # JupyterLab's own, of addresses that are not there
