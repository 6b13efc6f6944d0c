"""DistanceToClusters: a perfect answer costs nothing, and the answer is the same in each step."""

import pytest
import torch

from lit_pretrain.nn.graph_task.distance_to_clusters import DistanceToClusters
from lit_pretrain.nn.graph_task.structure import centre_distances


def test_distances_are_what_is_wanted(drawn, make, generator):
    batch, task = make([drawn]), DistanceToClusters(3, clusters=3, limit=6)
    distances = centre_distances(batch.edges, batch.graphs, 3, 6).float()
    assert (distances == 0).sum(0).tolist() == [1, 1, 1] and distances.max() == 6
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(3))
        task.head.bias.copy_(-distances.mean(0))
    view = task.corrupt(batch, generator)
    assert task.loss(distances, batch, view, generator).sum.max() < 1e-9
    off = task.loss(distances + 1, batch, view, generator)
    torch.testing.assert_close(off.sum, (1 / distances.var(0, correction=0).mean()).expand(40))


def test_one_cluster_at_least():
    with pytest.raises(ValueError, match="clusters=0"):
        DistanceToClusters(3, clusters=0)
