"""Potentials against numpy's pseudo-inverse."""

import numpy as np
import torch

from lit_pretrain.nn.graph_position.electrostatic import Electrostatic
from lit_pretrain.types import Edges, GraphBatch


def test_equals_the_pseudo_inverse(graphs):
    def formula(a):
        inverse = np.linalg.pinv(np.diag(a.sum(1)) - a, hermitian=True)
        v = inverse - inverse.diagonal()
        near = (a / a.sum(1, keepdims=True)) * v
        caused = [v.min(0), v.max(0), v.mean(0), v.std(0, ddof=1)]
        felt = [v.min(1), v.max(1), v.mean(1), v.std(1, ddof=1)]
        return np.stack([*caused, *felt, near.sum(0), near.sum(1)], 1)

    graphs.expect(Electrostatic()(graphs.batch), formula)


def test_a_lone_node_has_no_potential():
    edges, _ = Edges.of(torch.zeros(2, 0, dtype=torch.long), 1)
    assert Electrostatic()(GraphBatch(torch.ones(1, 1), edges, (1,))).eq(0).all()
