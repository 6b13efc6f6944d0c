"""Linked nodes have similar surroundings. Legend: N nodes, U units, M unlinked nodes of a unit, D width."""

import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.graph.triplets import triplets
from lit_pretrain.nn.pooling.ego import EgoSum
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term


class GraphPrompt(PretrainModule):
    """The pretraining of GraphPrompt (arXiv 2302.08043): which of some nodes is linked with this one, judged by subgraphs?

        s_v = sum of encoder(graph) over the nodes within `hops` steps of v
        loss = -mean over triplets (v, a linked with v, b not) of log( exp(cos(s_v, s_a) / t) / sum over a, b of exp(...) )

    Each node that is an example is a v, with an a and b's of its own graph that are drawn anew in each step. Subgraph
    similarity is also the template of the tasks (`lit_pretrain.adapt.graph.graphprompt`), so that a prompt can be all that
    they train. Base setting: three layers of GIN and subgraphs of one hop for graphs, one b, t = 1 in the authors' code.

    Args:
        encoder: its units are trained.
        readout: of a node's subgraph.
        temperature: t.
        unlinked: b's of a triplet.
    """

    def __init__(self, encoder: Encoder, readout: EgoSum = EgoSum(), *, temperature: float = 1.0, unlinked: int = 1):
        super().__init__()
        if temperature <= 0 or unlinked < 1:
            raise ValueError(f"temperature={temperature} must be above 0 and unlinked={unlinked} at least 1")
        self.encoder, self.readout = encoder, readout
        self.temperature, self.unlinked = temperature, unlinked

    def loss(self, batch: GraphBatch) -> Losses:
        graph = batch.whole()
        subgraphs = self.readout(self.encoder(graph).units, graph.edges)  # (N, D)
        subgraphs = F.normalize(subgraphs.float(), dim=1)  # norms and softmax in fp32
        node, linked, unlinked, found = triplets(batch, self.unlinked, self.generator)
        others = torch.cat([linked[:, None], unlinked], 1)  # (U, 1 + M)
        scores = (subgraphs[node][:, None] * subgraphs[others]).sum(2) / self.temperature
        nll = -scores.log_softmax(1)[:, 0]
        return {"graphprompt": Term(nll.where(found, 0.0).sum(), found.sum())}
