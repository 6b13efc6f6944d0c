"""Three random graphs, the last in two pieces, and the same with their nodes relabelled."""

import pytest
import torch

from lit_pretrain.types import Edges, GraphBatch


@pytest.fixture
def graphs() -> GraphBatch:
    generator = torch.Generator().manual_seed(3)
    dense = torch.zeros(26, 26, dtype=torch.bool)
    for start, end in ((0, 7), (7, 17), (17, 22), (22, 26)):
        for i in range(start + 1, end):
            dense[i, int(torch.randint(start, i, (1,), generator=generator))] = True
        dense[start:end, start:end] |= torch.rand(end - start, end - start, generator=generator) < 0.15
    dense = (dense | dense.T) & ~torch.eye(26, dtype=torch.bool)
    edges, _ = Edges.of(dense.nonzero().T, 26)
    return GraphBatch(torch.randn(26, 6, generator=generator), edges, (7, 10, 9))


@pytest.fixture
def relabelled():
    """Graphs -> others with node i the old node order[i], and the order."""

    def make(batch: GraphBatch) -> tuple[GraphBatch, torch.Tensor]:
        order = torch.cat(
            [torch.randperm(n) + s for n, s in zip(batch.lengths, batch.graphs.offsets[:-1].tolist(), strict=True)]
        )
        edges, _ = Edges.of(order.argsort()[batch.edges.index], batch.num_nodes)
        return GraphBatch(batch.features[order], edges, batch.lengths), order

    return make
