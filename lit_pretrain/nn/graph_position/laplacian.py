"""Eigenvectors of the Laplacian (LapPE, arXiv 2003.00982). Legend: G graphs, N nodes, K eigenvectors."""

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from lit_pretrain.nn.graph_position.base import GraphPosition
from lit_pretrain.nn.graph_position.dense import Dense, once
from lit_pretrain.types import Edges, GraphBatch

LARGEST_DENSE = 2048  # nodes of one graph whose eigenvectors are all computed, and not only those that are wanted
ZERO = 1e-10  # eigenvalues below it are 0


class Laplacian(GraphPosition):
    """A node's entries in the eigenvectors of I - D^-1/2 A D^-1/2 with the smallest eigenvalues above 0.

    (There are as many of eigenvalue 0 as the graph has pieces, and they tell nothing but degrees and pieces.) Eigenvectors
    have no sign of their own. In training each is multiplied by 1 or -1 at random in each graph, so that the network learns
    that signs mean nothing; otherwise the sum of the cubes of its entries is positive. Eigenvectors of an eigenvalue that
    occurs more than once are any basis of their space; zeros stand in for those that a small graph lacks. Edges are taken
    both ways. Draws are from torch's generator.

    Args:
        vectors: K.
    """

    def __init__(self, vectors: int = 8):
        super().__init__()
        if vectors < 1:
            raise ValueError(f"vectors={vectors} must be at least 1")
        self.dim = vectors

    def forward(self, inputs: GraphBatch) -> Tensor:
        vectors = eigenvectors(inputs, self.dim)[..., 0]
        if not self.training:
            return vectors
        signs = 2.0 * torch.randint(2, (len(inputs.lengths), self.dim), device=vectors.device) - 1.0
        return vectors * signs[inputs.graphs.example]


def eigenvectors(batch: GraphBatch, vectors: int) -> Tensor:
    """(N, K, 2) float32: a node's entry in each eigenvector, and the eigenvalue."""
    return once(batch.edges, ("eigenvectors", vectors), lambda: _eigenvectors(batch, vectors))


def _eigenvectors(batch: GraphBatch, count: int) -> Tensor:
    if len(batch.lengths) == 1 and batch.num_nodes > LARGEST_DENSE:
        return lanczos(batch.edges, count).float()
    dense = Dense.of(batch)
    values, vectors = dense.spectrum()
    pieces = ((values < ZERO) & dense.valid).sum(1)  # a graph of n nodes has its own in the first n columns
    column = pieces[:, None] + torch.arange(count, device=pieces.device)  # (G, K)
    there = column < dense.valid.sum(1)[:, None]
    column = column.clamp(max=values.shape[1] - 1)
    values = values.gather(1, column) * there
    vectors = vectors.gather(2, column[:, None].expand(-1, vectors.shape[1], -1)) * there[:, None]
    found = torch.stack([_signed(vectors), values[:, None].expand_as(vectors)], -1)  # (G, n, K, 2)
    return dense.nodes(found).float()


def lanczos(edges: Edges, count: int) -> Tensor:
    """(N, K, 2) fp64 of one graph of many more than K nodes, without its matrix: the same up to signs."""
    n, (sources, targets) = edges.num_nodes, edges.index.cpu().numpy()
    adjacency = csr_matrix((np.ones(len(sources)), (targets, sources)), shape=(n, n))
    adjacency = adjacency.maximum(adjacency.T)
    degree = np.asarray(adjacency.sum(1))[:, 0]
    scale = diags(1.0 / np.sqrt(np.maximum(degree, 1.0)))
    similar = scale @ adjacency @ scale + diags((degree == 0).astype(float))  # I - L
    # Its eigenvectors with eigenvalue 1 are known, one for each piece of the graph, and are moved out of the way.
    piece = connected_components(adjacency, directed=False)[1]
    root = np.sqrt(np.maximum(degree, 1.0))
    known = csr_matrix((root / np.sqrt(np.bincount(piece, root**2))[piece], (np.arange(n), piece)))
    others = LinearOperator((n, n), lambda x: similar @ x - 2.0 * (known @ (known.T @ x)), dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    values, vectors = eigsh(others, count, which="LA", v0=start, tol=1e-8)
    order = np.argsort(-values)
    values, vectors = torch.from_numpy(1.0 - values[order]), torch.from_numpy(vectors[:, order])
    found = torch.stack([_signed(vectors[None])[0], values.expand_as(vectors)], -1)
    return found.to(edges.offsets.device)


def _signed(vectors: Tensor) -> Tensor:
    """(G, n, K) with each column's sum of cubes positive."""
    return torch.where((vectors**3).sum(1, keepdim=True) < 0, -vectors, vectors)
