"""Generated graphs: what their labels say is so, and what must not tell the label does not."""

import networkx
import numpy as np
import pytest

from lit_pretrain.datamodules.graph.graphs import Graphs
from lit_pretrain.datamodules.graph.source.digits import DigitsGraph
from lit_pretrain.datamodules.graph.source.molecules import ATOM_SIZES, BOND_SIZES, VALENCES, Molecules
from lit_pretrain.datamodules.graph.source.motifs import MOTIFS, Motifs
from lit_pretrain.datamodules.graph.source.stochastic_block import StochasticBlocks, chosen

SIZES = {"train": 80, "validation": 10, "test": 10}


def as_networkx(graphs: Graphs, number: int) -> networkx.Graph:
    one = graphs.choose(np.array([number]))
    found = networkx.DiGraph()
    found.add_nodes_from(range(len(one.features)))
    found.add_edges_from(one.index.T.tolist())
    assert all(found.has_edge(b, a) for a, b in found.edges)
    return found.to_undirected()


def test_molecules_have_as_many_rings_as_their_label_says():
    found = Molecules(SIZES).graphs("train")
    for number, label in enumerate(found.labels):
        graph = as_networkx(found, number)
        rings = networkx.minimum_cycle_basis(graph)
        assert networkx.is_connected(graph) and len(rings) == label and {len(ring) for ring in rings} <= {5, 6}
    assert np.bincount(found.labels).min() > 8 and len(Molecules().class_names) == 4


def test_valences_are_kept_and_some_bonds_are_double():
    found = Molecules(SIZES, double=0.5).graphs("train")
    firsts = np.repeat(np.cumsum(found.nodes) - found.nodes, found.edges)
    orders = np.bincount(found.index[1] + firsts, found.edge_features[:, 0] + 1, len(found.features))
    assert (orders <= VALENCES[found.features[:, 0]]).all() and (orders >= 1).all()
    assert found.features.max() < ATOM_SIZES[0] and set(found.edge_features[:, 0]) == set(range(BOND_SIZES[0]))
    assert set(found.features[:, 0]) == set(range(4))


def test_the_number_of_atoms_says_nothing_of_the_rings():
    found = Molecules({**SIZES, "train": 400}, atoms=(18, 20)).graphs("train")
    means = [found.nodes[found.labels == rings].mean() for rings in range(4)]
    assert max(means) - min(means) < 0.4 and set(found.nodes) == {18, 19, 20}


@pytest.mark.parametrize("rings", [0, 1])
def test_small_molecules(rings):
    found = Molecules(SIZES, atoms=(1, 2) if rings == 0 else (6, 6), rings=rings).graphs("train")
    assert len(found) == 80 and found.unreadable == () and set(found.labels) == set(range(rings + 1))


def test_motifs_stand_in_their_graphs():
    found = Motifs(SIZES, copies=2).graphs("train")
    for number, label in enumerate(found.labels[:30]):
        name = list(MOTIFS)[label]
        graph, motif = as_networkx(found, number), networkx.Graph(MOTIFS[name])
        assert networkx.is_connected(graph) and graph.number_of_edges() - graph.number_of_nodes() + 1 == 2 * (
            motif.number_of_edges() - motif.number_of_nodes() + 1
        )
        matcher = networkx.algorithms.isomorphism.GraphMatcher(graph, motif)
        assert name == "star" or matcher.subgraph_is_isomorphic()


@pytest.mark.parametrize("source", [Motifs(SIZES), Molecules(SIZES)])
def test_a_split_is_the_same_each_time_and_unlike_the_others(source):
    first, again, other = source.graphs("train"), source.graphs("train"), source.graphs("test")
    assert np.array_equal(first.index, again.index) and np.array_equal(first.features, again.features)
    assert len(other) == 10 and not np.array_equal(first.choose(np.arange(10)).features, other.features)
    assert source.fingerprint("train") != source.fingerprint("test")


def test_links_of_blocks_have_their_chances():
    source = StochasticBlocks((400, 300, 200), 0.05, 0.01, labelled=20)
    graph = source.graph()
    matrix, labels = graph.edges.matrix.to_dense().numpy(), graph.labels
    assert np.array_equal(matrix, matrix.T) and not matrix.diagonal().any()
    assert np.bincount(labels).tolist() == [400, 300, 200] and len(source.class_names) == 3
    for first in range(3):
        for second in range(first, 3):
            own = matrix[labels == first][:, labels == second]
            pairs = own.size if first != second else own.shape[0] * (own.shape[0] - 1)
            chance = 0.05 if first == second else 0.01
            deviation = (chance * (1 - chance) / (pairs / (1 if first != second else 2))) ** 0.5
            assert abs(own.sum() / pairs - chance) < 4 * deviation
    assert abs(np.corrcoef(np.arange(900), labels)[0, 1]) < 0.1  # a node's number says nothing


def test_features_of_blocks_are_noisy_and_their_means_differ():
    graph = StochasticBlocks((500, 500), noise=4.0).graph()
    features = graph.features.numpy()
    means = np.stack([features[graph.labels == block].mean(0) for block in range(2)])
    within = features - means[graph.labels]
    assert abs(within.std() - 4) < 0.1 and np.abs(means[0] - means[1]).max() > 1


def test_splits_of_blocks():
    splits = StochasticBlocks((50, 70), labelled=10).graph().splits
    assert {split: len(nodes) for split, nodes in splits.items()} == {"train": 20, "validation": 25, "test": 75}
    assert sorted(np.concatenate(list(splits.values()))) == list(range(120))


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.9, 1.0])
def test_each_number_is_chosen_by_itself(chance):
    rng = np.random.default_rng(0)
    counts = sum(np.bincount(chosen(20, chance, rng), minlength=20) for _ in range(2000))
    assert np.abs(counts / 2000 - chance).max() <= 4 * (chance * (1 - chance) / 2000) ** 0.5
    assert chosen(0, 0.5, rng).size == 0 or chance == 0


def test_digits_are_linked_with_what_looks_like_them():
    graph = DigitsGraph(neighbours=3, labelled=5).graph()
    sources, targets = graph.edges.index.numpy()
    assert (graph.labels[sources] == graph.labels[targets]).mean() > 0.9 and graph.edges.degrees.min() >= 3
    assert np.bincount(graph.labels[graph.splits["train"]]).tolist() == [5] * 10


def test_mistakes():
    for wrong in ({"atoms": (17, 20)}, {"atoms": (20, 18)}, {"rings": -1}, {"double": 2.0}, {"atoms": (0, 3), "rings": 0}):
        with pytest.raises(ValueError, match="must rise from at least 1"):
            Molecules(**wrong)
    for source in (Molecules, Motifs):
        with pytest.raises(ValueError, match="are no splits"):
            source({"dev": 3})
    for wrong in ({"p_in": 1.5}, {"features": 0}, {"noise": -1.0}):
        with pytest.raises(ValueError, match="must be chances"):
            StochasticBlocks(**wrong)
    for wrong in ({"sizes": ()}, {"sizes": (20, 30), "labelled": 20}, {"labelled": 0}):
        with pytest.raises(ValueError, match="labelled="):
            StochasticBlocks(**wrong)
