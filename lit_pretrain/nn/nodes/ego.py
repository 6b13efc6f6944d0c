"""What a node of an anonymous graph is known by. Legend: G graphs, N nodes, n nodes of the largest graph, K eigenvectors."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.graph_position.dense import Dense
from lit_pretrain.nn.nodes.base import Nodes, check_features
from lit_pretrain.types import GraphBatch

SAME = 1e-5  # eigenvalues that are nearer to each other than this are one


class EgoFeatures(Nodes):
    """[eigenvectors, degree embedding, root]: the structural features of GCC (arXiv 2006.09963).

    The eigenvectors are those of the smallest eigenvalues of the normalised Laplacian, and a node's K numbers are scaled to
    unit length. Eigenvectors have no sign of their own, and those of one eigenvalue no direction, so numbering the nodes
    anew changes them. Therefore each number is its root mean square over the eigenvectors of its eigenvalue: its absolute
    value where there is one. (The paper's code takes the signs that its solver happens to give.)

    Args:
        eigenvectors: K.
        max_degree: nodes of more edges are embedded like those of so many.
        degree_dim: width of the embedding.
    """

    def __init__(self, eigenvectors: int = 32, max_degree: int = 128, degree_dim: int = 16):
        super().__init__()
        if eigenvectors < 1 or max_degree < 1:
            raise ValueError(f"eigenvectors={eigenvectors} and max_degree={max_degree} must be at least 1")
        self.eigenvectors, self.dim = eigenvectors, eigenvectors + degree_dim + 1
        self.degree = nn.Embedding(max_degree + 1, degree_dim)

    def forward(self, inputs: GraphBatch) -> Tensor:
        check_features(inputs, 1, categories=False)  # of an EgoBatch
        degrees = inputs.edges.degrees.clamp(max=self.degree.num_embeddings - 1)
        return torch.cat([unsigned(inputs, self.eigenvectors), self.degree(degrees), inputs.features], 1)


@torch.no_grad()
def unsigned(inputs: GraphBatch, count: int) -> Tensor:
    """(N, K) float32; zeros stand in for the eigenvectors that a graph of fewer than K nodes lacks."""
    dense = Dense.of(inputs)
    values, vectors = dense.spectrum()  # (G, n), (G, n, n)
    space = F.pad((values.diff(dim=1) > SAME).long(), (1, 0)).cumsum(1)  # (G, n), equal where eigenvalues are
    space = space[:, None].expand_as(vectors)
    squares = torch.zeros_like(vectors).scatter_reduce(2, space, vectors.square(), "mean", include_self=False)
    numbers = squares.gather(2, space).sqrt() * dense.valid[:, None]
    numbers = F.normalize(dense.nodes(numbers)[:, :count], dim=1).float()
    return F.pad(numbers, (0, count - numbers.shape[1]))
