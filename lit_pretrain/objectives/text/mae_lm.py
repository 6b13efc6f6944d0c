"""Masked autoencoding of text.

Legend: U tokens of all documents end to end, K of them visible, M masked, D width, V vocabulary.
"""

from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Losses, Term, TextBatch, UnitBatch


class MAELM(PretrainModule):
    """MAE-LM (arXiv 2302.02060): the encoder sees no [MASK], so no dimension of its space is spent on it.

    The encoder reads the visible tokens only, at their original positions. A light decoder gets their K vectors and a
    learned mask vector at each of the M gaps, and predicts the gaps: loss = -mean over masked of log p(x_i | visible).
    The decoder and the head are left behind.

    Args:
        encoder: bidirectional.
        decoder: a few bidirectional blocks over vectors (`nn.embedding.units.Units`), with `maskable` and positions of
            its own; 4 layers in the paper.
        head: units (M, D) -> logits (M, V), tied to the encoder's table.
        masking: which tokens are hidden; 15 % in the paper. All of them become gaps.
    """

    def __init__(self, encoder: Encoder, decoder: Encoder, head: Head, masking: Masking = DynamicMasking(0.15)):
        super().__init__()
        self.encoder, self.decoder, self.head, self.masking = encoder, decoder, head, masking

    def loss(self, batch: TextBatch) -> Losses:
        masked = self.masking(batch, self.generator)  # (U,) bool
        visible = self.encoder(batch, keep=~masked).units  # (K, D)
        units = visible.new_zeros(len(masked), visible.shape[-1])
        units = units.masked_scatter(~masked[:, None], visible)  # (U, D), each at its place
        decoded = self.decoder(UnitBatch(units, batch.layout), mask=masked).units[masked]  # (M, D)
        nll = self.head.cross_entropy(decoded, batch.tokens[masked], self.encoder)
        return {"mae_lm": Term(nll, masked.sum())}
