"""PairAttributeSimilarity: the most and the least alike, of one graph, and how alike they are."""

import networkx
import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.graph_task.pair_attribute_similarity import PairAttributeSimilarity, likeness


def test_pairs_are_the_most_and_the_least_alike(drawn, make, generator):
    batch = make([drawn, networkx.path_graph(8)])
    task = PairAttributeSimilarity(4, nearest=2, starts=48)
    pairs, similarity, asked = task.pairs(batch, generator)
    assert asked.all() and pairs.shape == (2, 48 * 4)
    cosine = F.cosine_similarity(batch.features[:, None], batch.features[None], dim=-1)
    torch.testing.assert_close(similarity, cosine[pairs[0], pairs[1]])
    graph = batch.graphs.example
    for row in range(48):
        mine = slice(4 * row, 4 * row + 4)
        a = int(pairs[0, mine][0])
        order = [b for b in cosine[a].argsort(descending=True).tolist() if b != a and graph[b] == graph[a]]
        close = cosine[a][[*order[:2], *order[-2:]]]  # draws break ties, and nearly break what is nearly one
        torch.testing.assert_close(similarity[mine].sort().values, close.sort().values, atol=2e-4, rtol=0)


def test_a_graph_of_two_has_one_pair_of_each_kind(make, generator):
    pairs, _, asked = PairAttributeSimilarity(4, nearest=1).pairs(make([networkx.path_graph(2)] * 3), generator)
    assert asked.all() and (pairs[0] // 2 == pairs[1] // 2).all() and (pairs[0] != pairs[1]).all()
    assert not PairAttributeSimilarity(4).pairs(make([networkx.empty_graph(1)] * 3), generator)[2].any()


def test_categories_are_alike_as_far_as_they_are_equal():
    features = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5], [0, 0, 0, 4]])
    assert likeness(features[:1], features).tolist() == [[1.0, 0.75, 0.25]]


def test_a_perfect_answer_costs_nothing(drawn, make, generator):
    batch, task = make([drawn], torch.rand(40, 1).sub(0.5).sign()), PairAttributeSimilarity(1)
    with torch.no_grad():
        task.head.weight.fill_(-2.0)
        task.head.bias.fill_(1.0)
    found = task.loss((batch.features > 0).float(), batch, task.corrupt(batch, generator), generator)
    assert found.sum.max() < 1e-9 and found.count.sum() == 2 * 40 * 6


def test_at_least_one():
    with pytest.raises(ValueError, match="nearest=0"):
        PairAttributeSimilarity(4, nearest=0)
