"""Two views of an image find each other. Legend: B images, D width."""

from lit_pretrain.losses.nt_xent import nt_xent
from lit_pretrain.nn.head.projection import Projection
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses, Term


class SimCLR(PretrainModule):
    """SimCLR (arXiv 2002.05709): of all images of the batch, which shows the same one in another view?

        z = projector(encoder(view)),   loss = NT-Xent(z of view 1, z of view 2)   (see `losses.nt_xent`)

    All other views of the batch are negatives, over all ranks. The projector is left behind: what it throws away (such as
    colour, when views differ in it) stays in the encoder's vector.

    Args:
        encoder: its pooled vector is trained.
        projector: two layers in the paper (`nn.head.projection.NormedMLP`).
        temperature: 0.1 for long training and large batches in the paper (0.5 in its short runs on CIFAR-10).
    """

    def __init__(self, encoder: Encoder, projector: Projection, *, temperature: float = 0.1):
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} must be above 0")
        self.encoder, self.projector, self.temperature = encoder, projector, temperature

    def loss(self, batch: ImageBatch) -> Losses:
        first, second = (self.projector(self.encoder(batch.view(i)).pooled) for i in range(2))  # (B, D)
        n = len(first)  # ranks may differ in it
        return {"nt_xent": Term(n * nt_xent(first, second, self.temperature), n)}
