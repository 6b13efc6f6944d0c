"""Hashes of graphs against networkx's, and what must not and what must change them."""

import networkx
import pytest
import torch

from lit_pretrain.nn.weisfeiler_lehman import weisfeiler_lehman
from lit_pretrain.types import Edges, Layout


def of(graph: networkx.Graph) -> int:
    """The hash of one graph with kinds."""
    numbers = {node: i for i, node in enumerate(graph)}
    kinds = torch.tensor([graph.nodes[node].get("kind", 0) for node in graph])
    pairs = [(numbers[s], numbers[t]) for a, b in graph.edges for s, t in ((a, b), (b, a))]
    bonds = torch.tensor([graph.edges[a, b].get("kind", 0) for a, b in graph.edges for _ in range(2)])
    edges, order = Edges.of(torch.tensor(pairs, dtype=torch.long).view(-1, 2).T, len(kinds))
    return int(weisfeiler_lehman(kinds, edges, Layout((len(kinds),)), bonds.long()[order]))


def random_graph(seed: int, nodes: int = 10) -> networkx.Graph:
    rng, graph = torch.Generator().manual_seed(seed), networkx.gnp_random_graph(nodes, 0.3, seed=seed)
    for node in graph:
        graph.nodes[node]["kind"] = int(torch.randint(3, (), generator=rng))
    for edge in graph.edges:
        graph.edges[edge]["kind"] = int(torch.randint(2, (), generator=rng))
    return graph


def test_numbering_does_not_matter():
    for seed in range(20):
        graph = random_graph(seed)
        order = torch.randperm(10, generator=torch.Generator().manual_seed(seed)).tolist()
        again = networkx.Graph()
        again.add_nodes_from((order[i], graph.nodes[i]) for i in range(9, -1, -1))
        again.add_edges_from((order[a], order[b], kinds) for a, b, kinds in graph.edges(data=True))
        assert of(again) == of(graph)


def test_it_tells_apart_what_networkx_tells_apart():
    """All graphs of up to 6 nodes: isomorphic ones are one hash, and there are as many hashes as networkx finds."""
    graphs = [graph for graph in networkx.graph_atlas_g()[1:] if graph.number_of_nodes() <= 6]
    ours = [of(graph) for graph in graphs]
    theirs = [networkx.weisfeiler_lehman_graph_hash(graph, iterations=5) for graph in graphs]
    assert len(set(ours)) == len(set(zip(ours, theirs, strict=True))) == len(set(theirs)) > 190


def test_the_batch_does_not_matter():
    graphs = [random_graph(seed, nodes) for seed, nodes in enumerate((4, 7, 1, 10))]
    joined = networkx.disjoint_union_all(graphs)
    kinds = torch.tensor([joined.nodes[i]["kind"] for i in range(22)])
    index = torch.tensor([pair for a, b in joined.edges for pair in ((a, b), (b, a))]).T
    bonds = torch.tensor([joined.edges[a, b]["kind"] for a, b in joined.edges for _ in range(2)])
    edges, order = Edges.of(index, 22)
    assert weisfeiler_lehman(kinds, edges, Layout((4, 7, 1, 10)), bonds[order]).tolist() == [of(graph) for graph in graphs]


@pytest.mark.parametrize("of_edges", [False, True])
def test_kinds_matter(of_edges):
    graph, changed = random_graph(0), random_graph(0)
    if of_edges:
        edge = next(iter(graph.edges))
        changed.edges[edge]["kind"] = 1 - graph.edges[edge]["kind"]
    else:
        changed.nodes[3]["kind"] = (graph.nodes[3]["kind"] + 1) % 3
    assert of(graph) != of(changed)


def test_rounds_are_how_far_it_sees():
    """Two triangles and a hexagon are alike to it; a path and a star of 4 nodes are until degrees are seen."""
    two = networkx.disjoint_union(networkx.cycle_graph(3), networkx.cycle_graph(3))
    assert of(two) == of(networkx.cycle_graph(6))
    line = Edges.of(torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]]), 4)[0]
    other = Edges.of(torch.tensor([[0, 1, 0, 2, 0, 3], [1, 0, 2, 0, 3, 0]]), 4)[0]
    whole = Layout((4,))
    found = [[int(weisfeiler_lehman(torch.zeros(4).long(), e, whole, rounds=r)) for e in (line, other)] for r in (0, 1)]
    assert found[0][0] == found[0][1] and found[1][0] != found[1][1]
