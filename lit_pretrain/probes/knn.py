"""Weighted k nearest neighbours: a probe without training.

Legend: N training examples, Q queries, D width of the features, C classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe


class KNNProbe(Probe):
    """Each of the k most similar training examples votes for its class with exp(cosine / temperature).

    The protocol of arXiv 1805.01978, with the k = 20 and temperature 0.07 that arXiv 2104.14294 reports. Among equally
    similar examples those that come first in the training set vote; of equal votes the lowest class wins.

    Args:
        k: neighbours; all, where there are fewer.
        temperature: of the votes.
        centre: subtract the mean of the training features first. A direction that all vectors share, as in language models
            (arXiv 1909.00512), otherwise drowns what tells them apart.
        chunk: queries compared with all training examples at a time, which bounds the memory at chunk · N.
    """

    def __init__(self, k: int = 20, temperature: float = 0.07, chunk: int = 512, centre: bool = False):
        if k < 1 or temperature <= 0 or chunk < 1:
            raise ValueError(f"k={k}, temperature={temperature}, chunk={chunk}: all must be above 0")
        self.k, self.temperature, self.chunk, self.centre = k, temperature, chunk, centre

    def fit_classes(self, features: Tensor, targets: Tensor, validation: Labelled | None) -> None:
        features = features.float()  # means and norms in fp32
        self.mean = features.mean(0) if self.centre else torch.zeros_like(features[0])
        self.bank = F.normalize(features - self.mean, dim=1)
        self.votes = F.one_hot(targets, len(self.classes)).float()  # (N, C)

    def scores(self, features: Tensor) -> Tensor:
        queries = F.normalize(features.float() - self.mean, dim=1)
        return torch.cat([self._chunk(part) for part in queries.split(self.chunk)])

    def _chunk(self, queries: Tensor) -> Tensor:
        similar = queries @ self.bank.T  # (Q, N)
        k = min(self.k, len(self.bank))
        last = similar.topk(k, dim=1).values[:, -1:]  # (Q, 1) similarity of the k-th neighbour
        nearer, as_near = similar > last, similar == last
        room = k - nearer.sum(1, keepdim=True)
        chosen = nearer | (as_near & (as_near.cumsum(1) <= room))
        weights = torch.exp((similar - 1) / self.temperature) * chosen  # - 1: no overflow at low temperatures
        return weights @ self.votes
