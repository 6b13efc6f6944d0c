"""Looking where a teacher looks."""

import torch
from torch import Tensor

from lit_pretrain.adapt.distillation.attention_maps import AttentionMaps
from lit_pretrain.adapt.tuning.wrapped import Wrapped
from lit_pretrain.types import Batch, Encoded, Encoder


class AttentionCopy(Wrapped):
    """Attention copy (arXiv 2411.09702): an encoder looks where a frozen teacher looks, in training and afterwards.

    Its attention weights are the teacher's for the same batch; its own queries and keys have no effect, and all else trains.

    Args:
        encoder: of the student, usually fresh, with equally many blocks and heads as the teacher.
        teacher: pretrained; it stays part of the encoder.
    """

    def __init__(self, encoder: Encoder, teacher: Encoder):
        super().__init__(encoder)
        self.teacher = teacher.requires_grad_(False)

    def train(self, mode: bool = True) -> "AttentionCopy":
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(
        self, inputs: Batch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        with torch.no_grad(), AttentionMaps() as shown:
            self.teacher(inputs, keep=keep, mask=mask)
        with AttentionMaps([weights.exp() for weights in shown.kept]):
            return super().forward(inputs, keep=keep, mask=mask, layers=layers)
