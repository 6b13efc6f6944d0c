"""PairwiseDistance: pairs are as far apart as they are said to be."""

from collections import Counter

import networkx
import pytest
import torch

from lit_pretrain.nn.graph_task.pairwise_distance import PairwiseDistance


def test_pairs_have_the_distance_of_networkx(drawn, make, generator):
    graphs = [drawn, networkx.path_graph(3)]
    batch, whole = make(graphs), networkx.disjoint_union_all(graphs)
    pairs, wanted, asked = PairwiseDistance(4, classes=4, starts=100).pairs(batch, generator)
    paths, graph = dict(networkx.all_pairs_shortest_path_length(whole)), batch.graphs.example
    for (a, b), distance, yes in zip(pairs.T.tolist(), wanted.tolist(), asked.tolist(), strict=True):
        real = {min(paths[a].get(other, 4), 4) for other in whole if graph[other] == graph[a] and other != a}
        assert yes == (distance in real)  # a node is asked for every class that its graph has
        assert not yes or (graph[a] == graph[b] and min(paths[a].get(b, 4), 4) == distance)
    assert max(Counter(pairs[0].tolist()).values()) == 4 and set(wanted[asked].tolist()) == {1, 2, 3, 4}


def test_pairs_start_from_the_examples(drawn, make, generator):
    batch = make([drawn], seeds=(seeds := torch.tensor([3, 8, 11])))
    pairs, _, _ = PairwiseDistance(4, starts=2).pairs(batch, generator)
    assert set(pairs[0].tolist()) < set(seeds.tolist()) and len(set(pairs[0].tolist())) == 2


def test_two_classes_at_least():
    with pytest.raises(ValueError, match="classes=1"):
        PairwiseDistance(4, classes=1)
