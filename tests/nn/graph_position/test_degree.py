"""Degrees as one-hot vectors, the last of which all high degrees share."""

import numpy as np

from lit_pretrain.nn.graph_position.degree import Degree


def test_is_one_hot_up_to_the_largest(graphs):
    graphs.expect(Degree(3)(graphs.batch), lambda a: np.eye(4)[np.minimum(a.sum(1), 3).astype(int)])
