"""`surfeit data`: what is there, and fetching what is not."""

import shlex
from typing import TYPE_CHECKING

from surfeit.cli.commands import command_group
from surfeit.cli.flags import DATA_NAMES, Quiet, flag, listed, open_text
from surfeit.cli.progress import telling
from surfeit.cli.table import print_table
from surfeit.cli.values import SomePath
from surfeit.data import SOURCES

app = command_group("data", "List and fetch data sets.")

_FETCHED = [source.name for source in SOURCES if not source.embedded]
_INSTALLED = [source.name for source in SOURCES if source.embedded]

if TYPE_CHECKING:
    Fetched = str
else:
    Fetched = flag(
        open_text(DATA_NAMES),
        help=f"{listed(_FETCHED)}; installed already: {', '.join(_INSTALLED)}.",
    )


@app.command(name="list")
@app.default
def list_(*, data_dir: SomePath | None = None) -> None:
    """Which data sets are where, complete or not.

    Parameters
    ----------
    data_dir
        The folder of data sets; otherwise SURFEIT_DATA, or your data folder.
    """
    from surfeit.data import status

    where_to = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    rows = []
    for found in status(data_dir):
        size = f"{found.bytes / 1e6:.1f} MB" if found.bytes else ""
        where = "installed" if found.embedded else str(found.folder)
        state = found.state
        if found.state != "complete":
            state = f"{found.state}: surfeit data fetch {found.name}{where_to}"
        rows.append((found.name, state, size, where, found.description))
    print_table(("name", "state", "on disk", "where", "what"), rows)


@app.command
def fetch(
    name: Fetched,
    *,
    data_dir: SomePath | None = None,
    mirror: str | None = None,
    quiet: Quiet = False,
) -> None:
    """Download a data set; a download cut short goes on where it stopped.

    Parameters
    ----------
    data_dir
        The folder of data sets; otherwise SURFEIT_DATA, or your data folder.
    mirror
        An address to try first; otherwise SURFEIT_MIRROR.
    quiet
        Say nothing but the folder and errors.
    """
    from surfeit.data import fetch as fetch_data

    with telling(quiet) as teller:

        def progress(file: str, done: int, total: int | None) -> None:
            teller.stage(file, done, total or max(done, 1))

        folder = fetch_data(name, data_dir, mirror=mirror, progress=progress)
        if not folder.exists():
            teller.say(f"{name} is installed with Surfeit: there is nothing to fetch")
            return
    print(folder)
