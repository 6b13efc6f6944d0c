"""One sequence a graph, of all its nodes. Legend: N nodes, D width."""

from abc import abstractmethod

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import once
from lit_pretrain.nn.graph_tokenizer.base import GraphTokenizer, GraphTokens
from lit_pretrain.types import Edges, GraphBatch

ROUNDS = 4  # how far the structure that breaks ties is looked at


class NodeOrder(GraphTokenizer):
    """Nodes by rising `keys`; ties are broken by what is around them, and where that is alike by their numbers."""

    def forward(self, x: Tensor, inputs: GraphBatch) -> GraphTokens:
        key = (type(self), repr(sorted(self._init_args.items())))
        order = once(inputs.edges, key, lambda: by_keys([inputs.graphs.example, *self.keys(inputs), *walks(inputs.edges)]))
        place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        return GraphTokens(x[order], inputs.graphs, place)

    @abstractmethod
    def keys(self, inputs: GraphBatch) -> list[Tensor]:
        """(N,) each, the first the most important."""


def walks(edges: Edges) -> list[Tensor]:
    """(N,) fp64 walks of 1, 2, ... edges that end at each node: equal for nodes that look alike, whatever their numbers."""
    counts = [torch.ones(edges.num_nodes, dtype=torch.float64, device=edges.offsets.device)]
    for _ in range(ROUNDS):
        counts.append(torch.zeros_like(counts[0]).index_add_(0, edges.targets, counts[-1][edges.sources]))
    return counts[1:]


def by_keys(keys: list[Tensor]) -> Tensor:
    """(N,) the nodes by rising keys, the first the most important."""
    order = torch.arange(len(keys[0]), device=keys[0].device)
    for key in reversed(keys):
        order = order[torch.argsort(key[order], stable=True)]
    return order
