"""Features of hidden nodes from the graph around them.

Legend: N nodes, F features of a node, U units, D width of the encoder, M hidden nodes.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term
from lit_pretrain.types.graph_picture import drawn_prediction


class GraphMAE(PretrainModule):
    """Masked graph autoencoder (arXiv 2205.10803): what were the features of the nodes that are hidden?

    The features of the hidden nodes are replaced by a learned vector. A network of graphs then reconstructs them from the
    encoder's vectors, where those of the hidden nodes are hidden again (set to zero, re-mask), so that it must look at
    their neighbours:

        z = projection(encoder(masked graph)),   z = 0 at hidden nodes,   y = decoder(z, edges)
        loss = mean over hidden nodes of (1 - cos(y, features))^gamma          (scaled cosine error)

    Projection and decoder are left behind. Base setting: two layers of GAT and one as decoder for nodes, GIN for graphs.

    Args:
        encoder: built with maskable=true.
        decoder: of graphs whose features are D numbers; as wide as the features are.
        masking: which nodes are hidden; 50 % on Cora in the paper, 25 % of the atoms of molecules.
        replaced: share of the hidden nodes that show the features of another node instead; 5 % in the paper.
        gamma: at 1 and above, easy nodes weigh less; 3 on Cora in the paper.
        sizes: of the categories of each feature, where features are categories; what is predicted are indicators of them.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Encoder,
        *,
        masking: RandomUnits = RandomUnits(0.5),
        replaced: float = 0.05,
        gamma: float = 3.0,
        sizes: Sequence[int] | None = None,
    ):
        super().__init__()
        if gamma < 1 or not 0 <= replaced < 1:
            raise ValueError(f"gamma={gamma} must be at least 1 and replaced={replaced} a share below 1")
        self.encoder, self.decoder, self.masking = encoder, decoder, masking
        self.replaced, self.gamma, self.sizes = replaced, gamma, sizes
        self.projection = nn.Linear(encoder.dim, encoder.dim, bias=False)

    def loss(self, batch: GraphBatch) -> Losses:
        graph = batch.whole()
        hidden = self.masking(graph.layout, self.generator)  # (N,) bool
        predicted = self.predict(graph, hidden)
        wanted = hidden & batch.of_nodes(hidden.new_ones(batch.num_units))  # of a sampled part, its examples alone
        agreement = functional.cosine_similarity(predicted[wanted].float(), self.targets(graph)[wanted], dim=1)  # (M,)
        return {"graphmae": Term((1 - agreement).pow(self.gamma).sum(), wanted.sum())}

    def predict(self, graph: GraphBatch, hidden: Tensor) -> Tensor:
        """(N, F) what the decoder makes of the visible nodes' vectors."""
        swap = hidden & (torch.rand(graph.num_nodes, device=hidden.device, generator=self.generator) < self.replaced)
        others = torch.randint(graph.num_nodes, (graph.num_nodes,), device=hidden.device, generator=self.generator)
        shown = replace(graph, features=torch.where(swap[:, None], graph.features[others], graph.features))
        units = self.projection(self.encoder(shown, mask=hidden & ~swap).units).float()  # (N, D)
        return self.decoder(replace(graph, features=units.masked_fill(hidden[:, None], 0.0))).units

    def targets(self, graph: GraphBatch) -> Tensor:
        """(N, F) float32."""
        if self.sizes is None:
            return graph.features.float()
        columns = zip(graph.features.T, self.sizes, strict=True)
        return torch.cat([functional.one_hot(column, size) for column, size in columns], 1).float()

    @torch.no_grad()
    def pictures(self, batch: GraphBatch) -> dict[str, Tensor]:
        """Hidden nodes, prediction in their place, original: (B, 3, C, H, W) between 0 and 1 (see `drawn_prediction`).

        The loss does not see how long predictions are, so they are drawn as long as what was hidden.
        """
        graph = batch.whole()
        hidden = self.masking(graph.layout, self.generator)
        targets, predicted = self.targets(graph), self.predict(graph, hidden).float()
        told = functional.normalize(predicted, dim=1) * targets.norm(dim=1, keepdim=True)
        shown = replace(batch, features=targets, edge_features=None)
        return {"features: hidden, predicted, original": drawn_prediction(shown, hidden, told)}
