"""What training may know: the labels of the nodes of its own split."""

import torch

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.digits import DigitsGraph


def test_training_batches_show_labels_of_the_training_split_alone() -> None:
    data = GraphDataModule(DigitsGraph())
    batches = iter(data.loader("train", shuffle=True))
    batch, graph = next(batches), data.graph()
    train = torch.from_numpy(graph.splits["train"])
    assert batch.seeds.tolist() == list(range(1797)) and len(train) == 200
    assert torch.equal((batch.labels >= 0).nonzero()[:, 0], train)
    assert torch.equal(batch.labels[train], torch.from_numpy(graph.labels)[train])
    assert next(batches).edges is batch.edges is graph.edges  # the whole graph is one object in all steps
    test = next(iter(data.loader("test", shuffle=False, labelled=True)))
    assert (test.labels >= 0).all() and torch.equal(test.labels, torch.from_numpy(graph.labels)[test.index])
