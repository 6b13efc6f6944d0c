"""Distances against breadth-first search."""

from collections import deque

import torch

from lit_pretrain.corruptions.graph.hops import Hops
from lit_pretrain.types import Edges


def search(edges: Edges, root: int, most: int) -> dict[int, int]:
    """Distances of all nodes from which at most so many edges lead to the root."""
    found, waiting = {root: 0}, deque([root])
    while waiting:
        node = waiting.popleft()
        for source in edges.sources[edges.offsets[node] : edges.offsets[node + 1]].tolist():
            if source not in found and found[node] < most:
                found[source] = found[node] + 1
                waiting.append(source)
    return found


def expect(edges: Edges, roots: torch.Tensor, most: int) -> None:
    near = Hops.of(edges, roots, most)
    assert near.num_roots == len(roots)
    for number, root in enumerate(roots.tolist()):
        own = near.where(near.owner == number)
        assert own.node.tolist() == sorted(own.node.tolist())
        assert dict(zip(own.node.tolist(), own.distance.tolist(), strict=True)) == search(edges, root, most)


def test_undirected_graphs(graphs):
    for most in range(5):
        expect(graphs.edges, torch.tensor([0, 12, 12, 25, 39]), most)


def test_directed_edges_are_followed_as_messages_are(generator):
    index = torch.randint(20, (2, 35), generator=generator).unique(dim=1)
    expect(Edges.of(index, 20)[0], torch.arange(20), 4)
    chain, _ = Edges.of(torch.tensor([[0, 1], [1, 2]]), 3)
    assert Hops.of(chain, torch.tensor([2, 0]), 2).node.tolist() == [0, 1, 2, 0]


def test_some_roots_are_numbered_anew(graphs):
    roots = torch.tensor([0, 12, 25])
    left = Hops.of(graphs.edges, roots, 2).of_roots(torch.tensor([True, False, True]))
    expected = Hops.of(graphs.edges, roots[[0, 2]], 2)
    assert left.num_roots == 2 and torch.equal(left.owner, expected.owner) and torch.equal(left.distance, expected.distance)
