"""Two altered copies of a graph find each other. Legend: B examples, D width."""

from functools import partial

import torch
from torch import Tensor

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.losses.nt_xent import nt_xent
from lit_pretrain.nn.head.projection import Projection
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term
from lit_pretrain.types.graph_picture import drawn_changes


class GraphCL(PretrainModule):
    """GraphCL (arXiv 2010.13902): of all graphs of the batch, which is the same one, altered in another way?

        z_i = projector(pooled vector of view i of the graph),   loss = NT-Xent(z_1, z_2)   (see `losses.nt_xent`)

    A view is a graph that was altered by one augmentation, drawn from a pool. The projector is left behind. Base setting (of
    the paper's code for small graphs): GIN with 3 to 5 layers, `OneOf` node dropping, edge perturbation, attribute masking
    and walk subgraphs, temperature 0.2, 128 graphs a batch, Adam.

    Differences: the paper draws an augmentation for each graph, here `OneOf` draws it for the whole batch; and its negatives
    are the other view of other graphs, here both views of them, over all ranks.

    Where nodes are the examples, the same loss tells nodes apart by their own vectors. That is the contrast of GRACE (arXiv
    2006.04131), which drops edges and masks features.

    Args:
        encoder: its pooled vector is trained.
        projector: two layers in the paper (`nn.head.plain_mlp.PlainMLP`).
        first, second: make the views.
        temperature: 0.2 in the paper's code for graphs, 0.4 to 0.9 in GRACE.
    """

    def __init__(
        self,
        encoder: Encoder,
        projector: Projection,
        first: GraphCorruption,
        second: GraphCorruption,
        *,
        temperature: float = 0.2,
    ):
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} must be above 0")
        self.encoder, self.projector, self.temperature = encoder, projector, temperature
        self.augmentations = (first, second)

    def loss(self, batch: GraphBatch) -> Losses:
        views = [augmentation(batch, self.generator) for augmentation in self.augmentations]
        first, second = (self.projector(self.encoder(view).pooled) for view in views)  # (B, D)
        n = len(first)  # ranks may differ in it
        return {"nt_xent": Term(n * nt_xent(first, second, self.temperature), n)}

    @torch.no_grad()
    def pictures(self, batch: GraphBatch) -> dict[str, Tensor]:
        """Rows of original, first view, second view: (B, 3, C, H, W) between 0 and 1 (see `drawn_changes`)."""
        changes = [partial(augmentation, generator=self.generator) for augmentation in self.augmentations]
        return {"altered: original, first view, second view": drawn_changes(batch, changes)}
