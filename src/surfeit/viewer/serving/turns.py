"""Work for requests: in threads, as many at once as there are cores, none for who has gone."""

import os
from collections.abc import Callable
from typing import TypeVar

import anyio
import torch
from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.requests import Request

Result = TypeVar("Result")


class GoneError(Exception):
    """Whoever asked has closed the connection: the answer is for nobody."""


class Turns:
    """Lets work wait for a free core, and drops what nobody waits for any more.

    A slider that is pulled asks for many pictures and takes most of them back.

    Args:
        at_once: how much is computed at the same time; by default one work a core.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._limiter = CapacityLimiter(at_once or _cores())

    async def take(self, request: Request, work: Callable[[], Result]) -> Result:
        """What `work` returns, computed in a thread.

        Raises:
            GoneError: if the client has gone; if it went before it was the work's turn, nothing
                was computed.
            Exception: what `work` raises.
        """
        outcome: list[Result] = []
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_gone, request, group.cancel_scope)
            # Caught here: out of the group it would come wrapped in a group of exceptions.
            try:
                outcome.append(await to_thread.run_sync(_alone, work, limiter=self._limiter))
            except Exception as error:
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if not outcome:
            raise GoneError
        return outcome[0]


async def _cancel_when_gone(request: Request, scope: CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _alone(work: Callable[[], Result]) -> Result:
    # Works side by side of one thread each beat one after another of several.
    torch.set_num_threads(1)
    return work()


def _cores() -> int:
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
