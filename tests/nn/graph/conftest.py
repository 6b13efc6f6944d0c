"""Two small graphs with features of nodes and of edges."""

import pytest
import torch

from lit_pretrain.types import Edges, GraphBatch


@pytest.fixture
def graphs() -> GraphBatch:
    """Of 5 and 7 nodes, and one of the second that has no edges."""
    generator = torch.Generator().manual_seed(0)
    dense = torch.zeros(12, 12, dtype=torch.bool)
    dense[:5, :5] = torch.rand(5, 5, generator=generator) < 0.5
    dense[5:11, 5:11] = torch.rand(6, 6, generator=generator) < 0.4
    dense = (dense | dense.T) & ~torch.eye(12, dtype=torch.bool)
    edges, _ = Edges.of(dense.nonzero().T, 12)
    features = torch.randn(12, 8, generator=generator)
    kinds = torch.randint(3, (len(edges), 1), generator=generator)
    return GraphBatch(features, edges, (5, 7), kinds)
