"""Held-out edges are seen by nobody, and no pair is a wrong example."""

import numpy as np
import pytest
import torch

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.pairs import unlinked
from lit_pretrain.datamodules.graph.sampling.neighbours import Neighbours
from lit_pretrain.datamodules.graph.source.base import NodeSource
from lit_pretrain.datamodules.graph.source.digits import DigitsGraph
from lit_pretrain.datamodules.graph.source.held_out_edges import HeldOutEdges
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.downstream import fingerprint
from lit_pretrain.downstream.labelled import Labelled
from lit_pretrain.part import trust

trust([__name__])


class Ring(NodeSource):
    """40 nodes in a ring, each with an edge to the next and, for the even ones, back; an edge's feature is its number."""

    class_names = ("a", "b")

    def graph(self) -> NodeGraph:
        forward = np.stack([np.arange(40), (np.arange(40) + 1) % 40])
        index = np.concatenate([forward, forward[::-1, ::2]], 1)
        features = np.arange(60, dtype=np.float32)[:, None]
        graph = Graph(np.eye(40, dtype=np.float32), index, features)
        return NodeGraph.of(graph, "ring", np.arange(40) % 2, {"train": np.arange(40)})

    def fingerprint(self, split: str) -> str:
        return "ring"


def sets(pairs: np.ndarray | torch.Tensor) -> list[frozenset[int]]:
    return [frozenset(pair) for pair in pairs.tolist()]


@pytest.mark.parametrize("source", [Ring(), DigitsGraph(noise=0.0)])
def test_held_out_links_are_gone_in_both_directions_and_all_links_are_in_one_split(source):
    whole, seen = source.graph(), HeldOutEdges(source, 0.1, 0.2).graph()
    every, left = set(sets(whole.edges.index.T)), set(sets(seen.edges.index.T))
    linked = {split: sets(seen.pairs[split].nodes[seen.pairs[split].labels == 1]) for split in SPLITS}
    assert sum(map(len, linked.values())) == len(every) == len(set().union(*linked.values()))
    assert set(linked["train"]) == left and not left & set(linked["validation"] + linked["test"])
    assert len(linked["validation"]) == round(0.1 * len(every)) and len(linked["test"]) == round(0.2 * len(every))
    for split, allowed in (("train", left), ("validation", every), ("test", every)):
        pairs = seen.pairs[split]
        apart = sets(pairs.nodes[pairs.labels == 0])
        assert len(apart) == len(linked[split]) and all(len(pair) == 2 for pair in apart)
        assert not set(apart) & allowed


def test_features_stay_with_their_edges():
    whole, seen = Ring().graph(), HeldOutEdges(Ring(), 0.1, 0.2).graph()

    def featured(graph: NodeGraph) -> set[tuple]:
        return {(*edge, float(x)) for edge, x in zip(graph.edges.index.T.tolist(), graph.edge_features[:, 0], strict=True)}

    assert featured(seen) < featured(whole)


def test_the_choice_follows_the_seed():
    first, again, other = (HeldOutEdges(Ring(), seed=seed).graph().pairs for seed in (0, 0, 1))
    for split in SPLITS:
        assert np.array_equal(first[split].nodes, again[split].nodes)
    assert not np.array_equal(first["test"].nodes, other["test"].nodes)
    assert HeldOutEdges(Ring()).fingerprint("train") != HeldOutEdges(Ring(), seed=1).fingerprint("train")


@pytest.mark.parametrize("sampling", [None, Neighbours((3, 2), batch_size=16)])
def test_batches_hold_pairs_of_units(sampling):
    source = HeldOutEdges(Ring(), 0.1, 0.2)
    data = GraphDataModule(source, **({"labelled_sampling": sampling} if sampling else {}))
    for split in SPLITS:
        found, labels = [], []
        for batch in Labelled(data).loader(split, shuffle=False):
            found += sets(batch.index[batch.pairs])
            labels.append(batch.pair_labels)
            assert batch.pairs.max() < batch.num_units and batch.labels is None
        pairs = data.graph().pairs[split]
        labels = torch.cat(labels).tolist()
        linked = [pair for pair, label in zip(found, labels, strict=True) if label]
        assert linked == sets(pairs.nodes[pairs.labels == 1]) and sum(labels) == len(labels) / 2
        if split != "train":
            assert found == sets(pairs.nodes)
    assert data.pair_names == Labelled(data).pair_names == ("unlinked", "linked") and data.class_names == ()


def test_pairs_of_training_that_are_not_linked_are_new_in_each_epoch():
    data = GraphDataModule(HeldOutEdges(Ring(), 0.1, 0.2))
    loader, drawn = data.loader("train", shuffle=True, labelled=True), []
    for _ in range(2):
        (batch,) = loader
        nodes = batch.index[batch.pairs]
        drawn.append(set(sets(nodes[batch.pair_labels == 0])))
        assert set(sets(nodes[batch.pair_labels == 1])) == set(sets(data.graph().edges.index.T))
        assert not drawn[-1] & set(sets(data.graph().edges.index.T))
    assert drawn[0] != drawn[1]


def test_a_limit_is_balanced_and_pretraining_sees_the_graph_alone():
    data = GraphDataModule(HeldOutEdges(Ring(), 0.1, 0.2))
    (batch,) = data.loader("train", shuffle=False, labelled=True, limit=10, seed=3)
    assert batch.pair_labels.sum() == 5 and len(batch.pairs) == 10
    plain = next(iter(data.loader("train", shuffle=True)))
    assert plain.pairs is None and plain.num_examples == 40 and plain.whole().pairs is None
    assert len(plain.edges) == len(data.graph().edges) < 60
    assert fingerprint.of_data(data) != fingerprint.of_data(GraphDataModule(HeldOutEdges(Ring(), 0.1, 0.2, seed=1)))


def test_unlinked_pairs_have_equal_chances():
    linked = np.array([0 * 4 + 1, 2 * 4 + 3])  # of 4 nodes
    drawn = unlinked(torch.arange(8000), 4, linked)
    counts = np.bincount(drawn.min(1) * 4 + drawn.max(1), minlength=16)
    assert sorted(counts.nonzero()[0]) == [2, 3, 6, 7] and abs(counts[[2, 3, 6, 7]] - 2000).max() < 200


def test_impossible_choices_are_named():
    for shares in ((0.0, 0.1), (0.6, 0.4)):
        with pytest.raises(ValueError, match="must be shares above 0"):
            HeldOutEdges(Ring(), *shares)
    with pytest.raises(ValueError, match="40 links are too few"):
        HeldOutEdges(Ring(), 0.001, 0.1).graph()
    with pytest.raises(ValueError, match="nothing to tell from links"):
        unlinked(torch.arange(3), 3, np.array([1, 2, 5]))
