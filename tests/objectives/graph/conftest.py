"""Random graphs with random features, the same nodes as one graph with examples in it, a small network."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.types import Edges, GraphBatch

LENGTHS = (6, 9, 7)


@pytest.fixture
def graphs() -> GraphBatch:
    """A ring in each graph, and some chords."""
    draws, pairs, first = torch.Generator().manual_seed(0), set(), 0
    for length in LENGTHS:
        for i in range(length):
            pairs |= {(i, (i + 1) % length, first), (*torch.randperm(length, generator=draws)[:2].tolist(), first)}
        first += length
    one_way = torch.tensor([(first + min(a, b), first + max(a, b)) for a, b, first in pairs]).unique(dim=0).T
    edges, _ = Edges.of(torch.cat([one_way, one_way.flip(0)], 1), first)
    return GraphBatch(torch.randn(first, 5, generator=draws), edges, LENGTHS)


@pytest.fixture
def nodes(graphs) -> GraphBatch:
    """The same nodes as one graph; eight of them are the examples."""
    return replace(graphs, lengths=(sum(LENGTHS),), seeds=torch.tensor([3, 0, 7, 9, 12, 20, 21, 15]))


@pytest.fixture
def encoder() -> PyGEncoder:
    torch.manual_seed(0)
    return PyGEncoder(Raw(5), model="GIN", dim=8, num_layers=2, maskable=True)


@pytest.fixture
def relabelled() -> Callable[[GraphBatch], tuple[GraphBatch, Tensor]]:
    """Numbers the nodes of each graph anew; also gives (N,) the old number of each."""

    def relabel(batch: GraphBatch) -> tuple[GraphBatch, Tensor]:
        draws, starts = torch.Generator().manual_seed(1), batch.graphs.offsets.tolist()
        old = torch.cat([torch.randperm(n, generator=draws) + starts[i] for i, n in enumerate(batch.lengths)])
        new = old.argsort()
        edges, _ = Edges.of(new[batch.edges.index], batch.num_nodes)
        seeds = None if batch.seeds is None else new[batch.seeds]
        return replace(batch, features=batch.features[old], edges=edges, seeds=seeds), old

    return relabel


@pytest.fixture
def alone() -> Callable[[GraphBatch, int], GraphBatch]:
    """One graph of a batch of several."""

    def take(batch: GraphBatch, number: int) -> GraphBatch:
        left = batch.without_nodes(batch.graphs.example != number)
        return replace(left, lengths=(batch.lengths[number],))

    return take
