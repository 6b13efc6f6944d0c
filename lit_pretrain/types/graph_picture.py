"""Drawn graphs. Legend: B examples, N nodes of all graphs, E edges, F features of a node, n nodes of an example."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path
from torch import Tensor

from lit_pretrain.types.graph_parts import adjacency, around, parts

if TYPE_CHECKING:
    from lit_pretrain.types.graph import GraphBatch

SIDE, FINE = 192, 3  # pixels of a panel, and how much larger it is drawn, so that lines become smooth
LARGEST = 32  # batch that is drawn as a whole
ENOUGH = 10_000  # nodes for a principal component
MOST, HOPS = 60, 2  # nodes that are shown of an example, and how far those around a node may be
PAPER, INK, FAINT, NEW = (255, 255, 255), (70, 76, 84), (188, 205, 224), (209, 86, 14)


def drawn(
    batch: "GraphBatch",
    seen: "GraphBatch | None" = None,
    *,
    hidden: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """(B, 3, H, W) between 0 and 1: each graph or, where nodes are the examples, each with what lies around it, ringed; of
    larger batches the first 32.

    Linked nodes lie near each other, and in the same places in each picture of a batch. Colours tell features: the category
    where there is one column of them, otherwise the first principal component. Of large graphs a part is drawn.

    Args:
        batch: decides who lies where.
        seen: an altered copy, whose `nodes` are numbers of nodes in the batch: nodes and edges that it lacks are drawn pale,
            edges that it adds in orange, and colours are those of its features. None: the batch itself.
        hidden: (N,) bool, nodes of the batch that are drawn without their colour.
        weights: (E,) at least 0, of the edges of the batch, such as attention; the more one weighs of its example's largest,
            the thicker it is drawn.
    """
    before = adjacency(batch)
    after = before if seen is None else _as_in(batch, seen)
    heavy = None if weights is None else _symmetric(batch, weights)
    there, colours = np.ones(batch.num_nodes, bool), node_colours(batch.features, batch.features)
    if seen is not None:
        numbers = seen.nodes.cpu().numpy()
        there = np.isin(np.arange(batch.num_nodes), numbers)
        colours[numbers] = node_colours(seen.features, batch.features)
    bare = np.zeros(batch.num_nodes, bool) if hidden is None else hidden.cpu().numpy()
    panels = []
    for number, nodes in enumerate(islice(parts(batch, before, HOPS), LARGEST)):
        if len(nodes) > MOST:
            centre = nodes[0] if batch.seeds is not None else nodes[before[nodes].sum(1).argmax()]
            nodes = around(before, int(centre), len(nodes))[:MOST]
        links = [csr_array(m[nodes][:, nodes]) for m in (before, after)]
        thick = None if heavy is None else heavy[nodes][:, nodes].toarray()
        thick = None if thick is None else thick / max(1e-9, thick.max())
        root = None if batch.seeds is None else int(batch.seeds[number])
        panels.append(_panel(places(links[0]), *links, colours[nodes], there[nodes], bare[nodes], nodes == root, thick))
    return torch.stack(panels)


def drawn_changes(batch: "GraphBatch", changes: Iterable[Callable[["GraphBatch"], "GraphBatch"]]) -> Tensor:
    """(B, 1 + K, 3, H, W): the original of each example, and what each of K changes makes of it."""
    numbered = _numbered(batch)
    return torch.stack([drawn(batch), *(drawn(batch, change(numbered)) for change in changes)], 1)


def drawn_prediction(batch: "GraphBatch", hidden: Tensor, predicted: Tensor) -> Tensor:
    """(B, 3, 3, H, W): with nodes `hidden` (N,) bool, with `predicted` (N, F) features in their place, and as it is."""
    filled = replace(_numbered(batch), features=predicted.where(hidden[:, None], batch.features))
    return torch.stack([drawn(batch, hidden=hidden), drawn(batch, filled), drawn(batch)], 1)


def _numbered(batch: "GraphBatch") -> "GraphBatch":
    """With the number of each node, by which `drawn` finds it again in an altered copy."""
    return replace(batch, nodes=torch.arange(batch.num_nodes, device=batch.features.device))


def places(linked: csr_array) -> NDArray[np.float64]:
    """(n, 2) between 0 and 1, whose distances are those of the graph, as far as the plane allows.

    They come from stress majorisation (Gansner et al. 2004) of classical scaling. Parts that nothing links lie beside each
    other.
    """
    count = linked.shape[0]
    if count == 1:
        return np.full((1, 2), 0.5)
    far = shortest_path(linked, unweighted=True)
    far[np.isinf(far)] = far[np.isfinite(far)].max() + 1.5
    centring = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(-0.5 * centring @ far**2 @ centring)
    at = vectors[:, -2:] * np.sqrt(values[-2:].clip(1e-6))
    # Twins would lie in one place, from which majorisation cannot part them.
    at = at + 0.05 * np.random.default_rng(0).standard_normal(at.shape)
    weights = 1 / (far + np.eye(count)) ** 2 * (1 - np.eye(count))
    inverse = np.linalg.pinv(np.diag(weights.sum(1)) - weights)
    for _ in range(150):
        apart = np.linalg.norm(at[:, None] - at[None], axis=2) + np.eye(count)
        ratio = -weights * far / apart.clip(1e-6)
        at = inverse @ ((ratio - np.diag(ratio.sum(1))) @ at)
    low, high = at.min(0), at.max(0)
    return 0.5 + (at - (low + high) / 2) / max(1e-9, (high - low).max())


def node_colours(features: Tensor, basis: Tensor) -> NDArray[np.uint8]:
    """(N, 3): of categories if there is one column of them, otherwise of the first principal component of `basis`."""
    import matplotlib

    if not features.is_floating_point() and features.shape[1] == 1:
        palette = np.array(matplotlib.colormaps["tab10"].colors)
        return (255 * palette[features[:, 0].cpu().numpy() % len(palette)]).astype(np.uint8)
    features, basis = features.float().cpu(), basis[:: max(1, len(basis) // ENOUGH)].float().cpu()
    mean = basis.mean(0)
    rows = basis - mean
    axis = rows[rows.norm(dim=1).argmax()]  # (F,); multiplied with the covariance again and again it turns to the component
    for _ in range(30):
        axis = torch.nn.functional.normalize(rows.T @ (rows @ axis), dim=0)
    low, high = np.quantile((rows @ axis).numpy(), [0.02, 0.98])
    shares = (((features - mean) @ axis - low) / max(1e-9, high - low)).clamp(0, 1)
    return (255 * matplotlib.colormaps["viridis"](shares.numpy())[:, :3]).astype(np.uint8)


def _as_in(batch: "GraphBatch", seen: "GraphBatch") -> csr_array:
    """The edges of an altered copy, between the numbers that its nodes have in the batch."""
    numbers, own = seen.nodes.cpu().numpy(), adjacency(seen).tocoo()
    return csr_array((own.data, (numbers[own.row], numbers[own.col])), shape=(batch.num_nodes,) * 2)


def _symmetric(batch: "GraphBatch", weights: Tensor) -> csr_array:
    """(N, N) the larger weight of both directions."""
    sources, targets = batch.edges.index.cpu().numpy()
    found = csr_array((weights.float().cpu().numpy(), (targets, sources)), shape=(batch.num_nodes,) * 2)
    return csr_array(found.maximum(found.T))


def _panel(
    at: NDArray[np.float64],
    before: csr_array,
    after: csr_array,
    colours: NDArray[np.uint8],
    there: NDArray[np.bool_],
    bare: NDArray[np.bool_],
    root: NDArray[np.bool_],
    thick: NDArray[np.float64] | None,
) -> Tensor:
    """(3, H, W)."""
    from PIL import Image, ImageDraw

    side, radius = SIDE * FINE, FINE * float(np.clip(28 / len(at) ** 0.5, 3, 8))
    margin = 2 * radius + FINE
    at = margin + at * (side - 2 * margin)
    picture = Image.new("RGB", (side, side), PAPER)
    pen = ImageDraw.Draw(picture)
    old, new = before.toarray() > 0, after.toarray() > 0
    for colour, chosen in ((FAINT, old & ~new), (INK, old & new), (NEW, new & ~old)):
        for i, j in np.argwhere(np.triu(chosen)):
            width = 0.22 * radius if thick is None else radius * (0.08 + 0.8 * thick[i, j])
            pen.line([*at[i], *at[j]], fill=colour, width=max(1, round(width)))
    for i, (x, y) in enumerate(at):
        ring = INK if there[i] else FAINT
        fill = PAPER if bare[i] or not there[i] else tuple(colours[i].tolist())
        r = radius * (1.5 if root[i] else 1)
        pen.ellipse([x - r, y - r, x + r, y + r], fill=fill, outline=ring, width=round(FINE * (3 if root[i] else 1)))
    small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(small).copy()).movedim(-1, 0) / 255
