"""The widget itself; it needs anywidget, and so is imported by `surfeit.show` only."""

import base64
from collections.abc import Callable
from functools import cached_property
from html import escape
from uuid import uuid4

import anywidget
import traitlets
from IPython.display import display

from surfeit.tables.figures.view import View
from surfeit.viewer.bundles.contents import Content
from surfeit.viewer.embed import compressed
from surfeit.viewer.fallback import picture


class GraphWidget(anywidget.AnyWidget):
    """The interactive graph in a notebook's cell.

    Args:
        content: what is shown.
        viewer: the viewer's module.
        view: makes the still picture's view; called when the widget is first displayed.
        height: in pixels.
        state: the view as an address's hash; it follows what is done in the widget, and setting it
            changes the view.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _bundle = traitlets.Bytes().tag(sync=True)
    _height = traitlets.Int().tag(sync=True)
    _still = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, content: Content, viewer: str, view: Callable[[], View], *, height: int, state: str
    ) -> None:
        self._title, self._view = content.title, view
        super().__init__(
            _esm=viewer,
            _bundle=compressed(content.bundle),
            _height=height,
            _still=f"surfeit-still-{uuid4().hex}",
            state=state,
        )

    def __repr__(self) -> str:
        return f"<{self._title}: interactive where the notebook runs>"

    def _ipython_display_(self) -> None:
        """Shows the widget and a picture, which the widget hides as long as it runs.

        They are two outputs: of one with both, a notebook that was executed and then exported keeps
        the widget alone, which nothing brings to life there.
        """
        shown = self._repr_mimebundle_()
        if shown is None:
            return
        display(shown[0], metadata=shown[1], raw=True)
        display(self._picture, raw=True)

    @cached_property
    def _picture(self) -> dict[str, str]:
        image = base64.b64encode(picture(self._view())).decode("ascii")
        words = escape(f"{self._title}, as a still picture of the last snapshot")
        return {
            "text/plain": repr(self),
            "image/png": image,
            "text/html": (
                f'<div class="{self._still}"><img src="data:image/png;base64,{image}" '
                f'alt="{words}" style="max-width: 100%"></div>'
            ),
        }
