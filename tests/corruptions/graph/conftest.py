"""Random graphs with features of nodes and edges, and one graph whose nodes are the examples."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.types import Edges, GraphBatch

LENGTHS = (12, 1, 20, 7)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.fixture
def graphs(generator) -> GraphBatch:
    """A ring in each graph and random chords; node features are numbers, those of edges the sum of their ends' numbers."""
    pairs, first = set(), 0
    for length in LENGTHS:
        for i in range(length if length > 2 else 0):
            pairs.add(tuple(sorted((first + i, first + (i + 1) % length))))
            chord = torch.randperm(length, generator=generator)[:2] + first
            pairs.add(tuple(sorted(chord.tolist())))
        first += length
    one_way = torch.tensor(sorted(pairs)).T
    edges, order = Edges.of(torch.cat([one_way, one_way.flip(0)], 1), first)
    features = torch.rand(first, 5, generator=generator) + 1
    sums = torch.cat([one_way.sum(0)] * 2)[order]
    return GraphBatch(features, edges, LENGTHS, sums[:, None], labels=torch.arange(len(LENGTHS)))


@pytest.fixture
def nodes(graphs) -> GraphBatch:
    """The same nodes as one graph, three of them examples."""
    return replace(graphs, lengths=(sum(LENGTHS),), seeds=torch.tensor([4, 30, 0]), nodes=torch.arange(40), labels=None)
