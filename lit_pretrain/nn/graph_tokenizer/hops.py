"""One sequence a node, of its neighbourhoods (NAGphormer, arXiv 2206.04910). Legend: N nodes, D width, K hops."""

import torch
from torch import Tensor

from lit_pretrain.nn.graph_tokenizer.base import GraphTokenizer, GraphTokens
from lit_pretrain.types import GraphBatch, Layout


class Hops(GraphTokenizer):
    """K + 1 tokens of each node: the mean of where walks of K steps from it end, ..., of 1 step, and the node itself.

    It stands for sampled walks, whose mean it is. A walk from a node to which no edge leads stays there.

    Args:
        hops: K.
    """

    def __init__(self, hops: int = 4):
        super().__init__()
        if hops < 1:
            raise ValueError(f"hops={hops} must be at least 1")
        self.hops = hops

    def forward(self, x: Tensor, inputs: GraphBatch) -> GraphTokens:
        degree = inputs.edges.degrees[:, None]
        tokens = [x]
        with torch.autocast(x.device.type, enabled=False):  # sparse products know no bf16 on every device
            for _ in range(self.hops):
                y = tokens[-1].float()
                mean = (inputs.edges.matrix @ y) / degree.clamp(min=1)
                tokens.append(torch.where(degree > 0, mean, y).to(x.dtype))
        return path_tokens(tokens[::-1])


def path_tokens(tokens: list[Tensor]) -> GraphTokens:
    """L x (N, D), from the farthest to the node itself -> a sequence of L tokens for each node, read at its last."""
    count, length = len(tokens[0]), len(tokens)
    layout = Layout((length,) * count, tokens[0].device)
    last = torch.arange(count, device=layout.device) * length + length - 1
    return GraphTokens(torch.stack(tokens, 1).flatten(0, 1), layout, last)
