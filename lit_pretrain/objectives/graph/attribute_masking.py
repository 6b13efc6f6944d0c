"""Kinds of hidden nodes from the graph around them.

Legend: N nodes, C columns of categories, V categories of all columns, M hidden nodes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term
from lit_pretrain.types.graph_picture import drawn_prediction


class AttributeMasking(PretrainModule):
    """Attribute masking (arXiv 1905.12265): of which kind are the nodes that are hidden?

    The features of the hidden nodes are replaced by a learned vector, and a linear map of the encoder's vectors tells what
    they were:

        loss = -mean over hidden nodes of the sum over columns of log p(category | graph with hidden nodes)

    The linear map is left behind. Base setting: GIN of 5 layers, 300 wide, Adam at 0.001, 15 % of the atoms of molecules
    hidden. The paper's code predicts the kind of an atom alone, and also hides the features of edges at hidden nodes; here
    all columns are predicted, and edges stay as they are.

    Args:
        encoder: built with maskable=true, of nodes that are categories.
        sizes: categories of each column.
        masking: which nodes are hidden.
    """

    def __init__(self, encoder: Encoder, sizes: Sequence[int], *, masking: RandomUnits = RandomUnits(0.15)):
        super().__init__()
        self.encoder, self.sizes, self.masking = encoder, list(sizes), masking
        self.head = nn.Linear(encoder.dim, sum(sizes))

    def loss(self, batch: GraphBatch) -> Losses:
        graph = batch.whole()
        features = graph.features
        if features.is_floating_point() or features.shape[1] != len(self.sizes):
            raise ValueError(f"sizes={self.sizes}: the nodes have {features.shape[1]} columns of {features.dtype}, and"
                             " int64 categories of as many columns are wanted; for numbers use GraphMAE")  # fmt: skip
        hidden = self.masking(graph.layout, self.generator)  # (N,) bool
        units = self.encoder(graph, mask=hidden).units  # (N, D)
        wanted = hidden & batch.of_nodes(hidden.new_ones(batch.num_units))  # of a sampled part, its examples alone
        scores = self.head(units[wanted]).float().split(self.sizes, 1)  # C of (M, V of the column)
        columns = zip(scores, features[wanted].T, strict=True)
        return {"kinds": Term(sum(F.cross_entropy(s, kind, reduction="sum") for s, kind in columns), wanted.sum())}

    @torch.no_grad()
    def pictures(self, batch: GraphBatch) -> dict[str, Tensor]:
        """Hidden nodes, prediction in their place, original: (B, 3, C, H, W) between 0 and 1 (see `drawn_prediction`)."""
        graph = batch.whole()
        hidden = self.masking(graph.layout, self.generator)
        scores = self.head(self.encoder(graph, mask=hidden).units).split(self.sizes, 1)
        told = torch.stack([column.argmax(1) for column in scores], 1)
        return {"kinds: hidden, predicted, original": drawn_prediction(batch, hidden, told)}
