"""Which surroundings belong to which neighbourhood? Legend: R roots, N nodes of all balls or rings, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.graph.hops import Hops
from lit_pretrain.corruptions.graph.subgraphs import draw_roots, subgraphs
from lit_pretrain.kernels.gather import gather, rank, rows_of_ranks
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Layout, Losses, Term


class ContextPrediction(PretrainModule):
    """Context prediction (arXiv 1905.12265): do this neighbourhood and this ring belong to one node?

    The neighbourhood of a root are the nodes at most `hops` away, its ring those more than `inner` and at most `outer` away.
    Nodes in both are anchors. One network encodes neighbourhoods, another one rings:

        h = vector of the root in its neighbourhood,   c = mean of the anchors' vectors in the ring
        loss = -mean of log sigmoid(h c) - negatives * mean of log (1 - sigmoid(h c')),   c' of another root

    The context network is left behind. Base setting: a GIN of 5 layers and one of 3, 300 wide, on molecules; hops 5,
    inner 4, outer 7, one root a graph and one negative. Where nodes are the examples, other roots are of the same graph;
    they are those of all ranks.

    Args:
        encoder: of as many layers as `hops` in the paper.
        context_encoder: as wide; of outer - inner layers in the paper.
        hops, inner, outer: in edges.
        negatives: false rings of each root.
        roots: the most of a batch: of the examples where nodes are, else a random node of each graph; None: all of them.
            Those without anchors are left out.
    """

    def __init__(
        self,
        encoder: Encoder,
        context_encoder: Encoder,
        *,
        hops: int = 5,
        inner: int = 4,
        outer: int = 7,
        negatives: int = 1,
        roots: int | None = 1024,
    ):
        super().__init__()
        if not 0 <= inner < min(hops, outer):
            raise ValueError(f"inner={inner} must be below hops={hops} and outer={outer}: no node would be in both")
        if negatives < 1 or (roots is not None and roots < 2):
            raise ValueError(f"negatives={negatives} must be at least 1 and roots={roots} at least 2")
        if context_encoder.dim != encoder.dim:
            raise ValueError(f"the encoders are {encoder.dim} and {context_encoder.dim} wide: make them equal")
        self.encoder, self.context_encoder, self.mean = encoder, context_encoder, Mean()
        self.hops, self.inner, self.outer, self.negatives, self.roots = hops, inner, outer, negatives, roots

    def loss(self, batch: GraphBatch) -> Losses:
        near = self.near(batch)
        own, context = self.neighbourhoods(batch, near), self.contexts(batch, near)  # (R, D) each
        count, rows = len(own), rows_of_ranks(context)
        every = gather(context, rows)  # of all ranks
        place = torch.arange(count, device=own.device) + sum(rows[: rank()])
        real = F.logsigmoid((own * context).sum(1))
        shifts = range(1, min(self.negatives, len(every) - 1) + 1)
        false = torch.stack([F.logsigmoid(-(own * every[(place - shift) % len(every)]).sum(1)) for shift in shifts])
        return {"own": Term(-real.sum(), count), "others": Term(-false.sum(), count)}

    def near(self, batch: GraphBatch) -> Hops:
        """All nodes of the neighbourhoods and rings of the roots, of those that have anchors.

        Raises:
            ValueError: fewer than two have.
        """
        roots = draw_roots(batch, self.roots, self.generator)
        near = Hops.of(batch.edges, roots, max(self.hops, self.outer))
        anchors = torch.bincount(near.owner[self.anchors(near)], minlength=len(roots))
        near = near.of_roots(anchors > 0)
        if near.num_roots < 2:
            raise ValueError(f"fewer than two roots of a batch have nodes that are more than inner={self.inner} and at most"
                             f" hops={self.hops} edges away: choose a smaller inner, or larger batches")  # fmt: skip
        return near

    def ring(self, near: Hops) -> Tensor:
        """(n,) bool."""
        return (near.distance > self.inner) & (near.distance <= self.outer)

    def anchors(self, near: Hops) -> Tensor:
        """(n,) bool."""
        return self.ring(near) & (near.distance <= self.hops)

    def neighbourhoods(self, batch: GraphBatch, near: Hops) -> Tensor:
        """(R, D) float32."""
        near = near.where(near.distance <= self.hops)
        balls = subgraphs(batch, near.owner, near.node, near.num_roots)
        return self.encoder(balls).units[near.distance == 0].float()

    def contexts(self, batch: GraphBatch, near: Hops) -> Tensor:
        """(R, D) float32."""
        ring = near.where(self.ring(near))
        rings = subgraphs(batch, ring.owner, ring.node, near.num_roots)
        anchors = self.anchors(ring)
        lengths = torch.bincount(ring.owner[anchors], minlength=near.num_roots).tolist()
        units = self.context_encoder(rings).units[anchors].float()
        return self.mean(units, Layout(tuple(lengths), units.device))
