"""Parts of graphs against torch-geometric's subgraphs, and which roots are drawn."""

import torch
from torch_geometric.utils import subgraph

from lit_pretrain.corruptions.graph.subgraphs import draw_roots, subgraphs


def test_each_part_is_the_induced_subgraph(graphs, generator):
    chosen = torch.rand(6, graphs.num_nodes, generator=generator) < torch.tensor([0.5, 0.9, 0.0, 0.2, 1.0, 0.1])[:, None]
    parts = subgraphs(graphs, *chosen.nonzero().T, 6)
    assert parts.lengths == tuple(chosen.sum(1).tolist()) and parts.seeds is None
    offsets, starts = parts.edges.offsets, parts.graphs.offsets
    for part, wanted in enumerate(chosen):
        own = slice(int(starts[part]), int(starts[part + 1]))
        places = slice(int(offsets[own.start]), int(offsets[own.stop]))
        index, features = subgraph(wanted, graphs.edges.index, graphs.edge_features, relabel_nodes=True)
        assert torch.equal(parts.edges.index[:, places] - own.start, index)
        assert torch.equal(parts.edge_features[places], features)
        assert torch.equal(parts.features[own], graphs.features[wanted])
        assert torch.equal(parts.nodes[own], wanted.nonzero()[:, 0])


def test_numbers_of_the_sampled_graph_are_kept(nodes):
    part = subgraphs(nodes.at(None), torch.tensor([0, 0]), torch.tensor([3, 5]), 1)
    assert part.nodes.tolist() == [3, 5]


def test_a_root_of_each_graph(graphs, generator):
    drop = torch.zeros(40, dtype=torch.bool)
    drop[12] = True
    roots = torch.stack([draw_roots(graphs.without_nodes(drop), None, generator) for _ in range(300)])
    assert [set(column.tolist()) for column in roots.T] == [set(range(12)), set(range(12, 32)), set(range(32, 39))]
    assert len(draw_roots(graphs, 2, generator)) == 2


def test_roots_are_among_the_examples(nodes, generator):
    assert torch.equal(draw_roots(nodes, None, generator), nodes.seeds)
    drawn = [tuple(sorted(draw_roots(nodes, 2, generator).tolist())) for _ in range(50)]
    assert set(drawn) == {(0, 4), (4, 30), (0, 30)}
