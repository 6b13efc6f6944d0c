"""What holds of every corruption of graphs, whatever the graphs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_pretrain.corruptions.graph.attribute_masking import AttributeMasking
from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.corruptions.graph.edge_dropping import EdgeDropping
from lit_pretrain.corruptions.graph.edge_perturbation import EdgePerturbation
from lit_pretrain.corruptions.graph.feature_masking import FeatureMasking
from lit_pretrain.corruptions.graph.node_dropping import NodeDropping
from lit_pretrain.types import Edges, GraphBatch

CORRUPTIONS = [AttributeMasking, EdgeDropping, EdgePerturbation, FeatureMasking, NodeDropping]


@st.composite
def graphs(draw: st.DrawFn) -> GraphBatch:
    """Undirected graphs without loops, whose nodes have a number of their own as a feature."""
    nodes = draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    pairs, first = set(), 0
    for n in nodes:
        ends = st.tuples(st.integers(first, first + n - 1), st.integers(first, first + n - 1))
        pairs |= {(a, b) for pair in draw(st.lists(ends, max_size=12)) for a, b in (pair, pair[::-1]) if a != b}
        first += n
    index = torch.tensor(sorted(pairs), dtype=torch.long).reshape(-1, 2).T
    edges, order = Edges.of(index, first)
    low, high = index[:, order].sort(0).values
    return GraphBatch(1 + torch.arange(first).float()[:, None], edges, tuple(nodes), (low * 100 + high)[:, None].float())


def rows(batch: GraphBatch) -> list:
    return [batch.features.tolist(), batch.edges.index.tolist(), batch.edge_features.tolist(), list(batch.lengths)]


@pytest.mark.parametrize("kind", CORRUPTIONS)
@given(batch=graphs(), rate=st.floats(0, 0.99), seed=st.integers(0, 2**31))
def test_graphs_stay_sound(kind: type[GraphCorruption], batch: GraphBatch, rate: float, seed: int) -> None:
    """Edges stay within their graph, both ways, once and no loops; as many graphs; the generator alone decides."""
    before = rows(batch)
    altered, again = (kind(rate)(batch, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert rows(altered) == rows(again) and rows(batch) == before, "other draws, or the batch itself was changed"
    assert altered.num_examples == batch.num_examples and min(altered.lengths) >= 1
    sources, targets = altered.edges.index
    owner = altered.graphs.example
    assert torch.equal(owner[sources], owner[targets]) and not (sources == targets).any()
    found = list(zip(sources.tolist(), targets.tolist(), strict=True))
    assert len(set(found)) == len(found) and {(b, a) for a, b in found} == set(found)
    assert len(found) <= batch.edges.index.shape[1]
    of_pair = dict(zip(found, altered.edge_features[:, 0].tolist(), strict=True))
    assert all(of_pair[a, b] == of_pair[b, a] for a, b in found), "the two directions of an edge have different features"
    kept = [max(1, n - int(n * rate)) for n in batch.lengths] if kind is NodeDropping else list(batch.lengths)
    assert list(altered.lengths) == kept
    if kind is AttributeMasking:
        hidden = batch.graphs.counts(altered.features[:, 0] == 0).tolist()
        assert hidden == [int(n * rate) for n in batch.lengths]
