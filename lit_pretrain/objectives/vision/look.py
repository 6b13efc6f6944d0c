"""Most of the nearest neighbours shall be of the same class. Legend: B images, Q queue, k neighbours, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import gather
from lit_pretrain.nn.head.projection import Projection
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses, Term


class LOOK(PretrainModule):
    """Leave-one-out k nearest neighbours (LOOK, arXiv 2110.06014): supervised, but a class may lie in many places.

    Cross-entropy pulls all images of a class to one centroid and so wipes out what tells them apart. LOOK looks only at an
    image's k nearest neighbours N among the vectors of earlier batches (never an earlier copy of itself), and asks for the
    same class there:

        loss = -mean over images i of log( sum over j in N, y_j = y_i, of exp(cos(z_i, z_j) / t)
                                           / sum over j in N of exp(cos(z_i, z_j) / t) )

    An image without a neighbour of its class gets the nearest one of its class added to N, if the queue has one; else it
    has no loss. The queue holds the vectors as they were computed; the paper computes them by a momentum encoder, which
    long queues need.

    Args:
        encoder: its pooled vector is trained.
        projector: to the vectors that are compared; left behind.
        queue: Q, the vectors of earlier batches that are kept.
        neighbours: k.
        temperature: t.
    """

    def __init__(self, encoder: Encoder, projector: Projection, *, queue: int = 4096, neighbours: int = 100,
                 temperature: float = 0.1):  # fmt: skip
        super().__init__()
        if not 1 <= neighbours <= queue or temperature <= 0:
            raise ValueError(f"neighbours={neighbours} must lie between 1 and queue={queue}, temperature={temperature} above"
                             " 0")  # fmt: skip
        self.encoder, self.projector, self.neighbours, self.temperature = encoder, projector, neighbours, temperature
        self.register_buffer("vectors", torch.zeros(queue, projector.out))
        self.register_buffer("classes", torch.full((queue,), -1))  # -1: still empty
        self.register_buffer("images", torch.full((queue,), -1))  # their numbers in the source
        self._next: list[Tensor] | None = None

    def loss(self, batch: ImageBatch) -> Losses:
        if batch.labels is None:
            raise ValueError("LOOK needs labels: give data that have them in every training image")
        z = F.normalize(self.projector(self.encoder(batch).pooled).float(), dim=1)  # (B, D); norms and softmax in fp32
        number = torch.arange(len(z), device=z.device) if batch.index is None else batch.index
        new = [z.detach(), batch.labels, number]
        # The queue is empty at first: then the neighbours come from the batch itself.
        vectors, classes, images = (self.vectors, self.classes, self.images) if (self.classes >= 0).any() else new
        scores = z @ vectors.T / self.temperature  # (B, Q)
        scores = scores.masked_fill((classes < 0) | (images[None] == number[:, None]), -torch.inf)
        if self.training:
            self._next = [gather(x) for x in new]
        nll, counted = leave_one_out(scores, classes[None] == batch.labels[:, None], self.neighbours)
        return {"look": Term(nll, counted)}

    def after_step(self) -> None:
        if self._next is not None:
            for queue, new in zip((self.vectors, self.classes, self.images), self._next, strict=True):
                queue.copy_(torch.cat([new, queue])[: len(queue)])
            self._next = None


def leave_one_out(scores: Tensor, same: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """The sum of -log of the share of the same class among the nearest, and the number of images that have one.

    Args:
        scores: (B, Q) similarity / temperature; -inf: cannot be a neighbour.
        same: (B, Q) bool, of the same class.
        neighbours: k.
    """
    same = same & scores.isfinite()
    last = scores.topk(min(neighbours, scores.shape[1]), dim=1).values[:, -1:]
    nearest_same = scores.masked_fill(~same, -torch.inf).amax(1, keepdim=True)
    chosen = ((scores >= last) | (same & (scores == nearest_same))) & scores.isfinite()
    have = same.any(1)
    ours = scores.masked_fill(~(chosen & same), -torch.inf)[have].logsumexp(1)
    everything = scores.masked_fill(~chosen, -torch.inf)[have].logsumexp(1)
    return (everything - ours).sum(), have.sum()
