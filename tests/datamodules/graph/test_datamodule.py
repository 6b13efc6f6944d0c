"""Batches of graphs: budgets, labels, an order that can be resumed, and the same in any number of workers."""

from itertools import islice

import numpy as np
import pytest
import torch

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import Graphs, NodeGraph
from lit_pretrain.datamodules.graph.sampling.neighbours import Neighbours
from lit_pretrain.datamodules.graph.sampling.random_walks import RandomWalks
from lit_pretrain.datamodules.graph.sampling.whole import Whole
from lit_pretrain.datamodules.graph.source.base import GraphSource, NodeSource
from lit_pretrain.datamodules.graph.source.digits import DigitsGraph
from lit_pretrain.datamodules.graph.source.motifs import Motifs
from lit_pretrain.types import GraphBatch

SAMPLINGS = [Whole(3), Neighbours((3, 2), 500), RandomWalks(400, 2)]


class Stars(GraphSource):
    """Graph i has i + 1 nodes, of which the first is tied to all others; labels alternate, and some are unknown."""

    class_names = ("even", "odd")

    def __init__(self, count: int = 40, wrong: int = 0):
        self.count, self.wrong = count, wrong

    def graphs(self, split: str) -> Graphs:
        count = self.count if split == "train" else 0
        return Graphs.of((f"{split} {i}", self._star(i)) for i in range(count))

    def _star(self, i: int) -> Graph:
        index = undirected(np.stack([np.zeros(i, int), np.arange(1, i + 1)]))
        features = np.full((i + 1, 1), np.nan if i < self.wrong else i, np.float32)
        return Graph(features, index, label=i % 2 if i % 5 else None)

    def fingerprint(self, split: str) -> str:
        return f"{self.count}"


def motifs(**settings) -> GraphDataModule:
    return GraphDataModule(Motifs({"train": 50, "validation": 7, "test": 7}), graphs_per_batch=8, **settings)


def same(first: GraphBatch, second: GraphBatch) -> bool:
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in (
            (first.features, second.features), (first.edges.index, second.edges.index), (first.lengths, second.lengths),
            (first.seeds, second.seeds), (first.nodes, second.nodes), (first.index, second.index),
            (first.labels, second.labels),
        )
    )  # fmt: skip


