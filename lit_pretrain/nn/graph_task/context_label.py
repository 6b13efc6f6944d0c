"""Which classes are around a node. Legend: N nodes, D width, F features of a node, C classes."""

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from lit_pretrain.kernels.gather import gather, of_first_rank
from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, relative_error
from lit_pretrain.nn.graph_task.structure import within_two_hops
from lit_pretrain.nn.quantizer.kmeans import kmeans, nearest
from lit_pretrain.types import Edges, GraphBatch

ITERATIONS = 20  # of k-means, and of label propagation


class ContextLabel(GraphTask):
    """ContextLabel (arXiv 2006.10141): which classes have the nodes within two edges, and how often?

    softmax of a linear map of the encoder's vector gives the shares. With labels="labels" the classes are those of the
    labelled nodes, spread over the graph by label propagation, as in the paper. With "features" no label is needed, which is
    no part of the paper: classes are k-means clusters of features that were twice averaged with those of neighbours (fitted
    on the first batch and kept), or the first feature where features are categories.

    Args:
        dim: D.
        classes: C.
        features: F, where clusters of numbers are wanted.
        labels: where classes come from.
    """

    def __init__(
        self,
        dim: int,
        classes: int,
        features: int | None = None,
        labels: Literal["features", "labels"] = "features",
    ):
        super().__init__()
        if classes < 2 or labels not in ("features", "labels"):
            raise ValueError(f"classes={classes} must be at least 2 and labels={labels!r} features or labels")
        self.classes, self.labels, self.head = classes, labels, nn.Linear(dim, classes)
        self.register_buffer("means", torch.zeros(classes, features or 0))
        self.register_buffer("fitted", torch.tensor(False))
        self._fitted = False  # as the buffer has it, without a wait for the device

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        around = within_two_hops(batch.edges)
        asked = around.degrees > 0
        wanted = average(self.classes_of(batch), around)
        losses = relative_error(self.head(nodes).float().softmax(1), wanted)
        return NodeLosses(losses * asked, asked.float())

    @torch.no_grad()
    def classes_of(self, batch: GraphBatch) -> Tensor:
        """(N, C) float32 shares.

        Raises:
            ValueError: labels are wanted and there are none of nodes, or a category is too high.
        """
        if self.labels == "labels":
            if batch.labels is None or batch.seeds is None:
                raise ValueError("these data label no nodes, and labels='labels' asks for them: set labels='features'")
            return propagated(batch, self.classes)
        if batch.features.is_floating_point():
            return functional.one_hot(self.clusters(batch), self.classes).float()
        if (highest := int(batch.features[:, 0].max())) >= self.classes:
            raise ValueError(f"the first feature has category {highest}, and classes={self.classes}: give more classes")
        return functional.one_hot(batch.features[:, 0], self.classes).float()

    def clusters(self, batch: GraphBatch) -> Tensor:
        """(N,) int64."""
        if batch.features.shape[1] != self.means.shape[1]:
            raise ValueError(f"the nodes have {batch.features.shape[1]} features, and ContextLabel was made for"
                             f" {self.means.shape[1]}: set its `features`")  # fmt: skip
        smooth = batch.features.float()
        for _ in range(2):
            smooth = (smooth + average(smooth, batch.edges)) / 2
        if not self._fitted and not bool(self.fitted):
            self.means.copy_(of_first_rank(kmeans(gather(smooth), self.classes, ITERATIONS)[0]))
            self.fitted.fill_(True)
        self._fitted = True
        return nearest(smooth, self.means)


def average(x: Tensor, edges: Edges) -> Tensor:
    """(N, K) -> (N, K) the mean over the nodes that each receives from; zeros where there are none."""
    with torch.autocast(x.device.type, enabled=False):
        return edges.matrix @ x / edges.degrees.clamp(min=1)[:, None]


def propagated(batch: GraphBatch, classes: int) -> Tensor:
    """(N, C) shares of the labels that reach each node; labelled nodes keep their own (label propagation, Zhu 2002)."""
    known = torch.zeros(batch.num_nodes, dtype=torch.bool, device=batch.features.device)
    known[batch.seeds] = batch.labels >= 0
    own = torch.zeros(batch.num_nodes, classes, device=known.device)
    own[batch.seeds] = functional.one_hot(batch.labels.clamp(min=0), classes).float() * (batch.labels >= 0)[:, None]
    found = own
    for _ in range(ITERATIONS):
        found = torch.where(known[:, None], own, average(found, batch.edges))
    return functional.normalize(found, p=1.0)
