"""The engine of one machine: as many worker processes as cores, one thread each."""

import os
from collections.abc import Iterable
from multiprocessing import connection
from pathlib import Path
from typing import Any

from surfeit.execute.board import Board
from surfeit.execute.crew import Hand, stop
from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.glances import SECONDS, Glances
from surfeit.execute.interrupts import ends_interrupt
from surfeit.execute.performance import Failure, as_json
from surfeit.execute.task import Task


class Local:
    """Does tasks side by side in processes of this machine.

    A worker that dies is replaced and its task tried once more, which goes on from the run's last
    checkpoint. Ctrl-C, SIGTERM and SIGHUP let every training save where it stands and raise
    KeyboardInterrupt within two seconds; if this process is killed, its workers notice and end.

    >>> Local().run([Task(name="a", kind="surfeit.procedures...:...")], store=Path("store"))

    Args:
        workers: how many processes, one thread each; as many as this process may use cores if
            not given, and never more than there are tasks.

    Raises:
        ValueError: if workers is no integer above 0.

    Cost: torch is loaded once, about 1 s; then some 35 ms a worker and 1 ms a task.
    """

    def __init__(self, workers: int | None = None) -> None:
        whole = isinstance(workers, int) and not isinstance(workers, bool)
        if workers is not None and not (whole and workers >= 1):
            raise ValueError(f"workers must be an integer >= 1, got {workers!r}")
        self.workers = workers or cores()

    def run(
        self, tasks: Iterable[Task], *, store: Path, progress: Progress | None = None
    ) -> Outcome:
        """Does the tasks, each once its parents are done, in the order given; see `Engine.run`."""
        board = Board(tasks)
        with ends_interrupt():
            root = Path(store).absolute()
            shift = _Shift(board, root, min(self.workers, len(board.tasks)))
            glances = Glances(board, root, progress)
            try:
                while board.open:
                    shift.assign()
                    glances.tell()
                    shift.wait()
                glances.tell()
            finally:
                stop(shift.hands)
        return board.outcome()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Shift:
    """The workers of one call and what each is doing."""

    def __init__(self, board: Board, store: Path, most: int) -> None:
        self._board, self._store, self._most = board, store, most
        self.hands: list[Hand] = []
        self._doing: dict[Hand, str] = {}

    def assign(self) -> None:
        """Gives each idle worker a task, and starts workers while there are more tasks."""
        while len(self._doing) < self._most and (task := self._board.take()) is not None:
            hand = self._idle()
            self._doing[hand] = task.name
            parents = self._board.parents(task)
            hand.send({"task": as_json(task), "parents": parents, "store": str(self._store)})

    def wait(self) -> None:
        """Waits for workers, until it is time for progress, and notes what they say."""
        signs = [sign for hand in self.hands for sign in hand.signs]
        ready = set(map(id, connection.wait(signs, SECONDS)))
        for hand in list(self.hands):
            if any(id(sign) in ready for sign in hand.signs):
                self._hear(hand)

    def _idle(self) -> Hand:
        for hand in self.hands:
            if hand not in self._doing:
                return hand
        hand = Hand()
        self.hands.append(hand)  # before it starts: whatever happens then, it is ended
        hand.start()
        return hand

    def _hear(self, hand: Hand) -> None:
        try:
            while (message := hand.receive()) is not None:
                self._note(hand, message)
        except EOFError:
            self._replace(hand)

    def _note(self, hand: Hand, message: dict[str, Any]) -> None:
        if "began" in message:
            self._board.began(self._doing[hand], message["began"], message["steps"])
        elif "done" in message:
            self._board.end(self._doing.pop(hand), message["done"])
        else:
            failure = Failure(message["failed"], message["passing"])
            self._board.end(self._doing.pop(hand), failure)

    def _replace(self, hand: Hand) -> None:
        """Lets a dead worker go; its task is tried once more, by another."""
        how = hand.how_it_ended()
        hand.close()
        self.hands.remove(hand)
        if hand in self._doing:
            failure = Failure(f"its process {how}", passing=True)
            self._board.end(self._doing.pop(hand), failure)
