"""Tasks by name, over one encoding of what they share."""

import pytest
import torch

from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.graph_task.attribute_mask import AttributeMask
from lit_pretrain.nn.graph_task.node_property import NodeProperty
from lit_pretrain.nn.graph_task.pairwise_distance import PairwiseDistance
from lit_pretrain.nn.graph_task.pool import Encodings, TaskPool
from lit_pretrain.nn.nodes.raw import Raw


def test_the_clean_graph_is_encoded_once_and_units_are_the_examples(drawn, make, generator):
    torch.manual_seed(0)
    encoder, calls = PyGEncoder(Raw(4), dim=8, maskable=True), []
    encoder.register_forward_hook(lambda *args: calls.append(1))
    pool = TaskPool([NodeProperty(8), NodeProperty(8, ["degree"]), PairwiseDistance(8), AttributeMask(8, 4)])
    assert list(pool) == ["NodeProperty", "NodeProperty2", "PairwiseDistance", "AttributeMask"]
    batch = make([drawn], seeds=torch.tensor([4, 2, 30]))
    found = pool.ask(Encodings(encoder, batch), generator)
    assert len(calls) == 2 and all(len(losses.sum) == len(losses.count) == 3 for losses in found.values())
    assert found["NodeProperty"].count.tolist() == [1.0] * 3
    task, units = pool["NodeProperty"], encoder(batch.whole()).units
    whole = task.loss(units, batch, task.corrupt(batch, generator), generator)
    torch.testing.assert_close(found["NodeProperty"].sum, whole.sum[[4, 2, 30]])


def test_no_task_is_refused():
    with pytest.raises(ValueError, match="at least one task"):
        TaskPool([])