@pytest.mark.parametrize(("graphs", "elements"), [(5, 10_000), (100, 150), (4, 150), (1, 1)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_keep_both_budgets_and_hold_every_graph_once(graphs, elements, shuffle):
    data = GraphDataModule(Stars(), graphs_per_batch=graphs, elements_per_batch=elements, drop_last=False)
    met = []
    for batch in data.loader("train", shuffle=shuffle):
        assert batch.num_examples <= graphs
        assert batch.num_nodes + len(batch.edges) <= elements or batch.num_examples == 1
        met += batch.index.tolist()
    assert sorted(met) == list(range(40)) and (met == sorted(met)) != shuffle


def test_the_rest_of_a_shuffled_epoch_is_left_out_where_it_is_short():
    for rest, left in ((3, 40), (4, 44)):
        data = GraphDataModule(Stars(40 + rest), graphs_per_batch=8, elements_per_batch=10**6)
        assert sum(batch.num_examples for batch in data.loader("train", shuffle=True)) == left
        assert sum(batch.num_examples for batch in data.loader("train", shuffle=False)) == 40 + rest
    for size, batches in ((750, 2), (599, 3), (400, 4), (1796, 1)):  # of 1797 nodes
        data = GraphDataModule(DigitsGraph(), sampling=Neighbours((1,), size))
        assert len(data.loader("train", shuffle=True)) == batches


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: type(sampling).__name__)
@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_loader_of_nodes_goes_on_where_it_stopped(sampling, stop):
    def loader():
        return GraphDataModule(DigitsGraph(), sampling=sampling).loader("train", shuffle=True)

    whole = loader()
    expected = [batch for _ in range(2) for batch in whole]
    first, second = loader(), loader()
    for _ in islice(first, stop):
        pass
    second.load_state_dict(first.state_dict())
    found = [batch for _ in range(2) for batch in second][: len(expected) - stop]
    assert all(same(a, b) for a, b in zip(expected[stop:], found, strict=True))
    size = len(expected) // 2
    if not isinstance(sampling, Whole):
        assert not same(expected[0], expected[size])  # an epoch of its own


def test_a_loader_of_graphs_goes_on_where_it_stopped():
    whole = motifs().loader("train", shuffle=True)
    expected = [batch for _ in range(2) for batch in whole]
    first, second = motifs().loader("train", shuffle=True), motifs().loader("train", shuffle=True)
    for _ in islice(first, 4):
        pass
    second.load_state_dict(first.state_dict())
    found = [batch for _ in range(2) for batch in second]
    assert len(expected) == 12 and all(same(a, b) for a, b in zip(expected[4:], found, strict=True))


@pytest.mark.parametrize("sampling", [None, *SAMPLINGS[1:]], ids=lambda sampling: type(sampling).__name__)
def test_workers_give_the_same_batches(sampling):
    def batches(workers: int) -> list[GraphBatch]:
        if sampling is None:
            data = motifs(num_workers=workers)
        else:
            data = GraphDataModule(DigitsGraph(), sampling=sampling, num_workers=workers)
        return list(data.loader("train", shuffle=True))

    assert all(same(a, b) for a, b in zip(batches(0), batches(2), strict=True))


def test_the_seed_of_the_run_moves_the_order(monkeypatch):
    found = []
    for seed in ("1", "1", "2"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        found.append(next(iter(motifs().loader("train", shuffle=True))).index.tolist())
    assert found[0] == found[1] != found[2]


def test_ranks_share_the_batches_of_an_epoch():
    data = motifs(drop_last=False)
    met = []
    for rank in range(2):
        data.trainer = type("Trainer", (), {"global_rank": rank, "world_size": 2, "default_root_dir": None})()
        data._graphs = {"train": data.source.graphs("train")}
        met.append([batch.index for batch in data.loader("train", shuffle=True)])
    assert len(met[0]) == len(met[1]) and sorted(torch.cat(met[0] + met[1]).tolist()) == list(range(50))


def test_labelled_graphs():
    data = GraphDataModule(Stars(), graphs_per_batch=7)
    found = list(data.loader("train", shuffle=False, labelled=True))
    numbers = torch.cat([batch.index for batch in found])
    assert numbers.tolist() == [i for i in range(40) if i % 5]
    assert torch.equal(torch.cat([batch.labels for batch in found]), numbers % 2)
    few = torch.cat([batch.labels for batch in data.loader("train", shuffle=False, labelled=True, limit=10)])
    assert few.bincount().tolist() == [5, 5]
    with pytest.raises(ValueError, match="Stars has no labelled examples in 'test'"):
        data.loader("test", shuffle=False, labelled=True)
    assert len(data.loader("test", shuffle=False)) == 0 and data.num_classes == 2


def test_training_sees_all_nodes_and_labelled_views_their_split():
    data = GraphDataModule(DigitsGraph(labelled=3), sampling=Neighbours((2,), 300))
    graph = data.graph()
    train = list(data.loader("train", shuffle=True, labelled=True))
    assert len(train) == 1 and sorted(train[0].index.tolist()) == graph.splits["train"].tolist()
    assert len(train[0].seeds) == 30 and train[0].labels.bincount().tolist() == [3] * 10 and train[0].num_nodes == 1797
    assert sorted(torch.cat([batch.index for batch in data.loader("train", shuffle=True)]).tolist()) == list(range(1797))
    assert next(iter(data.val_dataloader())).index.tolist() == graph.splits["validation"].tolist()
    assert sum(len(graph.splits[split]) for split in ("train", "validation", "test")) == 1797


def test_an_epoch_of_the_whole_gives_one_object_so_that_its_edges_keep_what_they_know():
    data = GraphDataModule(DigitsGraph(), sampling=Whole(3))
    first, *others = data.loader("train", shuffle=True)
    assert len(others) == 2 and all(other is first for other in others)
    assert next(iter(data.loader("train", shuffle=True))) is first  # and so does the next one


def test_unsound_graphs_are_left_out_and_too_many_end_the_run():
    with pytest.warns(UserWarning, match="train 1: features of node 0 are no numbers"):
        data = GraphDataModule(Stars(wrong=3), graphs_per_batch=100)
        assert next(iter(data.loader("train", shuffle=False))).num_examples == 37
    with pytest.raises(ValueError, match=r"3 graphs of 'train' are unreadable.*max_unreadable"):
        GraphDataModule(Stars(wrong=3), max_unreadable=2).prepare_data()


def test_a_checkpoint_of_other_graphs_is_refused():
    with pytest.raises(ValueError, match=r"have changed since the checkpoint.*the number of graphs was 40 and is 41"):
        GraphDataModule(Stars(41)).load_state_dict(GraphDataModule(Stars(40)).state_dict())


def test_mistakes():
    for name in ("graphs_per_batch", "elements_per_batch"):
        with pytest.raises(ValueError, match=f"{name}=0 must be at least 1"):
            GraphDataModule(Stars(), **{name: 0})
    with pytest.raises(ValueError, match="split='dev'"):
        motifs().loader("dev", shuffle=False)

    class Lonely(NodeSource):
        def graph(self) -> NodeGraph:
            return NodeGraph.of(Graph(np.zeros((3, 1)), np.zeros((2, 0), int)), "lonely", None, {})

        def fingerprint(self, split: str) -> str:
            return ""

    with pytest.raises(ValueError, match="Lonely has no labelled examples"):
        GraphDataModule(Lonely()).loader("train", shuffle=False, labelled=True)
    for sampling in SAMPLINGS:
        batch = next(iter(GraphDataModule(Lonely(), sampling=sampling).loader("train", shuffle=True)))
        assert batch.num_nodes == 3 and len(batch.edges) == 0 and batch.labels is None
