"""GRIT, a graph transformer without message passing (arXiv 2305.17589). Legend: N nodes, P pairs, D width."""

import torch
from torch import Tensor

from lit_pretrain.nn.block import Block
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.feedforward.base import FeedForward
from lit_pretrain.nn.graph.context import graphs_of
from lit_pretrain.nn.graph.grit_attention import GRITAttention
from lit_pretrain.nn.residual.base import Residual


class GRIT(Block):
    """A block of nodes and pairs of nodes, (N + P, D) -> (N + P, D), the nodes first.

    Nodes pass attention and feed-forward network, pairs the attention alone; norms and shortcuts stand as `residual` says
    around both, with norms of their own. The paper has `PostNorm` with batch norm, and a network 2 D wide with ReLU.

    Args:
        attention: nodes look at nodes, as the vectors of pairs say, and pairs see how.
        feedforward: of each node by itself.
        residual: where norms and shortcuts stand.
    """

    def __init__(self, attention: GRITAttention, feedforward: FeedForward, residual: Residual):
        super().__init__(attention, feedforward, residual)

    def at(self, layer: int, num_layers: int) -> "GRIT":
        own = super().at(layer, num_layers)
        own.pair_residual = self.residual.at(layer, num_layers, num_sublayers=1)
        return own

    def forward(self, x: Tensor, context: Context) -> Tensor:
        graphs, pairs = graphs_of(context), context.pairs
        if pairs is None:
            raise ValueError("GRIT needs vectors of pairs: give the GraphTransformer `pairs`")
        new_pairs = []

        def attend(nodes: Tensor) -> Tensor:
            """The layouts of nodes and of pairs, one inside the other: attention wants both after their norms."""
            out = []

            def attend_with(e: Tensor) -> Tensor:
                of_nodes, of_pairs = self.mixer(nodes, e, pairs, graphs.edges.degrees)
                out.append(of_nodes)
                return of_pairs

            new_pairs.append(self.pair_residual(x[graphs.num_nodes :], [attend_with]))
            return out[0]

        nodes = self.residual(x[: graphs.num_nodes], [attend, self.feedforward])
        return torch.cat([nodes, new_pairs[0]])
