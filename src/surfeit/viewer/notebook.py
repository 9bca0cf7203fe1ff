"""The viewer in a notebook."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from surfeit.data import Dataset
    from surfeit.store import Run
    from surfeit.viewer.widget import GraphWidget

_MISSING = "surfeit.show needs anywidget: pip install 'surfeit[notebook]'"
_LEAST_HEIGHT = 200


def show(
    run: "Run | Path | str",
    layer: str | None = None,
    *,
    into: "nn.Module | None" = None,
    dataset: "Dataset | None" = None,
    merged: "Run | Path | str | None" = None,
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
        height: of the widget, in pixels, at least 200.
        state: how the view begins: what the `state` of an earlier widget was.

    Returns:
        the widget; its `state` follows what is done in it, and can be set.

    Raises:
        ImportError: if anywidget is not installed.
        ValueError: if a layer is not there, with the nearest ones, the network has none, or the
            height is too small.
        StoreError: if the run is not there or has no snapshots.
        DataError: if the data that were kept with the run are damaged.
        BuildError: if the viewer was not built; the message says how it is.

    Example:
        >>> view = surfeit.show("6f0cab05", layer="fc1")
        >>> view  # displays it
        >>> again = surfeit.show("6f0cab05", layer="fc1", state=view.state)
    """
    if height < _LEAST_HEIGHT:
        raise ValueError(f"height must be at least {_LEAST_HEIGHT} pixels, got {height}")
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
    dataset = dataset or kept_data(recorded)
    name = subject.layers[0].name if layer is None else layer
    other = None if merged is None else opened(merged)
    return GraphWidget(
        contents(subject, name, merged=other, dataset=dataset),
        viewer,
        lambda: still(subject, name),
        height=height,
        state=state,
    )
