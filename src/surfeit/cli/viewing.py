"""`surfeit view`, `export` and `figure`: a layer's graph over time, live, in a file, on paper."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from surfeit.cli.browser import show
from surfeit.cli.flags import DataName, ModelName, OpenPage, Out, Quiet
from surfeit.cli.folders import output_folder
from surfeit.cli.options import Machine, Places
from surfeit.cli.progress import Teller, say_if_other_data, telling
from surfeit.cli.values import SomePath, Whole, Words, runs_of

if TYPE_CHECKING:
    from surfeit.data import Dataset
    from surfeit.store import Run
    from surfeit.viewer.serving.serve import Serving
    from surfeit.viewer.timelines.library import Library
    from surfeit.viewer.timelines.timeline import Timeline

_PLACES = Places()


def view(
    *runs: str,
    port: Whole = 0,
    open_page: OpenPage = None,
    data: DataName = None,
    model: ModelName = None,
    quiet: Quiet = False,
    places: Places = _PLACES,
) -> None:
    """Look at runs in the browser; print the page's address on stdout. Ctrl-C ends it.

    The page shows a layer's weight vectors as a graph over the training, with the charts that
    belong to it. It is served to this machine only, and to who knows the address. A run that is
    being trained is followed.

    Parameters
    ----------
    runs
        Keys, unique beginnings of them or folders, also a folder that 'surfeit tickets' wrote; all
        runs of the store if none is given.
    port
        Where to serve; 0 chooses a free port.
    open_page
        Show the page in a browser; by default where there is a screen.
    quiet
        Say nothing but the address and errors.
    """
    if sys.stderr.isatty() and not quiet:
        print("starting the viewer", file=sys.stderr)  # PyTorch alone takes seconds to import
    import secrets

    from surfeit.viewer.assets import complaint, viewer_script
    from surfeit.viewer.frames.cache import Cache, cache_folder
    from surfeit.viewer.frames.pictures import Pictures
    from surfeit.viewer.serving.serve import serving
    from surfeit.viewer.serving.server import application

    viewer_script()  # before anything is opened: without it there is nothing to see
    named = runs_of(runs)
    library = _library(places, named, data, model, quiet)
    place = _beginning(library, named)
    pictures = Pictures(library, Cache(cache_folder(places.store)))
    token, once = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    page = application(pictures, token, once=once)
    with serving(page, port) as server, telling(quiet) as teller:
        print(f"{server.address}/?token={token}{place}", flush=True)
        teller.say(". ".join(filter(None, (complaint(), "Ctrl-C ends the viewer"))))
        # What a browser is started with, other users of this machine can read.
        show(f"{server.address}/open/{once}{place}", open_page)
        _until_interrupted(server, teller)
    _leave(server)


def export(
    run: str,
    *,
    layer: Annotated[Words | None, Parameter(name=("--layer", "--layers"))] = None,
    out: Out | None = None,
    merged: str | None = None,
    links: Whole | None = None,
    snapshots: str | None = None,
    maps: bool = False,
    data: DataName = None,
    model: ModelName = None,
    open_page: OpenPage = None,
    quiet: Quiet = False,
    places: Places = _PLACES,
) -> None:
    """Write a layer's graph over the training as one HTML file; print its path on stdout.

    The file works from disk and without a network: it asks for nothing from anywhere.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, its folder, or a folder that 'surfeit tickets' wrote.
    layer
        A layer's name, such as fc1, or several; not needed where there is but one.
    out
        The file to write; by default surfeit-graph-KEY.html in this folder.
    merged
        Another run, whose units of the same layers are added.
    links
        The most links of one snapshot; by default as many as the viewer shows.
    snapshots
        The most snapshots, evenly spaced, the first and the last always; by default 201. "all"
        takes every one.
    maps
        Carry t-SNE maps of the units too, and the matrix of layers of up to 1,024 units instead of
        320: some seconds and some hundred kB more.
    open_page
        Show the file in a browser; by default where there is a screen.
    quiet
        Say nothing but the path and errors.
    """
    from surfeit.viewer.bundles.bundle import thinned_words
    from surfeit.viewer.bundles.contents import opened
    from surfeit.viewer.export import export as write
    from surfeit.viewer.timelines.timeline import MOST_SNAPSHOTS, chosen_moments

    most = MOST_SNAPSHOTS if snapshots is None else _most(snapshots)
    timeline = opened(run, store=places.store)
    if model is not None:
        into = places.network_of(model, _data_if_known(places, timeline, data))
        timeline = opened(run, store=places.store, into=into)
    layer = layer or _only_layer(timeline)
    other = None if merged is None else opened(merged, store=places.store)
    thinned = thinned_words(timeline, chosen_moments(timeline, most))
    target = out or Path(f"surfeit-graph-{_short(timeline)}.html")
    with (
        output_folder(target.parent),
        telling(quiet) as teller,
        # The export shares its work among threads itself.
        Machine(threads=1).numerics.in_force(),
    ):
        if thinned is not None:
            teller.say(f"the page holds {thinned}; --snapshots all takes every one")
        page = write(
            timeline,
            layer,
            target,
            merged=other,
            links=links,
            dataset=_dataset(places, timeline, data, teller),
            snapshots=most,
            maps=maps,
        )
    print(page)
    show(page.resolve().as_uri(), open_page)


def figure(
    view: SomePath,
    *,
    out: Out | None = None,
) -> None:
    """Draw a view that was saved from the page again, as a figure; print its path on stdout.

    Parameters
    ----------
    view
        The file that the page saved: VIEW.json.
    out
        The file to write: .svg, .png or .pdf; by default VIEW.svg beside VIEW.json.
    """
    from surfeit.tables.figures import save_as
    from surfeit.tables.figures.matrix_view import MatrixView, matrix_figure
    from surfeit.tables.figures.view import figure as draw
    from surfeit.viewer.saved import read_view

    saved = read_view(view)
    path = out or view.with_suffix(".svg")
    save_as(matrix_figure(saved) if isinstance(saved, MatrixView) else draw(saved), path)
    print(path)


def _library(
    places: Places, runs: tuple[str, ...], data: str | None, model: str | None, quiet: bool
) -> "Library":
    from surfeit.viewer.timelines.library import Library

    told: set[str] = set()

    def dataset_of(run: "Run") -> "Dataset":
        dataset = places.data_of(run, data)
        if run.key not in told:
            told.add(run.key)
            with telling(quiet) as teller:
                say_if_other_data(run, dataset, teller)
        return dataset

    library = Library(places.store, runs, dataset_of=dataset_of)
    rows = library.rows() if model is not None else []
    if model is None or not rows:
        return library
    network = places.network_of(model, _data_if_known(places, library.get(rows[0].id), data))
    return Library(places.store, runs, dataset_of=dataset_of, model=network)


def _data_if_known(places: Places, timeline: "Timeline", data: str | None) -> "Dataset | None":
    """What the functions that build networks may ask for; most of them do not."""
    from contextlib import suppress

    from surfeit.core import DataError

    run, _ = timeline.place(timeline.moment())
    with suppress(ValueError, DataError):
        return places.data_of(run, data)
    return None


def _only_layer(timeline: "Timeline") -> tuple[str, ...]:
    names = [layer.name for layer in timeline.layers]
    if len(names) != 1:
        raise ValueError(f"which layer? {timeline.name} has {', '.join(names)}: give --layer")
    return tuple(names)


def _beginning(library: "Library", runs: tuple[str, ...]) -> str:
    """What the address says of the first view: one run that is asked for is opened."""
    from surfeit.core import StoreError

    rows = library.rows()
    if not rows:
        for problem in library.problems:
            print(f"surfeit: {problem}", file=sys.stderr)
        raise StoreError(f"no runs to look at in {library.store.root}: 'surfeit train' makes one")
    return f"#v=2&run={rows[0].id}" if len(runs) == 1 else ""


def _most(snapshots: str) -> int | None:
    """How many snapshots are asked for; None for all."""
    if snapshots == "all":
        return None
    if not snapshots.isdecimal() or int(snapshots) < 2:
        raise ValueError(f'snapshots must be a whole number from 2 on or "all", got {snapshots!r}')
    return int(snapshots)


def _short(timeline: "Timeline") -> str:
    return timeline.id[:8] if timeline.axis == "step" else timeline.id


def _dataset(
    places: Places, timeline: "Timeline", data: str | None, teller: Teller
) -> "Dataset | None":
    """The data to measure removals on; without them the rest is still to be seen."""
    from surfeit.core import DataError

    run, _ = timeline.place(timeline.moment())
    try:
        dataset = places.data_of(run, data)
    except (ValueError, DataError) as error:
        if data is not None:
            raise
        teller.say(f"removals are not measured: {error}")
        return None
    say_if_other_data(run, dataset, teller)
    return dataset


def _until_interrupted(server: "Serving", teller: Teller) -> None:
    try:
        server.wait()
    except KeyboardInterrupt:
        teller.say("the viewer has ended")


def _leave(server: "Serving") -> None:
    """Ends the process where a picture is still being computed, which would hold it up."""
    if server.thread.is_alive():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
