"""Each view predicts what a slower copy of the network makes of the other. Legend: B images, D width."""

import torch
from torch import nn

from lit_pretrain.losses.cosine import disagreement
from lit_pretrain.nn.ema import EMA
from lit_pretrain.nn.head.projection import Projection
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses


class BYOL(PretrainModule):
    """BYOL (arXiv 2006.07733): no negatives; the target is a moving average of the network itself.

        z_i = projector(encoder(view i)),   y_i = the same by the teacher, without gradient
        loss = |p(z_1) - y_2|^2 + |p(z_2) - y_1|^2 of unit vectors = 2 (1 - cos) + 2 (1 - cos)

    teacher <- m teacher + (1 - m) student after each step, with m from 0.996 to 1 along half a cosine. Projector,
    predictor p and teacher are left behind.

    Args:
        encoder: its pooled vector is trained.
        projector, predictor: two layers each in the paper (`nn.head.projection.MLP`).
        momentum: m at the start.
    """

    def __init__(self, encoder: Encoder, projector: Projection, predictor: Projection, *, momentum: float = 0.996):
        super().__init__()
        self.encoder, self.projector, self.predictor = encoder, projector, predictor
        self.teacher = EMA(nn.ModuleList([encoder, projector]), momentum, 1.0, batch_statistics=True)

    def loss(self, batch: ImageBatch) -> Losses:
        views = [batch.view(i) for i in range(2)]
        predicted = [self.predictor(self.projector(self.encoder(view).pooled)) for view in views]  # (B, D) each
        encoder, projector = self.teacher.teacher
        with torch.no_grad():
            targets = [projector(encoder(view).pooled) for view in views]
        return {"byol": 2 * disagreement(predicted[0], targets[1]) + 2 * disagreement(predicted[1], targets[0])}

    def after_step(self) -> None:
        self.teacher.update(nn.ModuleList([self.encoder, self.projector]), self.progress)
