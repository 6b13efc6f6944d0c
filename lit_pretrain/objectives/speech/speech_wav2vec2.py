"""Which quantised frame a masked one was.

Legend: U frames of all recordings end to end, M masked ones, K distractors, F width of features, D of the network, E of
the space where both meet.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.nn.quantizer.gumbel_product import GumbelProduct
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Layout, Losses, SpeechBatch, Term


class Wav2Vec2Pretraining(PretrainModule):
    """wav2vec 2.0 (arXiv 2006.11477; on other domains arXiv 2104.01027).

    A front end makes features z of the waveform. The network sees them with spans replaced by a learned vector, and gives
    c; a quantiser, whose codebooks are learned along, makes targets q of the features that the network does not see. At
    each masked step c must tell q from K distractors, which are the q of other masked steps of the same recording:

        contrastive = -log exp(cos(c, q) / kappa) / sum over q and distractors q' of exp(cos(c, q') / kappa)
        loss = contrastive + 0.1 diversity + 10 mean of z^2

    The diversity term keeps all entries of the codebooks in use; the last one is a penalty on the features. As in the
    published code, distractors with the codes of the target are left out, and the quantiser gets features after a layer
    norm (here one without weights, for those of its first layer do the same). Logged beside the terms: how often the target
    is found, and the perplexity of the codes that were chosen.

    Quantiser and projections are left behind. Base setting: `Wav2Vec2()`, `GumbelProduct()`.

    Args:
        encoder: with a front end, and with a vector for masked units.
        quantizer: of features (M, F).
        dim: E; 256 for the base model, 768 for the large one.
        masking: which steps are masked.
        num_distractors: K.
        kappa: temperature of the softmax over cosines.
        temperature: of the Gumbel softmax at first, at last, and its factor a step; at last 0.1 for the large model.
        diversity_weight, penalty_weight: of the terms.
        dropout: of the features that are quantised.
    """

    def __init__(
        self,
        encoder: Encoder,
        quantizer: GumbelProduct,
        *,
        dim: int = 256,
        masking: TimeSpans = TimeSpans(),
        num_distractors: int = 100,
        kappa: float = 0.1,
        temperature: tuple[float, float, float] = (2.0, 0.5, 0.999995),
        diversity_weight: float = 0.1,
        penalty_weight: float = 10.0,
        dropout: float = 0.1,
    ):
        super().__init__()
        first, last, factor = temperature
        if not (0 < last <= first and 0 < factor <= 1):
            raise ValueError(f"temperature={list(temperature)}: it must fall from the first number to the second, above 0,"
                             " by a factor of at most 1")  # fmt: skip
        if num_distractors < 1 or kappa <= 0:
            raise ValueError(f"num_distractors={num_distractors} must be at least 1, and kappa={kappa} above 0")
        self.encoder, self.quantizer, self.masking = encoder, quantizer, masking
        self.num_distractors, self.kappa, self.temperatures = num_distractors, kappa, (first, last, factor)
        self.diversity_weight, self.penalty_weight = diversity_weight, penalty_weight
        self.context, self.target = nn.Linear(encoder.dim, dim), nn.Linear(quantizer.out_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def temperature(self, step: int) -> float:
        """Of the Gumbel softmax, after so many optimiser steps."""
        first, last, factor = self.temperatures
        return max(last, first * factor**step)

    def loss(self, batch: SpeechBatch) -> Losses:
        z = self.encoder.features(batch)
        hidden = self.masking(z.layout, self.generator)  # (U,) bool
        masked = z.layout.keep(hidden)
        if not masked.num_units:
            raise ValueError(f"no recording of the batch (the longest has {z.layout.max_length} units) has room for a span"
                             f" of {self.masking.length}: give longer recordings, or lower its length")  # fmt: skip
        c = self.context(self.encoder(z, mask=hidden).units[hidden])  # (M, E)
        step = 0 if self._trainer is None else self.trainer.global_step
        normed = F.layer_norm(z.units[hidden].float(), z.units.shape[1:])
        quantized = self.quantizer(self.dropout(normed), self.temperature(step))
        others = distractors(masked, self.num_distractors, self.generator)
        logits = self.logits(c, self.target(quantized.units), quantized.codes, others)  # (M, 1 + K)
        nll = F.cross_entropy(logits, torch.zeros_like(others[:, 0]), reduction="sum")
        right = (logits[:, :1] > logits[:, 1:]).all(1) & logits[:, 1:].isfinite().any(1)
        return {
            "contrastive": Term(nll, masked.num_units),
            "diversity": Term(quantized.diversity, 1, self.diversity_weight),
            "feature_penalty": Term(z.units.float().square().mean(), 1, self.penalty_weight),
            "accuracy": Term(right.sum(), masked.num_units, weight=0.0),
            "code_perplexity": Term(self.quantizer.usage(quantized.codes)[0], 1, weight=0.0),
        }

    def logits(self, c: Tensor, q: Tensor, codes: Tensor, others: Tensor) -> Tensor:
        """(M, 1 + K) cosines over kappa, the target's first; -inf for distractors with the same codes as the target.

        Args:
            c, q: (M, E).
            codes: (M, G) of q.
            others: (M, K) places of the distractors in q.
        """
        own = torch.arange(len(q), device=q.device)[:, None]
        cosines = F.cosine_similarity(c.float()[:, None], q.float()[torch.cat([own, others], 1)], dim=2)
        same = (codes[others] == codes[:, None]).all(2)
        return (cosines / self.kappa).masked_fill(F.pad(same, (1, 0)), -torch.inf)


def distractors(layout: Layout, number: int, generator: torch.Generator) -> Tensor:
    """(M, K) int64: for each unit, K others of its example, drawn uniformly with replacement; itself if it is alone."""
    first = layout.offsets[:-1].long()[layout.example, None]  # (M, 1)
    others = layout.offsets.diff().long()[layout.example, None] - 1
    own = torch.arange(layout.num_units, device=layout.device)[:, None] - first
    draws = torch.rand(layout.num_units, number, generator=generator, device=layout.device)
    place = (draws * others).long()
    return first + place + ((place >= own) & (others > 0)).long()  # the places of the others, without a gap at its own
