"""Parts of one graph: sizes, uniform choices, gradients without bias, and nothing invented."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch_geometric.nn import GraphSAGE
from torch_geometric.utils import k_hop_subgraph, subgraph

from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.sampling.base import Sampling
from lit_pretrain.datamodules.graph.sampling.neighbours import Neighbours, choose
from lit_pretrain.datamodules.graph.sampling.numbering import Numbering
from lit_pretrain.datamodules.graph.sampling.random_walks import RandomWalks
from lit_pretrain.types import GraphBatch


def random_graph(nodes: int = 40, edges: int = 120, seed: int = 0, directed: bool = False) -> NodeGraph:
    """Its edge features are source * 1000 + target. The last node has no edges."""
    index = np.random.default_rng(seed).integers(nodes - 1, size=(2, edges))
    index = index if directed else undirected(index)
    names = (index[0] * 1000 + index[1]).astype(np.float32)[:, None]
    features = np.random.default_rng(1).standard_normal((nodes, 3), np.float32)
    return NodeGraph.of(Graph(features, index, names), "random", np.arange(nodes) % 3, {})


def is_part(batch: GraphBatch, graph: NodeGraph) -> None:
    """Nodes once, with their own features; edges of the graph, once, sorted, with their own features."""
    assert len(batch.nodes.unique()) == batch.num_nodes == batch.edges.num_nodes
    assert torch.equal(batch.features, graph.features[batch.nodes])
    sources, targets = batch.nodes[batch.edges.index]
    assert torch.equal(batch.edge_features[:, 0], (sources * 1000 + targets).float())
    known = set(graph.edge_features[:, 0].tolist())
    assert len(batch.edges) == len(set(batch.edge_features[:, 0].tolist()) & known)
    keys = batch.edges.targets * batch.num_nodes + batch.edges.sources
    assert torch.equal(keys, keys.sort().values)
    assert torch.equal(batch.index, batch.nodes[batch.seeds]) and torch.equal(batch.labels, batch.index % 3)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("sampling", [Neighbours((3, 2)), Neighbours((1,)), RandomWalks(5, 3)])
def test_a_part_is_a_part(sampling: Sampling, directed):
    graph = random_graph(directed=directed)
    for seed in range(5):
        is_part(sampling.batch(graph, torch.tensor([39, 5, 17, 30]), torch.tensor(seed)), graph)


def test_examples_come_first_and_each_node_draws_up_to_its_size():
    graph, nodes, sizes = random_graph(), torch.tensor([39, 5, 17, 30]), (3, 2)
    batch = Neighbours(sizes).batch(graph, nodes, torch.tensor(0))
    assert torch.equal(batch.nodes[:4], nodes) and batch.seeds.tolist() == [0, 1, 2, 3]
    first = batch.edges.sources[batch.edges.targets < 4].unique()
    hop = {int(n): 0 for n in range(4)} | {int(n): 1 for n in first if n >= 4}
    for node, degree in enumerate(batch.edges.degrees.tolist()):
        size = sizes[hop[node]] if node in hop else 0
        assert degree == min(size, int(graph.edges.degrees[batch.nodes[node]]))
    assert {0, 1} == set(hop.values()) and {0, 2, 3} <= set(batch.edges.degrees.tolist())


def test_enough_neighbours_are_all_and_the_examples_vectors_those_of_the_whole():
    graph, nodes = random_graph(directed=True), torch.tensor([2, 0, 33])
    batch = Neighbours((50, 50)).batch(graph, nodes, torch.tensor(0))
    reached, *_ = k_hop_subgraph(nodes, 2, graph.edges.index, num_nodes=40)
    assert sorted(batch.nodes.tolist()) == sorted(reached.tolist())
    model = GraphSAGE(3, 8, 2)
    part, whole = model(batch.features, batch.edges.index), model(graph.features, graph.edges.index)
    torch.testing.assert_close(part[batch.seeds], whole[nodes])


def test_every_choice_has_equal_chances():
    for count in (4, 5, 9):
        chosen = np.sort(choose(np.full(12000, count), 3, torch.arange(12000)), 1)
        choices = np.array(list(combinations(range(count), 3)))
        shares = (chosen[:, None] == choices).all(2).mean(0)
        assert abs(shares.sum() - 1) < 1e-9  # different numbers, below the count
        deviation = np.sqrt((1 / len(choices)) / 12000)
        assert np.abs(shares - 1 / len(choices)).max() < 4 * deviation


def test_gradients_of_sampled_neighbours_have_no_bias():
    """Mean aggregation and no activation: vectors and gradients are linear in what each node draws."""
    graph, nodes = random_graph(14, 40), torch.tensor([0, 3, 6, 7, 12])
    assert graph.edges.degrees[nodes].max() > 4
    torch.manual_seed(0)
    model, weights = GraphSAGE(3, 4, 2, act=None), torch.randn(5, 4)

    def gradient(parts: list[GraphBatch]) -> torch.Tensor:
        """The mean over the parts, which are laid side by side."""
        starts = torch.tensor([0] + [part.num_nodes for part in parts]).cumsum(0)
        index = torch.cat([part.edges.index + start for part, start in zip(parts, starts[:-1], strict=True)], 1)
        seeds = torch.cat([part.seeds + start for part, start in zip(parts, starts[:-1], strict=True)])
        vectors = model(torch.cat([part.features for part in parts]), index)[seeds]
        loss = (vectors.unflatten(0, (len(parts), 5)) * weights).sum() / len(parts)
        return torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, list(model.parameters()))])

    wanted = gradient([graph.batch(nodes)])
    parts = [Neighbours((2, 2)).batch(graph, nodes, torch.tensor(epoch)) for epoch in range(500)]
    once, mean = gradient(parts[:1]), gradient(parts)
    assert (mean - wanted).norm() < 0.05 * wanted.norm() < 0.2 * (once - wanted).norm()  # one draw is far off


def test_a_node_draws_by_itself():
    """Whatever else is in the batch, and another draw in another epoch."""
    graph, sampling = random_graph(40, 400), Neighbours((3,))

    def drawn(nodes: list[int], seed: int) -> set[float]:
        batch = sampling.batch(graph, torch.tensor(nodes), torch.tensor(seed))
        place = nodes.index(7)
        return set(batch.edge_features[batch.edges.targets == place, 0].tolist())

    assert drawn([7], 0) == drawn([1, 2, 7, 9], 0) and len(drawn([7], 0)) == 3
    assert len({frozenset(drawn([7], seed)) for seed in range(20)}) > 10


def test_walks_give_all_edges_between_the_nodes_that_they_pass():
    graph = random_graph(directed=True)
    batch = RandomWalks(5, 3).batch(graph, torch.tensor([39, 5, 17]), torch.tensor(0))
    index, _ = subgraph(batch.nodes, graph.edges.index, relabel_nodes=False, num_nodes=40)
    assert {tuple(pair) for pair in batch.nodes[batch.edges.index].T.tolist()} == {tuple(pair) for pair in index.T.tolist()}
    assert torch.equal(batch.seeds, torch.arange(batch.num_nodes)) and batch.num_nodes <= 3 * 4
    assert torch.equal(batch.nodes[:3], torch.tensor([39, 5, 17])) and batch.edges.degrees[0] == 0


def test_a_walk_steps_to_each_neighbour_with_equal_chances():
    graph = random_graph()
    root = int(graph.edges.degrees.argmax())
    steps = [RandomWalks(1, 1).batch(graph, torch.tensor([root]), torch.tensor(seed)).nodes[1] for seed in range(200)]
    own = graph.edges.sources[graph.edges.offsets[root] : graph.edges.offsets[root + 1]]
    counts = torch.stack(steps).bincount(minlength=40)[own]
    assert counts.sum() == 200
    wanted = 200 / len(own)
    assert (counts - wanted).abs().max() < 4 * wanted**0.5


def test_a_list_of_nodes_knows_its_own_and_forgets_the_last_ones():
    number, rng = Numbering(1000), np.random.default_rng(0)
    for _ in range(20):
        listed = rng.permutation(1000)[:20].tolist()
        number.begin(np.array(listed))
        for _ in range(3):
            more = rng.integers(1000, size=50)
            new = number.add(more)
            assert set(new.tolist()) == set(more.tolist()) - set(listed) and len(set(new.tolist())) == len(new)
            listed += new.tolist()
        assert number.nodes.tolist() == listed and (number(number.nodes) == np.arange(len(listed))).all()
        assert number.has(np.arange(1000)).sum() == len(listed) and number.has(number.nodes).all()


def test_graphs_of_different_sizes_take_turns():
    sampling = Neighbours((3, 2))
    for nodes in (40, 20, 40):
        graph = random_graph(nodes)
        is_part(sampling.batch(graph, torch.tensor([3, 5]), torch.tensor(0)), graph)


def test_mistakes():
    for wrong in ({"sizes": ()}, {"sizes": (3, 0)}, {"batch_size": 0}):
        with pytest.raises(ValueError, match="must be positive"):
            Neighbours(**wrong)
    for wrong in ({"roots": 0}, {"length": 0}):
        with pytest.raises(ValueError, match="must be positive"):
            RandomWalks(**wrong)
