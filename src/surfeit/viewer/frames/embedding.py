"""Units in a plane by who is next to whom: t-SNE and UMAP, and how faithful such a map is.

Both keep neighbours together and nothing else: how far groups lie apart, how large and how dense
they are has no meaning.
"""

import warnings
from importlib.util import find_spec

import numpy as np
import torch
from jaxtyping import Float
from threadpoolctl import threadpool_limits
from torch import Tensor

from surfeit.core import Streams
from surfeit.viewer.frames.plane import principal_plane

METHODS = ("tsne", "umap")

WITHOUT_UMAP = "UMAP is not installed beside Surfeit: pip install umap-learn"

MOST_NEIGHBOURS = 10
"""On a map a unit's nearest: whether these are the true ones is what it is judged by."""

FEW = 9
"""So many units and fewer are placed by their principal components, which are truer to them.

Of 4 to 8 units of four noisy groups a trustworthiness of 0.94 was measured, t-SNE's was 0.87.
"""

_PERPLEXITY, _UMAP_NEIGHBOURS = 30.0, 15
_FIRST_STEPS, _NEXT_STEPS = 1_000, 250  # fewer than 250 scikit-learn does not take
_FIRST_EPOCHS, _NEXT_EPOCHS = 500, 100
_FIRST_WIDTH = 1e-4  # of the beginning, as scikit-learn has it
_APART = 1e-3  # what begins at one place must not stay there
_PAIRS = 2**23  # compared at once
_LENGTH = 1e-3  # of a direction: by so much half precision is off


def has_umap() -> bool:
    """Whether `umap-learn` is installed; it is not imported, which takes seconds."""
    try:
        return find_spec("umap") is not None
    except ValueError:  # in the place of the module there is something else
        return False


def perplexity_of(units: int) -> float:
    """The perplexity of a t-SNE map: 30, of fewer than 91 units a third of the others."""
    return min(_PERPLEXITY, (units - 1) / 3)


def embedded(
    rows: Float[Tensor, "units columns"],
    method: str,
    before: Float[Tensor, "units 2"] | None = None,
) -> Float[Tensor, "units 2"]:
    """Places of units in a plane in which neighbours by cosine stay neighbours.

    Distances are those between directions, `|ŵ_i − ŵ_j|² = 2 (1 − ŵ_i · ŵ_j)`, which order pairs
    as the cosine does. t-SNE has the perplexity of `perplexity_of`, UMAP 15 neighbours and a least
    distance of 0.1. The map begins at the principal components, or where units lay before; up to
    nine units are placed by their principal components alone.

    Args:
        rows: directions of length 1.
        method: "tsne" or "umap".
        before: places to begin at, which a map at the next or last moment has; NaN where a unit
            had none: it begins beside the one most like it.

    Returns:
        float64, centred at 0, of a width without meaning; the same for the same arguments.

    Raises:
        ValueError: if UMAP is asked for and not installed.

    Source: van der Maaten and Hinton (2008), by scikit-learn; McInnes, Healy and Melville (2018),
    by umap-learn.
    Cost: t-SNE on one core: 0.7 s for 300 units, 2 s for 1,024, 39 s for 4,096; from places before
    0.2, 0.7 and 7 s.
    """
    assert method in METHODS, method
    if method == "umap" and not has_umap():
        raise ValueError(WITHOUT_UMAP)
    rows = rows.double()
    if len(rows) <= FEW:
        return principal_plane(rows)[0]
    start = None if before is None else _start(rows, before.double())
    draw = _tsne if method == "tsne" else _umap
    # More threads would add in another order from time to time.
    with threadpool_limits(1, user_api="openmp"):
        places = torch.from_numpy(draw(rows, start)).double()
    places = places - places.mean(dim=0)
    return places if start is None else _turned(places, start - start.mean(dim=0))


