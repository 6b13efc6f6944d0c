"""A memory of keys and values. Legend: B examples, C classes, D width, H codebooks, K keys of each, R width of a key."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.types import Batch, Encoded, Encoder, Outcomes, Term


class DKVB(Task):
    """Discrete key-value bottleneck (arXiv 2207.11240): scores of classes are looked up by the pooled vector z.

        k_h = the key of codebook h that is nearest to P_h z,    scores = mean over h of the values (C,) beside k_h
        loss = -mean over examples of log softmax(scores)[label]

    P_h are random and fixed. The first `placing` training batches move the keys only, without labels, as exponential means
    of what is nearest to them; keys that nothing is near to are put on an example. Then keys stay, and values train. A step
    changes the values beside the keys of its examples and no others, so that what was learned elsewhere is not forgotten
    when classes come one after the other. For this the optimiser must leave values without a gradient alone: SGD without
    momentum and decay does.

    The encoder must be frozen: train with `lit_pretrain.downstream.tuning.linear.Linear`. Of the paper's decoders this is
    the one without weights.

    Args:
        dim: D of the encoder.
        num_classes: C.
        num_codebooks, num_keys, key_dim: H, K, R.
        placing: training batches at the start, which should show all kinds of inputs.
        decay: of the exponential means.
    """

    main = "accuracy"

    def __init__(
        self,
        dim: int,
        num_classes: int,
        num_codebooks: int = 64,
        num_keys: int = 256,
        key_dim: int = 8,
        placing: int = 50,
        decay: float = 0.8,
    ):
        super().__init__()
        if num_classes < 2 or min(num_codebooks, num_keys, key_dim, placing) < 1 or not 0 <= decay < 1:
            raise ValueError(f"num_classes={num_classes} must be at least 2, num_codebooks={num_codebooks},"
                             f" num_keys={num_keys}, key_dim={key_dim} and placing={placing} at least 1, and decay={decay}"
                             " in [0, 1)")  # fmt: skip
        self.num_classes, self.placing, self.decay = num_classes, placing, decay
        self.values = nn.Parameter(torch.zeros(num_codebooks, num_keys, num_classes))
        self.register_buffer("projection", torch.randn(num_codebooks, dim, key_dim) / dim**0.5)
        self.register_buffer("keys", torch.zeros(num_codebooks, num_keys, key_dim))
        self.register_buffer("counts", torch.zeros(num_codebooks, num_keys))  # exponential means, as `sums`
        self.register_buffer("sums", torch.zeros_like(self.keys))
        self.register_buffer("placed", torch.zeros((), dtype=torch.long))
        self._all_placed = False
        self.metrics = MetricCollection({
            "accuracy": MulticlassAccuracy(num_classes, average="micro"),
            "macro_f1": MulticlassF1Score(num_classes, average="macro"),
        })  # fmt: skip

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        if any(parameter.requires_grad for parameter in encoder.parameters()):
            raise ValueError("DKVB looks vectors up, which has no gradient, and this encoder is not frozen: use the tuning"
                             " lit_pretrain.downstream.tuning.linear.Linear")  # fmt: skip
        return encoder(batch)

    def forward(self, encoded: Encoded) -> Tensor:
        """(H, B, R)"""
        with torch.autocast(encoded.pooled.device.type, enabled=False):  # what is near is decided in fp32
            return torch.einsum("bd,hdr->hbr", encoded.pooled.float(), self.projection)

    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        costs = F.cross_entropy(self.decode(predictions), batch.labels, reduction="none")
        if self.training and self._places():
            self.place(predictions)
            costs = costs * 0
        return Term(costs.sum(), len(costs))

    def decode(self, predictions: Tensor) -> Tensor:
        """(H, B, R) -> (B, C) scores."""
        nearest = torch.cdist(predictions, self.keys).argmin(2)  # (H, B)
        found = self.values.gather(1, nearest[:, :, None].expand(-1, -1, self.num_classes))  # (H, B, C)
        return found.mean(0)

    @torch.no_grad()
    def place(self, vectors: Tensor) -> None:
        """Move the keys towards vectors (H, B, R)."""
        nearest = torch.cdist(vectors, self.keys).argmin(2)  # (H, B)
        counts = torch.zeros_like(self.counts).scatter_add(1, nearest, torch.ones_like(vectors[:, :, 0]))
        sums = torch.zeros_like(self.sums).scatter_add(1, nearest[:, :, None].expand_as(vectors), vectors)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        examples = vectors[:, torch.randint(vectors.shape[1], self.counts.shape[1:], device=vectors.device)]  # (H, K, R)
        unused = (self.counts < 1e-2)[:, :, None]
        self.keys.copy_(torch.where(unused, examples, self.sums / self.counts[:, :, None].clamp(min=1e-2)))
        self.placed += 1

    def _places(self) -> bool:
        """Asks the device, which makes it wait, until all is placed, and never again."""
        self._all_placed = self._all_placed or int(self.placed) >= self.placing
        return not self._all_placed

    def update(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> None:
        scores = self.decode(predictions)
        self.metrics.update(scores, batch.labels)
        self.tally.add(Outcomes.of_classes(scores.argmax(1), batch.labels))
