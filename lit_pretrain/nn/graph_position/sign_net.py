"""Eigenvectors without their signs (SignNet, arXiv 2202.13013). Legend: N nodes, K eigenvectors, H hidden width, D width."""

from functools import partial

import torch
from torch import Tensor, nn

from lit_pretrain.nn.graph_position.base import GraphPosition
from lit_pretrain.nn.graph_position.laplacian import eigenvectors
from lit_pretrain.types import Edges, GraphBatch


class SignNet(GraphPosition):
    """rho([phi(v_i, l_i) + phi(-v_i, l_i)] for i = 1 ... K), with v_i and l_i the eigenvectors and values of the Laplacian.

    phi passes messages as GIN does, h <- MLP(h + sum over neighbours of h), so that it sees how a node's sign differs from
    its neighbours'; one phi serves all eigenvectors. rho is an MLP. See `Laplacian` for what else eigenvectors leave open.

    Args:
        vectors: K.
        dim: D.
        hidden: H.
        num_layers: of messages in phi.
    """

    def __init__(self, vectors: int = 8, dim: int = 16, hidden: int = 32, num_layers: int = 2):
        super().__init__()
        if vectors < 1 or num_layers < 1:
            raise ValueError(f"vectors={vectors} and num_layers={num_layers} must be at least 1")
        self.vectors, self.dim = vectors, dim
        self.phi = nn.ModuleList(_mlp(2 if i == 0 else hidden, hidden, hidden) for i in range(num_layers))
        self.rho = _mlp(vectors * hidden, hidden, dim)

    def forward(self, inputs: GraphBatch) -> Tensor:
        found = eigenvectors(inputs, self.vectors)  # (N, K, 2)
        flipped = torch.stack([-found[..., 0], found[..., 1]], -1)
        phi = partial(self._phi, edges=inputs.edges)
        return self.rho((phi(found) + phi(flipped)).flatten(1))

    def _phi(self, h: Tensor, edges: Edges) -> Tensor:
        """(N, K, 2) -> (N, K, H)."""
        with torch.autocast(h.device.type, enabled=False):  # sparse products know no bf16 on every device
            for mlp in self.phi:
                h = mlp(h + (edges.matrix @ h.flatten(1)).view_as(h))
        return h


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
