"""The viewer in a notebook."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surfeit.store import Run
    from surfeit.viewer.widget import GraphWidget

_MISSING = "surfeit.show needs anywidget: pip install 'surfeit[notebook]'"
_LEAST_HEIGHT = 200


def show(
    run: "Run | Path | str",
    layer: str = "fc1",
    *,
    merged: "Run | Path | str | None" = None,
    height: int = 640,
    state: str = "",
) -> "GraphWidget":
    """The interactive graph of a layer over a run's snapshots, as a widget for Jupyter.

    Where no widget runs, in a notebook that was exported or is only read, a picture of the last
    snapshot stands in its place.

    Args:
        run: a run, its folder, or its key or the beginning of it in the user's store.
        layer: the layer's dotted name.
        merged: another run whose units of the same layer are shown with them.
        height: of the widget, in pixels, at least 200.
        state: how the view begins: what the `state` of an earlier widget was.

    Returns:
        the widget; its `state` follows what is done in it, and can be set.

    Raises:
        ImportError: if anywidget is not installed.
        ValueError: if a layer is not there, with the nearest ones, or the height is too small.
        StoreError: if the run is not there or has no snapshots.
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
    from surfeit.viewer.assets import viewer_script
    from surfeit.viewer.bundles.contents import contents, opened, still

    viewer = viewer_script()
    subject = opened(run)
    other = None if merged is None else opened(merged)
    return GraphWidget(
        contents(subject, layer, merged=other),
        viewer,
        lambda: still(subject, layer),
        height=height,
        state=state,
    )
