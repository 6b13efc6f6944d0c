"""The nodes of each example and how they are linked, on the host. Legend: N nodes of all graphs, n of an example."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from lit_pretrain.types.graph import GraphBatch


def adjacency(batch: "GraphBatch") -> csr_array:
    """(N, N) of ones and zeros, symmetric: an edge leads both ways."""
    offsets, sources = (x.cpu().numpy() for x in (batch.edges.offsets, batch.edges.sources))
    linked = csr_array((np.ones(len(sources)), sources, offsets), shape=(batch.num_nodes,) * 2)
    return csr_array(linked.maximum(linked.T))


def parts(batch: "GraphBatch", linked: csr_array, hops: int) -> Iterator[NDArray[np.int64]]:
    """(n,) the nodes of each graph or, where nodes are the examples, those at most so many edges away, nearest first."""
    if batch.seeds is None:
        return (np.arange(first, last) for first, last in pairwise(np.cumsum([0, *batch.lengths])))
    return (around(linked, seed, hops) for seed in batch.seeds.tolist())


def around(linked: csr_array, seed: int, hops: int) -> NDArray[np.int64]:
    """(n,) nodes at most so many edges away from one, nearest first."""
    nodes = np.array([seed])
    for _ in range(hops):
        new = np.setdiff1d(linked[nodes].indices, nodes)
        if not len(new):
            break
        nodes = np.concatenate([nodes, new])
    return nodes