def faithfulness(
    rows: Float[Tensor, "units columns"], places: Float[Tensor, "units 2"]
) -> tuple[int, float | None, float | None]:
    """How many neighbours are looked at, the trustworthiness, and the share that are true ones.

    With k neighbours of each of n units on the map, the j-th of unit i being the `r_ij`-th nearest
    to it by cosine: `T = 1 − 2 / (n k (2n − 3k − 1)) Σ_ij max(0, r_ij − k)`, 1 where no neighbour
    is false, about 0.5 where places say nothing. The share is that of `r_ij ≤ k`. k is 10, or as
    many as are fewer than half the units.

    Args:
        rows: directions of length 1.
        places: of the same units.

    Returns:
        k, T in [0, 1], the share in [0, 1]; 0 and None of fewer than 3 units.

    Raises:
        ValueError: if there is not one place a unit, a place is not finite, or a row has not
            length 1.

    Source: Venna and Kaski (2001).
    Cost: O(units² · (columns + k)).
    """
    units = len(rows)
    if places.shape != (units, 2) or not bool(places.isfinite().all()):
        raise ValueError(f"places must be finite [{units}, 2], got {list(places.shape)}")
    if not bool(((rows.norm(dim=1) - 1).abs() < _LENGTH).all()):  # NaN neither
        raise ValueError("directions must have length 1: leave out units that have none")
    k = min(MOST_NEIGHBOURS, (units - 1) // 2)
    if k < 1:
        return 0, None, None
    rows, places = rows.double(), places.double()
    beyond, true = 0.0, 0
    step = max(1, _PAIRS // (units * k))
    for start in range(0, units, step):
        these = torch.arange(start, min(start + step, units))
        apart = torch.cdist(places[these], places)
        cosine = rows[these] @ rows.T
        itself = torch.arange(len(these)), these
        apart[itself], cosine[itself] = torch.inf, -torch.inf
        near = apart.topk(k, largest=False).indices
        ranks = (cosine[:, None, :] > cosine.gather(1, near)[:, :, None]).sum(dim=2) + 1
        beyond += float((ranks - k).clamp(min=0).sum())
        true += int((ranks <= k).sum())
    return k, 1 - 2 * beyond / (units * k * (2 * units - 3 * k - 1)), true / (units * k)


def _start(rows: Tensor, before: Tensor) -> Tensor | None:
    """Where a map begins: everyone with a place at it, the others beside the one most like them."""
    known = before.isfinite().all(dim=1)
    if int(known.sum()) <= FEW:
        return None
    start = before[known][(rows @ rows[known].T).argmax(dim=1)]
    turn = torch.arange(len(rows), dtype=torch.float64)
    start = start + _APART * torch.stack([turn.cos(), turn.sin()], dim=1)
    return torch.where(known[:, None], before, start)


def _tsne(rows: Tensor, start: Tensor | None) -> np.ndarray:
    from sklearn.manifold import TSNE  # a second of its own

    if start is None:
        first = principal_plane(rows)[0]
        width = float(first[:, 0].std(correction=0))
        init, steps, exaggeration = first * (_FIRST_WIDTH / (width or 1.0)), _FIRST_STEPS, 12.0
    else:
        init, steps, exaggeration = start, _NEXT_STEPS, 1.0
    map_ = TSNE(
        perplexity=perplexity_of(len(rows)),
        init=init.float().numpy(),  # pyright: ignore[reportArgumentType]  # an array is taken too
        max_iter=steps,
        early_exaggeration=exaggeration,
        random_state=0,
        n_jobs=1,
    )
    return map_.fit_transform(rows.float().numpy())


def _umap(rows: Tensor, start: Tensor | None) -> np.ndarray:
    import umap  # pyright: ignore[reportMissingImports]  # an extra

    init = principal_plane(rows)[0] if start is None else start
    map_ = umap.UMAP(
        n_neighbors=min(_UMAP_NEIGHBOURS, len(rows) - 1),
        metric="euclidean",
        init=init.float().numpy(),
        n_epochs=_FIRST_EPOCHS if start is None else _NEXT_EPOCHS,
        random_state=_seed(),
        n_jobs=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed costs threads, and few units neighbours
        return map_.fit_transform(rows.float().numpy())


def _seed() -> int:
    return int(torch.randint(2**31, (), generator=Streams(0).get("viewer", "map")))


def _turned(places: Tensor, before: Tensor) -> Tensor:
    """Turned, or mirrored, to lie as like `before` as they can: orthogonal Procrustes."""
    left, _, right = torch.linalg.svd(places.T @ before)
    return places @ (left @ right)
