"""The engine for tests, debuggers and notebooks: this process, one task after another."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from surfeit.execute.board import Board
from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.glances import Glances
from surfeit.execute.interrupts import ends_interrupt
from surfeit.execute.performance import perform
from surfeit.execute.task import Desk, Task


class InProcess:
    """Does the tasks one after another in this process; its outcome is that of every engine.

    Progress is told when a task begins its run and when it ends, not between. What kills a
    process kills this one: the same call then goes on from the runs' checkpoints.
    """

    def run(
        self, tasks: Iterable[Task], *, store: Path, progress: Progress | None = None
    ) -> Outcome:
        """Does the tasks, each once its parents are done, in the order given; see `Engine.run`."""
        board = Board(tasks)
        root = Path(store).absolute()
        glances = Glances(board, root, progress)
        with ends_interrupt():
            glances.tell()
            while (task := board.take()) is not None:
                began = partial(self._began, board, glances, task.name)
                desk = Desk(parents=board.parents(task), store=root, began=began)
                board.end(task.name, perform(task, desk))
                glances.tell()
        return board.outcome()

    def _began(self, board: Board, glances: Glances, name: str, key: str, steps: int) -> None:
        board.began(name, key, steps)
        glances.tell()
