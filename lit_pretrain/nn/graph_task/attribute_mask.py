"""Features of hidden nodes. Legend: N nodes, D width, F features of a node."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, relative_error, relative_nll
from lit_pretrain.types import GraphBatch


class AttributeMask(GraphTask):
    """AttributeMask (arXiv 2006.10141): what are the features of the nodes that are hidden?

    A linear map of the encoder's vector gives them. The encoder has a learned vector for hidden nodes (maskable=true); in
    the paper their features are zero, and numbers alone.

    Args:
        dim: D.
        features: F, where features are numbers.
        sizes: categories of each feature, where they are categories.
        ratio: share of the nodes that is hidden; 0.1 in the published code.
    """

    def __init__(self, dim: int, features: int | None = None, sizes: Sequence[int] | None = None, ratio: float = 0.1):
        super().__init__()
        if (features is None) == (sizes is None):
            raise ValueError(f"features={features}, sizes={sizes}: give one of them, as the encoder's `nodes` have it")
        if not 0 < ratio < 1:
            raise ValueError(f"ratio={ratio}: the share of hidden nodes must lie between 0 and 1")
        self.sizes, self.ratio = None if sizes is None else list(sizes), ratio
        self.head = nn.Linear(dim, features or sum(self.sizes))

    def corrupt(self, batch: GraphBatch, generator: torch.Generator) -> View:
        draws = torch.rand(batch.num_nodes, device=batch.features.device, generator=generator)
        return View(batch.whole(), hidden=draws < self.ratio)

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        asked, predicted = view.hidden, self.head(nodes)
        if self.sizes is None:
            return NodeLosses(relative_error(predicted, batch.features.float()) * asked, asked.float())
        columns = zip(predicted.split(self.sizes, 1), batch.features.T, strict=True)
        losses = torch.stack([relative_nll(logits, classes, asked) for logits, classes in columns])
        return NodeLosses(losses.mean(0), asked.float())
