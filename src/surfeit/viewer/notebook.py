"""The viewer in a notebook."""

import os
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from surfeit.data import Dataset
    from surfeit.store import Run
    from surfeit.viewer.widget import GraphWidget

_MISSING = "surfeit.show needs anywidget: pip install anywidget"
_LEAST_HEIGHT = 200


def show(
    run: "Run | Path | str",
    layer: str | None = None,
    *,
    into: "nn.Module | None" = None,
    dataset: "Dataset | None" = None,
    merged: "Run | Path | str | None" = None,
    maps: bool = False,
    height: int = 640,
    state: str = "",
) -> "GraphWidget":
    """The interactive graph of a layer over a run's snapshots, as a widget for Jupyter.

    Where no widget runs, in a notebook that was exported or is only read, a picture of the last
    snapshot stands in its place.

    Args:
        run: a run, its folder, or its key or the beginning of it in the user's store.
        layer: the layer's dotted name; the run's first layer if not given.
        into: a network that the run's weights fit, where only code of your own builds it; it is
            only read.
        dataset: the data that the run was trained on, for what removing units costs; by default
            what was kept with the run, see `surfeit.train.Recorder`.
        merged: another run whose units of the same layer are shown with them.
        maps: whether units can be laid out as a t-SNE map, which takes some seconds, and the matrix
            of more than 320 units be shown.
        height: of the widget, in pixels, at least 200.
        state: how the view begins: what the `state` of an earlier widget was.

    Returns:
        the widget; its `state` follows what is done in it, and can be set.

    Raises:
        ImportError: if anywidget is not installed.
        ValueError: if a layer is not there, with the nearest ones, the network has none, the
            height is too small, or an argument is of another type.
        StoreError: if the run is not there or has no snapshots.
        DataError: if the data that were kept with the run are damaged.
        BuildError: if the viewer was not built; the message says how it is.

    Example:
        >>> view = surfeit.show("6f0cab05", layer="fc1")
        >>> view  # displays it
        >>> again = surfeit.show("6f0cab05", layer="fc1", state=view.state)
    """
    _check_run("run", run)
    if merged is not None:
        _check_run("merged", merged)
    _check_look(layer, height, state)
    _check_things(into, dataset)
    try:
        from surfeit.viewer.widget import GraphWidget
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "traitlets", "ipywidgets", "IPython"):
            raise
        raise ImportError(_MISSING) from error
    from surfeit.data import kept_data
    from surfeit.viewer.assets import viewer_script
    from surfeit.viewer.bundles.contents import contents, opened, still

    viewer = viewer_script()
    subject = opened(run, into=into)
    if not subject.layers:
        raise ValueError(
            f"{subject.name} has no units to show: no layer of it multiplies its inputs by weights"
        )
    recorded, _ = subject.place(subject.moment())
    dataset = kept_data(recorded) if dataset is None else dataset
    name = subject.layers[0].name if layer is None else layer
    other = None if merged is None else opened(merged)
    return GraphWidget(
        contents(subject, name, merged=other, dataset=dataset, maps=maps),
        viewer,
        lambda: still(subject, name, dataset),
        height=height,
        state=state,
    )


def _check_run(what: str, given: object) -> None:
    from surfeit.store import Run

    if isinstance(given, Run) or (isinstance(given, str | os.PathLike) and os.fspath(given)):
        return
    raise ValueError(
        f"{what} must be a Run such as train(...) or Store().find(...) gives, its folder or its "
        f"key, got {given!r:.200}"
    )


def _check_look(layer: object, height: object, state: object) -> None:
    if layer is not None and not isinstance(layer, str):
        raise ValueError(f'layer must be the name of one layer, such as "fc1", got {layer!r:.200}')
    if isinstance(height, bool) or not isinstance(height, Integral) or height < _LEAST_HEIGHT:
        raise ValueError(
            f"height must be at least {_LEAST_HEIGHT} pixels, got {height!r:.200}: "
            "pass a whole number"
        )
    if not isinstance(state, str):
        raise ValueError(f"state must be the text that a widget's state was, got {state!r:.200}")


def _check_things(into: object, dataset: object) -> None:
    from surfeit.core.wrappers import check_module
    from surfeit.data import Dataset

    if into is not None:
        check_module(into)
    if dataset is not None and not isinstance(dataset, Dataset):
        raise ValueError(
            "dataset must be a surfeit.data.Dataset such as surfeit.data.load('digits') gives, got "
            f"{dataset!r:.200}"
        )
