"""Each view predicts the other, and only the prediction learns. Legend: B images, D width."""

from lit_pretrain.losses.cosine import disagreement
from lit_pretrain.nn.head.projection import Projection
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses


class SimSiam(PretrainModule):
    """SimSiam (arXiv 2011.10566): BYOL without the slow copy; the stopped gradient alone keeps it from collapsing.

        z_i = projector(encoder(view i)),   loss = (1 - cos(p(z_1), stop(z_2))) / 2 + (1 - cos(p(z_2), stop(z_1))) / 2

    With two views that are independent given the content, the predictor learns E[z_2 | z_1], which makes this a
    nonlinear canonical correlation analysis (arXiv 2008.01064). Projector and predictor are left behind. The paper keeps
    the predictor's learning rate constant; here it follows the schedule of all.

    Args:
        encoder: its pooled vector is trained.
        projector: three layers in the paper (`nn.head.projection.DeepNormedMLP`).
        predictor: two layers with a narrow middle, 512 of 2048 in the paper (`nn.head.projection.MLP`).
    """

    def __init__(self, encoder: Encoder, projector: Projection, predictor: Projection):
        super().__init__()
        self.encoder, self.projector, self.predictor = encoder, projector, predictor

    def loss(self, batch: ImageBatch) -> Losses:
        first, second = (self.projector(self.encoder(batch.view(i)).pooled) for i in range(2))  # (B, D)
        one, other = disagreement(self.predictor(first), second), disagreement(self.predictor(second), first)
        return {"simsiam": (one + other) / 2}
