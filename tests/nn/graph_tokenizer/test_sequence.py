"""Graphs told as tokens: what is told comes back, orders are those of a simple loop, and nonsense is no graph."""

from collections import Counter
from itertools import permutations

import networkx
import pytest
import torch
from torch import Tensor

from lit_pretrain.nn.graph_tokenizer.sequence import GraphSequence
from lit_pretrain.types import Edges, GraphBatch, TextBatch

ORDERS = pytest.mark.parametrize("order", ["random", "degree"])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_graphs(lengths: tuple[int, ...], edge_types: int = 0, chance: float = 0.3, seed: int = 0) -> GraphBatch:
    """Types of nodes below 4; isolated nodes, and graphs without edges, are among them."""
    rng, pairs, first = generator(seed), [], 0
    for n in lengths:
        upper = torch.rand(n, n, generator=rng).triu(1) > 1 - chance
        pairs.append(upper.nonzero().T + first)
        first += n
    once = torch.cat(pairs, 1)
    edges, order = Edges.of(torch.cat([once, once.flip(0)], 1), first)
    types = None
    if edge_types:
        types = torch.randint(edge_types, (once.shape[1],), generator=rng).repeat(2)[order, None]
    return GraphBatch(torch.randint(4, (first, 1), generator=rng), edges, lengths, types)


def networks(batch: GraphBatch) -> list[networkx.Graph]:
    found = []
    types = torch.zeros(len(batch.edges), dtype=torch.long) if batch.edge_features is None else batch.edge_features[:, 0]
    for b, length in enumerate(batch.lengths):
        start = sum(batch.lengths[:b])
        graph = networkx.Graph()
        graph.add_nodes_from((i - start, {"type": int(batch.features[i, 0])}) for i in range(start, start + length))
        for (s, t), kind in zip(batch.edges.index.T.tolist(), types.tolist(), strict=True):
            if batch.graphs.example[s] == b:
                graph.add_edge(s - start, t - start, type=kind)
        found.append(graph)
    return found


def same(a: networkx.Graph, b: networkx.Graph) -> bool:
    alike = networkx.algorithms.isomorphism.categorical_node_match("type", None)
    return networkx.is_isomorphic(a, b, alike, networkx.algorithms.isomorphism.categorical_edge_match("type", None))


def assert_equal(a: GraphBatch, b: GraphBatch) -> None:
    assert a.lengths == b.lengths and torch.equal(a.features, b.features)
    assert torch.equal(a.edges.offsets, b.edges.offsets) and torch.equal(a.edges.sources, b.edges.sources)
    assert (a.edge_features is None) == (b.edge_features is None)
    assert a.edge_features is None or torch.equal(a.edge_features, b.edge_features)


@ORDERS
@pytest.mark.parametrize("edge_types", [0, 3])
def test_what_is_told_comes_back(order, edge_types):
    tell = GraphSequence(9, 4, edge_types, order=order)
    for seed, chance in enumerate([0.0, 0.1, 0.3, 0.6, 1.0]):
        batch = random_graphs((5, 1, 9, 2, 7), edge_types, chance, seed)
        assert_equal(tell.decode(tell(batch, shuffle=False)), batch)
        drawn = tell(batch, generator=generator(seed))
        for graph, again in zip(networks(batch), networks(tell.decode(drawn)), strict=True):
            assert same(graph, again)
    assert chance == 1.0 and (drawn.lengths[2] == 2 * 9 + 36 * tell.width + 3)


def test_the_tokens_of_a_small_graph():
    """A path of types 1, 0, 2 with edges of types 1 and 0, by hand."""
    edges, order = Edges.of(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), 3)
    batch = GraphBatch(torch.tensor([[1], [0], [2]]), edges, (3,), torch.tensor([[1], [1], [0], [0]])[order])
    tell = GraphSequence(5, 4, 2, order="random")
    begin, marker, end, index, node, edge = 0, 1, 2, 3, 8, 12
    expected = [begin, node + 1, index, node, index + 1, node + 2, index + 2, marker,
                index, index + 1, edge + 1, index + 1, index + 2, edge, end]  # fmt: skip
    assert tell(batch, shuffle=False).tokens.tolist() == expected
    assert tell.vocabulary.size == 14 and tell.vocabulary.bos == begin and tell.vocabulary.eos == end
    assert tell.vocabulary.special.tolist() == [True] * 3 + [False] * 11
    # Node 0 has the least degree and the lowest number: its edge is taken first and told last.
    by_degree = GraphSequence(5, 4, 2)(batch, shuffle=False).tokens.tolist()
    assert by_degree[8:] == [index + 1, index + 2, edge, index, index + 1, edge + 1, end]


