"""In which layer does a label of spans, or of pairs of spans, become readable?

Legend: K layers, M units of all spans, D width, P edges, S spans of each edge, H hidden width, C classes.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.part import Recorded


@dataclass(frozen=True)
class Edges:
    """Spans, or tuples of them, with one label each, as all layers represent their units.

    Args:
        units: (K, M, D) units of all spans, one span after the other; a unit of two spans is there twice.
        lengths: (P, S) int64 units of each span, at least one.
        labels: (P,) int64 classes from 0.
    """

    units: Tensor
    lengths: Tensor
    labels: Tensor

    @cached_property
    def firsts(self) -> Tensor:
        """(P, S) int64 first unit of each span."""
        return (self.lengths.flatten().cumsum(0) - self.lengths.flatten()).view_as(self.lengths)


class Depths(NamedTuple):
    """What `probe_depths` finds.

    Args:
        accuracy: of the probes that see layers 0 to k, for each k.
        weights: of the layers in the mix of the probe that sees all.
        centre_of_gravity: mean layer under these weights: where the probe looks.
        expected_layer: mean layer under what each adds to the accuracy: where an edge is first told; NaN: the layers after
            the first add nothing.
    """

    accuracy: list[float]
    weights: list[float]
    centre_of_gravity: float
    expected_layer: float


class EdgeProbe(Recorded):
    """The label of an edge, from a mix of the layers (edge probing, arXiv 1905.06316).

    The mix is gain · sum of softmax(a)_k h_k; one projection follows, attention over the units of each span, and a hidden
    layer on the spans of an edge beside each other. Cross-entropy, by Adam.

    Each layer is standardised with the statistics of the training units first, which the paper does not do: the weight of a
    layer then says how much of it is read, and not how short its vectors are. Draws come from a generator of its own.

    Args:
        hidden: H.
        steps, batch, lr: Adam's; the rate falls to 0 by a cosine, and is 10 times as high for the mix.
        seed: of the first weights and of the batches.
    """

    def __init__(self, hidden: int = 64, steps: int = 300, batch: int = 128, lr: float = 5e-3, seed: int = 0):
        if min(hidden, steps, batch) < 1 or lr <= 0:
            raise ValueError(f"hidden={hidden}, steps={steps}, batch={batch}, lr={lr}: all must be above 0")
        self.hidden, self.steps, self.batch, self.lr, self.seed = hidden, steps, batch, lr, seed

    def fit(self, edges: Edges, depth: int) -> Self:
        """
        Args:
            edges: at least one.
            depth: layers that are seen, the first ones.
        """
        with torch.inference_mode(False), torch.enable_grad():  # observers run without gradients
            units = edges.units[:depth].clone()
            self.mean, self.deviation = units.mean(1, keepdim=True), units.std(1, correction=0, keepdim=True).clamp(min=1e-6)
            draw = torch.Generator().manual_seed(self.seed)
            self.weights = self._initialise(units, edges.lengths.shape[1], int(edges.labels.max()) + 1, draw)
            groups = [{"params": self.weights[1:]}, {"params": self.weights[:1], "lr": 10 * self.lr}]
            optimiser = torch.optim.Adam(groups, lr=self.lr)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda t: (1 + math.cos(math.pi * t / self.steps)) / 2)
            for _ in range(self.steps):
                chosen = torch.randint(len(edges.labels), (self.batch,), generator=draw).to(units.device)
                loss = F.cross_entropy(self._logits(edges, chosen), edges.labels[chosen].clone())
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        return self

    @property
    def mix(self) -> Tensor:
        """(depth,) weights of the layers, which sum to 1."""
        return self.weights[0].detach().softmax(0)

    def accuracy(self, edges: Edges) -> float:
        with torch.no_grad():
            chosen = torch.arange(len(edges.labels), device=edges.labels.device)
            found = torch.cat([self._logits(edges, part).argmax(1) for part in chosen.split(1024)])
        return float((found == edges.labels).double().mean())

    def _initialise(self, units: Tensor, spans: int, classes: int, draw: torch.Generator) -> list[Tensor]:
        """Those of `_logits`, in its order: matrices are drawn, vectors are 0."""
        depth, _, width = units.shape
        h = self.hidden
        shapes = [(depth,), (), (width, h), (spans, h), (spans * h, h), (h,), (h, classes), (classes,)]
        weights = [units.new_zeros(shape) for shape in shapes]
        weights[1].fill_(1.0)  # the gain
        for matrix in (weights[2], weights[4], weights[6]):
            matrix.copy_(torch.randn(matrix.shape, generator=draw) / math.sqrt(len(matrix)))
        return [weight.requires_grad_() for weight in weights]

    def _logits(self, edges: Edges, chosen: Tensor) -> Tensor:
        """(P', C) of the edges `chosen` (P',)."""
        mix, gain, project, attend, inner, bias, outer, last = self.weights
        lengths = edges.lengths[chosen].flatten()  # (P' · S,)
        span = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)  # (M',) of each unit
        place = torch.arange(len(span), device=span.device) - (lengths.cumsum(0) - lengths)[span]
        units = (edges.units[: len(mix), edges.firsts[chosen].flatten()[span] + place] - self.mean) / self.deviation
        x = gain * torch.einsum("k,kmd->md", mix.softmax(0), units) @ project  # (M', H)
        scores = (x * attend[span % len(attend)]).sum(1)
        most = scores.new_full((len(lengths),), -torch.inf).scatter_reduce(0, span, scores.detach(), "amax")
        weights = (scores - most[span]).exp()
        sums = weights.new_zeros(len(lengths)).index_add(0, span, weights)
        pooled = x.new_zeros(len(lengths), x.shape[1]).index_add(0, span, (weights / sums[span])[:, None] * x)
        return (pooled.view(len(chosen), -1) @ inner + bias).relu() @ outer + last


def probe_depths(probe: EdgeProbe, train: Edges, validation: Edges) -> Depths:
    """Fit the probe to ever more layers (arXiv 1905.05950); accuracies are those of the validation edges."""
    depths = range(1, len(train.units) + 1)
    accuracy = [probe.fit(train, depth).accuracy(validation) for depth in depths]
    weights = probe.mix.tolist()
    gains = [after - before for before, after in pairwise(accuracy)]
    moment = sum(k * gain for k, gain in enumerate(gains, 1))
    expected = moment / sum(gains) if sum(gains) > 0 else float("nan")
    return Depths(accuracy, weights, sum(k * weight for k, weight in enumerate(weights)), expected)
