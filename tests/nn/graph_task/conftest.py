"""Small random graphs for the tasks."""

import networkx
import pytest
import torch

from lit_pretrain.types import Edges, GraphBatch


def batch_of(graphs: list[networkx.Graph], features: torch.Tensor | None = None, **fields) -> GraphBatch:
    whole = networkx.disjoint_union_all(graphs)
    index = torch.tensor(list(whole.edges), dtype=torch.long).reshape(-1, 2).T
    edges = Edges.of(torch.cat([index, index.flip(0)], 1), len(whole))[0]
    if features is None:
        features = torch.randn(len(whole), 4, generator=torch.Generator().manual_seed(0))
    return GraphBatch(features, edges, tuple(len(graph) for graph in graphs), **fields)


@pytest.fixture
def drawn() -> networkx.Graph:
    """40 nodes, some of them out of reach."""
    return networkx.gnp_random_graph(40, 0.06, seed=1)


@pytest.fixture
def make():
    return batch_of


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
