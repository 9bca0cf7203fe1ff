"""Names of files that speak of layers."""

from urllib.parse import quote


def file_name(topic: str, layer: str) -> str:
    """The name, without an ending, of a file about a layer: "removal-conv1.weight" and the like.

    Letters, digits and `_.-~` stay; all else is written as in an address (`/` is `%2F`), so that
    different layers have different files and none lies in another folder. A network that is one
    layer has no name to write: it is `@network`.

    >>> file_name("removal", "block1/unit_1")
    'removal-block1%2Funit_1'

    Args:
        topic: what it is about: letters.
        layer: the layer's dotted name.
    """
    return f"{topic}-{quote(layer, safe='') if layer else '@network'}"
