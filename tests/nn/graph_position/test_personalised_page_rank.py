"""PageRank against networkx's and against its series."""

import networkx as nx
import numpy as np
import torch

from lit_pretrain.nn.graph_position.personalised_page_rank import PersonalisedPageRank


def test_equals_the_series_of_walks(graphs, walk):
    def formula(a):
        columns = []
        for restart in (0.1, 0.4):
            ranks = sum(restart * (1 - restart) ** k * np.linalg.matrix_power(walk(a), k) for k in range(300))
            columns += [ranks.diagonal(), ranks.sum(1)]
        return np.stack(columns, 1)

    graphs.expect(PersonalisedPageRank((0.1, 0.4))(graphs.batch), formula)


def test_the_second_number_is_networkx_page_rank(graphs):
    def formula(a):
        ranks = nx.pagerank(nx.from_numpy_array(a), alpha=0.85, tol=1e-12)
        return np.array([ranks[i] * len(a) for i in range(len(a))])

    found = PersonalisedPageRank((0.15,))(graphs.batch)
    graphs.expect(found[:, 1], formula)
    assert torch.all(found[:, 0] > 0.15)
