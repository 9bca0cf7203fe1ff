"""A layer's graph over time as one file that any browser opens, from disk, without a network."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from torch import nn

from surfeit.core import DiskError
from surfeit.data import Dataset
from surfeit.store.files import make_folder, write_atomically
from surfeit.viewer.assets import page_style, viewer_script
from surfeit.viewer.bundles.contents import Content, Source, contents, opened
from surfeit.viewer.embed import data_script, module_script, policy
from surfeit.viewer.timelines.timeline import MOST_SNAPSHOTS

_WITHOUT_SCRIPT = (
    "This page draws a network's weight vectors with a script of its own, which is switched off "
    "here. It asks for nothing from elsewhere: allow scripts for this file to see it."
)


def export(
    run: Source,
    layers: str | Sequence[str],
    out: Path | str,
    *,
    merged: Source | None = None,
    links: int | None = None,
    dataset: Dataset | None = None,
    into: nn.Module | None = None,
    snapshots: int | None = MOST_SNAPSHOTS,
    maps: bool = False,
) -> Path:
    """Writes the interactive graph of a run as one HTML file that asks for nothing from anywhere.

    The file holds the viewer and, for each of its snapshots, the strongest links of each layer.

    Args:
        run: a run, its folder, or its key or the beginning of it in the user's store; a folder of
            tickets stands for its first replicate.
        layers: a layer's dotted name, or several.
        out: the file to write; its folder is made if missing, a file there is replaced.
        merged: another run whose units of the same layers are shown with them.
        links: the most links of one snapshot; by default as many as the viewer shows.
        dataset: the data it was trained on, for what removing units costs.
        into: a network that the run's weights fit, where only code of one's own builds it; it is
            only read.
        snapshots: how many at most: evenly spaced, the first and the last included, and the page
            says how many of how many; None for all.
        maps: whether the page can lay units out as a t-SNE map, and show the matrix of layers of
            more than 320 units, up to 1,024.

    Returns:
        the file's path.

    Raises:
        ValueError: if a layer is not there, with the nearest ones, or snapshots are fewer than 2.
        StoreError: if the run is not there or has no snapshots.
        DiskError: if `out` is a folder or cannot be written; found before anything is computed.
        BuildError: if the viewer was not built; the message says how it is.

    Cost: 512 units over 100 epochs with 20,000 links each: under 1 MB and 1.7 s of one core; maps
    come on top, some tenths of a second each.
    """
    target = _writable(Path(out))
    viewer = viewer_script()
    content = contents(
        opened(run, into=into),
        layers,
        merged=None if merged is None else opened(merged),
        links=links,
        dataset=dataset,
        snapshots=snapshots,
        maps=maps,
    )
    page = render(content, viewer)
    write_atomically(target, page.encode(), sync=False)
    return target


def render(content: Content, viewer: str) -> str:
    """The page as text.

    Args:
        content: what is shown.
        viewer: the viewer's module.
    """
    style = page_style()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{policy(viewer, styles=[style])}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(content.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<div id="surfeit" data-home="bundle"></div>\n'
        f"<noscript><p>{escape(_WITHOUT_SCRIPT)}</p></noscript>\n"
        f"{data_script('surfeit-bundle', content.bundle)}\n"
        f"{module_script(viewer)}\n</body>\n</html>\n"
    )


def _writable(out: Path) -> Path:
    """The path, once its folder is there and takes a file."""
    if out.is_dir():
        raise DiskError(f"cannot write {out}: it is a folder; name a file in it, {out}/graph.html")
    make_folder(out.parent)
    trial = out.with_name(f".{out.name}.trial")
    write_atomically(trial, b"", sync=False)
    trial.unlink()
    return out
