"""Each altered copy of a graph predicts what a slower network makes of the other. Legend: B examples, D width."""

from functools import partial

import torch
from torch import Tensor

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.losses.cosine import disagreement
from lit_pretrain.nn.ema import EMA
from lit_pretrain.nn.head.projection import Projection
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term
from lit_pretrain.types.graph_picture import drawn_changes


class BGRL(PretrainModule):
    """Bootstrapped graph latents (arXiv 2102.06514): BYOL on graphs, without negatives, so that a step costs little memory.

        p_i = predictor(encoder(view i)),   y_i = teacher(view i), without gradient
        loss = (1 - cos(p_1, y_2)) + (1 - cos(p_2, y_1)),   the mean over examples

    teacher <- m teacher + (1 - m) encoder after each step, with m from 0.99 to 1 along half a cosine. There is no projector.
    Predictor and teacher are left behind. Base setting: two layers of GCN with BatchNorm and PReLU, views of dropped edges
    and masked columns of features at rates of their own (0 to 0.5), AdamW with a long warm-up.

    The paper trains vectors of nodes. Where graphs are the examples, their pooled vectors predict each other instead. The
    authors' code starts the teacher from weights of its own; here it starts as a copy.

    Args:
        encoder: its vectors of the examples are trained.
        predictor: two layers, 512 between them, in the paper (`nn.head.plain_mlp.PlainMLP`).
        first, second: make the views.
        momentum: m at the start.
    """

    def __init__(
        self,
        encoder: Encoder,
        predictor: Projection,
        first: GraphCorruption,
        second: GraphCorruption,
        *,
        momentum: float = 0.99,
    ):
        super().__init__()
        if predictor.out != encoder.dim:
            raise ValueError(f"predictor gives {predictor.out} numbers and the encoder {encoder.dim}: make them equal")
        self.encoder, self.predictor, self.augmentations = encoder, predictor, (first, second)
        self.teacher = EMA(encoder, momentum, 1.0, batch_statistics=True)

    def loss(self, batch: GraphBatch) -> Losses:
        views = [augmentation(batch, self.generator) for augmentation in self.augmentations]
        predicted = [self.predictor(self.encoder(view).pooled) for view in views]  # (B, D) each
        targets = [self.teacher(view).pooled for view in views]
        loss = disagreement(predicted[0], targets[1]) + disagreement(predicted[1], targets[0])
        return {"bgrl": Term(batch.num_examples * loss, batch.num_examples)}

    def after_step(self) -> None:
        self.teacher.update(self.encoder, self.progress)

    @torch.no_grad()
    def pictures(self, batch: GraphBatch) -> dict[str, Tensor]:
        """Rows of original, first view, second view: (B, 3, C, H, W) between 0 and 1 (see `drawn_changes`)."""
        changes = [partial(augmentation, generator=self.generator) for augmentation in self.augmentations]
        return {"altered: original, first view, second view": drawn_changes(batch, changes)}
