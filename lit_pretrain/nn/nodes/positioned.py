"""Features of nodes and where the nodes stand in their graph."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lit_pretrain.nn.graph_position.base import GraphPosition
from lit_pretrain.nn.nodes.base import Nodes
from lit_pretrain.types import GraphBatch


class Positioned(Nodes):
    """linear([features, position, ...]): any features with any positional encodings, for any network of graphs.

    Args:
        nodes: makes vectors of features.
        positions: each gives numbers of a node that depend on the edges alone.
        dim: D of what comes out.
    """

    def __init__(self, nodes: Nodes, positions: Sequence[GraphPosition], dim: int):
        super().__init__()
        self.nodes, self.positions, self.dim = nodes, nn.ModuleList(positions), dim
        self.linear = nn.Linear(nodes.dim + sum(position.dim for position in positions), dim)

    def forward(self, inputs: GraphBatch) -> Tensor:
        places = [position(inputs) for position in self.positions]
        return self.linear(torch.cat([self.nodes(inputs), *places], 1))
