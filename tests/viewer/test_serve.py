"""Work for requests in turns, and the server that it is done in: its port, its end."""

import json
import threading
import urllib.request
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from surfeit.core import StoreError
from surfeit.viewer.serving.serve import PortError, listening, serving
from surfeit.viewer.serving.turns import GoneError, Turns


class _Client:
    """A request as far as `Turns` looks at it."""

    def __init__(self) -> None:
        self.gone = anyio.Event()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}


def _run(work: Callable[..., Awaitable[object]], *given: object) -> None:
    """In a thread of its own: the browser's tests keep a loop running in theirs."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(anyio.run, work, *given).result()


def test_as_many_works_run_at_once_as_there_are_turns():
    most, now, lock = [0], [0], threading.Lock()

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.02)
        with lock:
            now[0] -= 1

    async def all_of_them() -> None:
        turns = Turns(at_once=2)
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(turns.take, _Client(), work)

    _run(all_of_them)
    assert most == [2]


def test_work_for_a_client_that_has_gone_is_not_begun():
    begun: list[str] = []
    hold = threading.Event()
    gone: list[bool] = []

    async def scenario() -> None:
        turns, leaving = Turns(at_once=1), _Client()

        async def ask_and_leave() -> None:
            try:
                await turns.take(leaving, lambda: begun.append("leaving"))
            except GoneError:
                gone.append(True)

        async with anyio.create_task_group() as group:
            group.start_soon(turns.take, _Client(), lambda: hold.wait(5))
            await anyio.sleep(0.05)
            group.start_soon(ask_and_leave)
            await anyio.sleep(0.05)
            leaving.gone.set()
            await anyio.sleep(0.05)
            assert gone == [True]
            hold.set()
            group.start_soon(turns.take, _Client(), lambda: begun.append("staying"))

    _run(scenario)
    assert begun == ["staying"]


def test_what_work_raises_comes_through_as_it_is():
    def work() -> None:
        raise StoreError("as it is")

    with pytest.raises(StoreError, match="as it is"):
        _run(Turns(at_once=1).take, _Client(), work)


async def greeting(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"it": "answers"})(scope, receive, send)


def asked(address: str) -> object:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


def test_a_server_listens_on_the_loopback_alone_and_ends_with_its_block():
    with serving(greeting) as server:
        assert server.address == f"http://127.0.0.1:{server.port}"
        assert asked(server.address) == {"it": "answers"}
        with listening() as door:
            assert door.getsockname()[0] == "127.0.0.1"
    server.thread.join(timeout=5)
    assert not server.thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        asked(server.address)


def test_a_server_that_is_slow_to_end_does_so_without_a_word(monkeypatch):
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", said.append)
    monkeypatch.setattr("surfeit.viewer.serving.serve._SECONDS_TO_END", 0.0)
    with serving(greeting) as server:
        asked(server.address)
    server.thread.join(timeout=10)
    assert said == []


def test_a_port_that_is_taken_is_said_with_what_to_do():
    with listening() as door:
        port = door.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} is taken.*--port"):
            listening(port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_out_of_range_is_said(port):
    with pytest.raises(ValueError, match=r"port must be in \[0, 65535\], got"):
        listening(port)
