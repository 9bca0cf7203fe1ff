"""The interactive graph in the report: which layers have it, and what the page needs for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from torch import nn

from surfeit.core import StoreError
from surfeit.data import Dataset
from surfeit.report.config import ReportConfig
from surfeit.report.measure import Progress, silent
from surfeit.report.words import layer_name
from surfeit.store import Run
from surfeit.viewer.assets import BuildError, viewer_script
from surfeit.viewer.bundles.contents import contents, opened
from surfeit.viewer.bundles.private import without_folders
from surfeit.viewer.frames.quantised import cut_of

MOST_LAYERS = 3  # as many as are open on the page
MOST_UNITS = 1024  # beyond, its pictures take longer than the rest of the report
_SIGMA = 0.5  # the viewer's own
_MISSING = (
    "The graphs below do not move: the viewer was not built with this installation; "
    "'surfeit view' says how it is."
)


@dataclass(frozen=True, kw_only=True)
class Live:
    """What a page needs to show graphs that move.

    Args:
        viewer: the viewer's module; None: the page has still pictures only.
        missing: why it has, a sentence, or None.
        bundles: by layer, everything that the viewer shows of it.
        notes: by layer, why it has a still picture, a sentence.
        cut: the least weight of a link; None: what chance does not reach.
    """

    viewer: str | None = None
    missing: str | None = None
    bundles: Mapping[str, bytes] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    cut: float | None = None

    def state(self, layer: str) -> str:
        """How the view of a layer begins, as an address's hash."""
        cut = "" if self.cut is None else f"&cut={self.cut:.5g}"
        return f"#v=1&layer={quote(layer)}{cut}"


STILL = Live()


def live_graphs(
    run: Run,
    dataset: Dataset,
    layers: Sequence[str],
    config: ReportConfig,
    *,
    into: nn.Module | None = None,
    tell: Progress = silent,
) -> Live:
    """The graphs of the first layers over all snapshots of a run.

    What cannot be shown has a still picture and a sentence; nothing here ends a report.

    Args:
        run: the run that is reported on.
        dataset: what it was trained on, for what removing units costs.
        layers: the layers of the report, in their order.
        config: its threshold for links, if one is set.
        into: a network that the weights fit, where the run cannot build its own; it is only read.
        tell: told how far it is.

    Cost: about 10 ms a snapshot of 512 units.
    """
    try:
        viewer = viewer_script()
    except BuildError:
        return Live(missing=_MISSING)
    bundles, notes = {}, {}
    for place, name in enumerate(layers):
        tell("packing graphs", place, len(layers))
        try:
            bundles[name] = _bundle(run, dataset, name, place, into, config.link)
        except (ValueError, StoreError) as error:
            # The page is sent to others.
            shown = layer_name(name)
            notes[name] = f"A still picture of {shown}: {without_folders(str(error), [run.path])}."
    tell("packing graphs", len(layers), len(layers))
    cut = None if config.link is None else cut_of(config.link, _SIGMA)
    return Live(viewer=viewer if bundles else None, bundles=bundles, notes=notes, cut=cut)


def _bundle(
    run: Run,
    dataset: Dataset,
    layer: str,
    place: int,
    into: nn.Module | None,
    link: float | None,
) -> bytes:
    elsewhere = f"'surfeit view {run.key[:12]}' shows how it came about"
    if place >= MOST_LAYERS:
        raise ValueError(f"the page's graph moves in {MOST_LAYERS} layers; {elsewhere}")
    subject = opened(run, into=into)
    units = subject.layer(layer).units
    if units > MOST_UNITS:
        raise ValueError(f"{units:,} units over all snapshots are too much for a page; {elsewhere}")
    # A convolution's removals are what can take minutes, and the report has measured them.
    images = None if "convolution" in subject.layer(layer).kind else dataset
    return contents(subject, layer, dataset=images, link=link).bundle
