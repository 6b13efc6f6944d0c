"""Connected random graphs of several sizes, without symmetries to speak of, and the same with their nodes relabelled."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse.csgraph
import torch

from lit_pretrain.types import Edges, GraphBatch


@dataclass
class Some:
    """Random graphs, dense and as a batch."""

    matrices: list[np.ndarray]

    @property
    def batch(self) -> GraphBatch:
        lengths = [len(a) for a in self.matrices]
        starts = np.cumsum([0, *lengths])
        index = np.concatenate([np.argwhere(a).T[::-1] + s for a, s in zip(self.matrices, starts[:-1], strict=True)], 1)
        edges, _ = Edges.of(torch.from_numpy(np.ascontiguousarray(index)), int(starts[-1]))
        return GraphBatch(torch.ones(int(starts[-1]), 1), edges, tuple(lengths))

    def expect(self, found: torch.Tensor, formula, tolerance: float = 1e-5) -> None:
        """Row by row what a formula says of each matrix."""
        expected = np.concatenate([formula(a) for a in self.matrices])
        torch.testing.assert_close(found.double(), torch.from_numpy(expected), rtol=tolerance, atol=tolerance)

    def relabelled(self, seed: int = 0) -> tuple["Some", torch.Tensor]:
        """Others with row i the old row order[i], and the order over the whole batch."""
        rng, matrices, orders, start = np.random.default_rng(seed), [], [], 0
        for a in self.matrices:
            order = rng.permutation(len(a))
            matrices.append(a[np.ix_(order, order)])
            orders.append(order + start)
            start += len(a)
        return Some(matrices), torch.from_numpy(np.concatenate(orders))


def random_graph(nodes: int, seed: int) -> np.ndarray:
    """A random tree and some more edges."""
    rng = np.random.default_rng(seed)
    a = np.zeros((nodes, nodes))
    for i in range(1, nodes):
        a[i, rng.integers(i)] = 1
    a = np.maximum(a, np.triu(rng.random((nodes, nodes)) < 0.3, 1))
    return np.maximum(a, a.T)


@pytest.fixture
def graphs() -> Some:
    return Some([random_graph(n, seed) for seed, n in enumerate((9, 14, 11))])


@pytest.fixture
def walk():
    """A D^-1 of a matrix."""
    return lambda a: a / a.sum(0, keepdims=True)


@pytest.fixture
def laplacian():
    """I - D^-1/2 A D^-1/2 of a matrix."""
    return lambda a: scipy.sparse.csgraph.laplacian(a, normed=True)