@ORDERS
def test_orders_differ_and_follow_the_generator(order):
    tell, batch = GraphSequence(9, 4, order=order), random_graphs((9, 8), chance=0.5)
    first, second = tell(batch, generator=generator(1)), tell(batch, generator=generator(2))
    assert not torch.equal(first.tokens, second.tokens)
    assert torch.equal(first.tokens, tell(batch, generator=generator(1)).tokens)
    assert torch.equal(tell(batch, shuffle=False).tokens, tell(batch, shuffle=False).tokens)


@ORDERS
def test_the_order_of_nodes_says_nothing(order):
    """A path is told in any of its numberings equally often, whichever numbering it came with."""
    tell, count = GraphSequence(3, 4, order=order), 6000
    for permutation in ([0, 1, 2], [2, 0, 1]):
        a, b, c = permutation
        path = torch.tensor([[a, b, b, c], [b, a, c, b]])
        index = (path[:, None] + 3 * torch.arange(count)[None, :, None]).flatten(1)
        types = torch.empty(3, dtype=torch.long).scatter(0, torch.tensor(permutation), torch.tensor([0, 1, 2]))
        batch = GraphBatch(types.repeat(count)[:, None], Edges.of(index, 3 * count)[0], (3,) * count)
        told = tell(batch, generator=generator()).tokens.view(count, -1)
        nodes = Counter(tuple(row) for row in (told[:, 1:7:2] - 6).tolist())
        assert set(nodes) == set(permutations(range(3)))
        assert max(nodes.values()) < 1.15 * count / 6 and min(nodes.values()) > 0.85 * count / 6


def test_random_edges_come_from_either_end_in_any_order():
    tell, count = GraphSequence(3, 4, order="random"), 4000
    index = (torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])[:, None] + 3 * torch.arange(count)[None, :, None]).flatten(1)
    batch = GraphBatch(torch.tensor([0, 1, 2]).repeat(count)[:, None], Edges.of(index, 3 * count)[0], (3,) * count)
    told = tell(batch, generator=generator()).tokens.view(count, -1)
    types = torch.empty(count, 3, dtype=torch.long).scatter(1, told[:, 2:7:2] - 3, told[:, 1:7:2] - 6)
    ways = Counter(tuple(row) for row in types.gather(1, told[:, 8:12] - 3).tolist())
    assert len(ways) == 8  # two orders, and two directions of each edge
    assert max(ways.values()) < 1.2 * count / 8 and min(ways.values()) > 0.8 * count / 8


def taken_by_degree(graph: networkx.Graph) -> list[tuple[int, int]]:
    """One edge at a time, the lowest number first among equals."""
    graph, taken = graph.copy(), []
    while graph.number_of_edges():
        source = min((v for v in graph if graph.degree[v]), key=lambda v: (graph.degree[v], v))
        target = min(graph[source], key=lambda v: (graph.degree[v], v))
        taken.append((source, target))
        graph.remove_edge(source, target)
    return taken[::-1]


def edges_told(tell: GraphSequence, told: TextBatch) -> list[list[tuple[int, int]]]:
    found = []
    for tokens in told.tokens.split(told.lengths):
        rest = tokens[tokens.tolist().index(1) + 1 : -1].view(-1, tell.width)[:, :2] - 3
        found.append([tuple(pair) for pair in rest.tolist()])
    return found


def test_order_of_degree_is_that_of_a_loop():
    tell, batch = GraphSequence(12, 4), random_graphs((12, 5, 1, 10), chance=0.4)
    assert edges_told(tell, tell(batch, shuffle=False)) == [taken_by_degree(graph) for graph in networks(batch)]


