"""A head that must read the document's vector.

Legend: U tokens of all documents end to end, M masked tokens, D width, V vocabulary.
"""

from dataclasses import replace

import torch
from torch import Tensor

from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.corruptions.replacing import replace_masked
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoded, Encoder, Losses, Term, TextBatch, UnitBatch


class Condenser(PretrainModule):
    """Condenser (arXiv 2104.08253): masked tokens are predicted from early token states and the late [CLS].

    A short stack (the Condenser head) gets [CLS] from the last encoder block and all other units from block
    `skip_from`; only through [CLS] can what the late blocks have learned reach it.
    loss = MLM loss of the Condenser head + MLM loss of the encoder's last units, each a mean over masked tokens.
    The stack and the head are left behind.

    Args:
        encoder: bidirectional, with [CLS] as its pooled unit.
        condenser_head: blocks over vectors (`nn.embedding.units.Units`), without positions; 2 layers in the paper.
        head: units (M, D) -> logits (M, V), used for both losses.
        masking: which tokens are hidden.
        skip_from: the block whose units skip the late blocks, counted from 1; 6 of 12 in the paper.
        mask_share, random_share: 0.8 and 0.1, as in BERT.
    """

    def __init__(
        self,
        encoder: Encoder,
        condenser_head: Encoder,
        head: Head,
        masking: Masking = DynamicMasking(0.15),
        *,
        skip_from: int = 6,
        mask_share: float = 0.8,
        random_share: float = 0.1,
    ):
        super().__init__()
        if not 1 <= skip_from < encoder.num_layers:
            raise ValueError(f"skip_from={skip_from} must be a block below the last of {encoder.num_layers}")
        self.encoder, self.condenser_head, self.head, self.masking = encoder, condenser_head, head, masking
        self.skip_from, self.mask_share, self.random_share = skip_from, mask_share, random_share

    def loss(self, batch: TextBatch) -> Losses:
        masked = self.masking(batch, self.generator)  # (U,) bool
        tokens = replace_masked(batch, masked, self.mask_share, self.random_share, self.generator)
        encoded = self.encoder(replace(batch, tokens=tokens), layers=True)
        condensed = self.condenser_head(UnitBatch(self.skip(encoded), encoded.layout)).units  # (U, D)
        both = {"condenser": condensed, "late": encoded.units}
        nll = {name: self.head.cross_entropy(x[masked], batch.tokens[masked], self.encoder) for name, x in both.items()}
        return {name: Term(x, masked.sum()) for name, x in nll.items()}

    def skip(self, encoded: Encoded) -> Tensor:
        """(U, D): the late first unit of each document, the early units of all others."""
        early, late = encoded.layers[f"block{self.skip_from - 1:02d}"], encoded.units
        return torch.where((encoded.layout.position == 0)[:, None], late, early)
