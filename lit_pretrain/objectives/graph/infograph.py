"""Nodes find their graph. Legend: U nodes of a rank, G graphs of all ranks, D width."""

import torch
import torch.nn.functional as F

from lit_pretrain.kernels.gather import gather, rank, rows_of_ranks
from lit_pretrain.nn.head.projection import Projection
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term


class InfoGraph(PretrainModule):
    """InfoGraph (arXiv 1908.01000): which graph of the batch does this node come from?

        score(u, g) = node_head(vector of node u) . graph_head(vector of graph g)
        loss = mean of softplus(-score) over each node and its own graph
             + mean of softplus(score) over each node and every other graph

    This is 2 log 2 minus the Jensen-Shannon estimate of the mutual information between nodes and graphs. Both heads are left
    behind. Base setting (of the paper's code): GIN with 3 to 5 layers, 32 wide, sums as pooling, `ShortcutMLP` heads, 128
    graphs a batch, Adam.

    The paper takes the vectors of all layers side by side; here the encoder decides (`jk: cat` with `mapped: false` of
    `PyGEncoder`). The optional prior on graph vectors of its code is left out. Other graphs are those of all ranks.

    Args:
        encoder: its units and its pooled vector are trained.
        node_head, graph_head: to one common width; `nn.head.shortcut_mlp.ShortcutMLP` in the paper's code.

    Raises:
        ValueError: a batch holds one graph, or the heads differ in width.
    """

    def __init__(self, encoder: Encoder, node_head: Projection, graph_head: Projection):
        super().__init__()
        if node_head.out != graph_head.out:
            raise ValueError(f"node_head gives {node_head.out} numbers and graph_head {graph_head.out}: make them equal")
        self.encoder, self.node_head, self.graph_head = encoder, node_head, graph_head

    def loss(self, batch: GraphBatch) -> Losses:
        rows = [1] if batch.seeds is not None else rows_of_ranks(batch.graphs.offsets[1:])  # graphs of each rank
        if sum(rows) < 2:
            raise ValueError("InfoGraph tells the graphs of a batch apart, and this batch holds one graph: use data of many"
                             " graphs in batches of two and more (graphs_per_batch), or DGI for nodes")  # fmt: skip
        encoded = self.encoder(batch)
        vectors = gather(self.graph_head(encoded.pooled).float(), rows)  # (G, D)
        scores = self.node_head(encoded.units).float() @ vectors.T  # (U, G)
        graphs = torch.arange(len(vectors), device=scores.device)
        own = batch.layout.example[:, None] + sum(rows[: rank()]) == graphs
        found = F.softplus(-scores).masked_fill(~own, 0.0).sum()
        refused = F.softplus(scores).masked_fill(own, 0.0).sum()
        return {"own": Term(found, len(scores)), "others": Term(refused, len(scores) * (len(graphs) - 1))}