def test_order_of_degree_draws_among_equals_only():
    tell, batch = GraphSequence(12, 4, 3), random_graphs((12, 8), 3, chance=0.4)
    drawn = tell(batch, generator=generator(4))
    for graph, told in zip(networks(tell.decode(drawn)), edges_told(tell, drawn), strict=True):
        for source, target in told[::-1]:
            assert graph.degree[source] == min(d for _, d in graph.degree if d)
            assert graph.degree[target] == min(graph.degree[v] for v in graph[source])
            graph.remove_edge(source, target)


def sequences(*rows: list[int]) -> TextBatch:
    return TextBatch(torch.tensor([token for row in rows for token in row]), tuple(len(row) for row in rows))


def text(words: str) -> list[int]:
    """ "n1 i0 | i0 i1 e0": for 3 nodes, 2 types of nodes and 2 of edges, without begin and end."""
    starts = {"i": 3, "n": 6, "e": 8}
    return [0, *(1 if word == "|" else 2 if word == "." else starts[word[0]] + int(word[1]) for word in words.split()), 2]


GOOD = ["n1 i0 n0 i1 | i0 i1 e1", "n1 i2 n0 i0 | i0 i2 e0", "n0 i0 |"]
BAD = [
    "|", "", "n1 i0 n0 i1", "n1 i0 | i0 i1 e0", "n1 i0 n0 i0 |", "n1 i0 n0 i1 | i0 i0 e1", "n1 i0 n0 i1 | i0 i1",
    "n1 i0 n0 i1 | i0 i1 e1 i1 i0 e1", "n1 i0 n0 i1 | i0 i1 n0", "i0 n1 |", "n1 i0 | |", "n1 | i0", "n0 i0 n0 i1 | i1 . e0",
    "n1 i0 e0 i1 | i0 i1 e1",
]  # fmt: skip


def test_nonsense_is_no_graph_and_spoils_no_other():
    tell = GraphSequence(3, 2, 2)
    rows = [text(words) for pair in zip(GOOD * 5, BAD, strict=False) for words in pair]
    rows += [text(GOOD[0])[:-1], text(GOOD[0])[1:], [*text(GOOD[0]), 2], [0], [1]]
    found = tell.decode(sequences(*rows, text(GOOD[0])))
    expected = [n for k in range(len(BAD)) for n in ((2, 2, 1)[k % 3], 0)]
    assert found.lengths == (*expected, 0, 0, 0, 0, 0, 2)
    assert_equal(tell.decode(sequences(*map(text, GOOD))), GraphBatch(
        torch.tensor([[1], [0], [1], [0], [0]]), Edges.of(torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]), 5)[0], (2, 2, 1),
        torch.tensor([[1], [1], [0], [0]]),
    ))  # fmt: skip


def test_what_cannot_be_told():
    tell, batch = GraphSequence(9, 4, 3), random_graphs((5, 9), 3)
    one_way = batch.without_edges(torch.arange(len(batch.edges)) == 0)
    loop = GraphBatch(torch.tensor([[0]]), Edges.of(torch.tensor([[0], [0]]), 1)[0], (1,), torch.tensor([[0]]))
    unlike: Tensor = batch.edge_features.clone()
    unlike[0] = (unlike[0] + 1) % 3
    for wrong, words in [
        (one_way, "one way only"),
        (GraphBatch(batch.features, batch.edges, batch.lengths, unlike), "one way only"),
        (loop, "to itself"),
        (GraphBatch(batch.features, batch.edges, batch.lengths), "edge_types=3"),
        (
            GraphBatch(batch.features.float(), batch.edges, batch.lengths, batch.edge_features),
            "features of nodes are torch.f",
        ),
        (GraphBatch(batch.features + 1, batch.edges, batch.lengths, batch.edge_features), "of nodes lie outside 0 to 3"),
        (GraphBatch(batch.features, batch.edges, batch.lengths, batch.edge_features - 1), "of edges lie outside 0 to 2"),
        (batch.at(torch.tensor([0])), "examples of these data are nodes"),
        (random_graphs((10,), 3), "a graph has 10 nodes: set max_nodes=9"),
    ]:
        with pytest.raises(ValueError, match=words):
            tell(wrong)
    with pytest.raises(ValueError, match="max_nodes=0"):
        GraphSequence(0, 4)
    with pytest.raises(ValueError, match="order='bfs'"):
        GraphSequence(3, 4, order="bfs")
