"""Nodes recognise the summary of their own graph. Legend: N nodes, U units, G graphs, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.corruptions.graph.shuffled_features import ShuffledFeatures
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Layout, Losses, Term


class DGI(PretrainModule):
    """Deep Graph Infomax (arXiv 1809.10341): which vectors belong to this graph, and which to a corrupted copy of it?

        h = encoder(graph),   h~ = encoder(corruption(graph)),   s = sigmoid(mean of h over the graph)
        loss = -1/2 [mean log sigmoid(h W s) + mean log (1 - sigmoid(h~ W s))]

    W is left behind. Base setting: one layer of GCN, 512 wide, with PReLU, Adam at 0.001, the whole graph in a step.

    Args:
        encoder: its units are trained.
        corruption: the paper shuffles the features of nodes.
    """

    def __init__(self, encoder: Encoder, corruption: GraphCorruption = ShuffledFeatures()):
        super().__init__()
        self.encoder, self.corruption, self.mean = encoder, corruption, Mean()
        self.bilinear = nn.Parameter(torch.empty(encoder.dim, encoder.dim))
        nn.init.uniform_(self.bilinear, -(encoder.dim**-0.5), encoder.dim**-0.5)

    def loss(self, batch: GraphBatch) -> Losses:
        real = self.encoder(batch).units  # (U, D)
        false = self.encoder(self.corruption(batch, self.generator)).units
        graphs = batch.units_of_graphs
        summary = self.mean(real, graphs).float().sigmoid()  # (G, D)
        wanted, n = summary @ self.bilinear.T, len(real)
        found, refused = binary_nll(scores(real, wanted, graphs), 1.0), binary_nll(scores(false, wanted, graphs), 0.0)
        return {"real": Term(found, n, 0.5), "corrupted": Term(refused, n, 0.5)}


def scores(units: Tensor, wanted: Tensor, graphs: Layout) -> Tensor:
    """(U, D), (G, D) -> (U,) the product of each unit with what its graph wants; one graph's is not copied to each unit."""
    return units @ wanted[0] if len(wanted) == 1 else (units * wanted[graphs.example]).sum(1)


def binary_nll(scores: Tensor, truth: float) -> Tensor:
    """The sum over scores (U,) of -log p(truth), in fp32."""
    return F.binary_cross_entropy_with_logits(scores.float(), torch.full_like(scores.float(), truth), reduction="sum")
