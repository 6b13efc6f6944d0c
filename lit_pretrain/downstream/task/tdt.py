"""The token-and-duration transducer as a task. Legend: U units, B examples, T frames of the longest, L labels, D, H widths,
V classes, K durations."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from lit_pretrain.downstream.decoding.tdt import tdt_beam, tdt_greedy
from lit_pretrain.downstream.decoding.transducer import Labels
from lit_pretrain.downstream.task.frames import frames, padded
from lit_pretrain.downstream.task.joint import Joint, Prediction
from lit_pretrain.downstream.task.sequence import SequenceTask
from lit_pretrain.losses.tdt import tdt_loss
from lit_pretrain.types import Batch, Encoded, Term, UnitBatch


class TDT(SequenceTask):
    """A label or blank, and how many units it covers, given the labels before it (arXiv 2304.06795).

    The units that a symbol covers are skipped: the metric `frames_visited` is the share of units that decoding looks at.

    Args:
        dim: D of the encoder.
        num_classes: V, without blank.
        durations: units that a symbol may cover; blank covers one at least.
        sigma: under-normalisation of the symbols in the loss, which prefers long durations; see `tdt_loss`.
        hidden: H of the prediction and the joint network.
        prediction: "lstm" remembers all labels, "stateless" the last.
        dropout: of the units.
        beam: hypotheses kept where labels are decoded, in validation, test and prediction; 1: the likeliest symbols. Where
            there are many, some hypothesis visits nearly every unit.
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        durations: Sequence[int] = (0, 1, 2, 3, 4),
        sigma: float = 0.05,
        hidden: int = 256,
        prediction: Prediction = "lstm",
        dropout: float = 0.1,
        beam: int = 1,
    ):
        super().__init__(num_classes)
        if beam < 1:
            raise ValueError(f"beam={beam}: keep at least one hypothesis")
        self.durations, self.sigma, self.beam = tuple(durations), sigma, beam
        self.dropout = nn.Dropout(dropout)
        self.joint = Joint(dim, num_classes, num_classes + 1 + len(self.durations), hidden, prediction)
        self.metrics.add_metrics({"frames_visited": MeanMetric()})

    def forward(self, encoded: Encoded) -> UnitBatch:
        found = frames(encoded)
        return UnitBatch(self.joint.frame(self.dropout(found.units)), found.layout)  # (U, D) -> (U, H)

    def loss(self, predictions: UnitBatch, batch: Batch) -> Term:
        symbols, lengths = self._log_probs(self.joint(padded(predictions), batch.target))  # (B, T, L + 1, V + 1 and K)
        costs = tdt_loss(symbols, lengths, batch.target, predictions.layout.lengths, self.blank, self.durations, self.sigma)
        return self._term(costs, costs != torch.inf, batch.target)

    def update(self, predictions: UnitBatch, encoded: Encoded, batch: Batch) -> None:
        hypotheses, visited = zip(*self._search(predictions), strict=True)
        self._count(list(hypotheses), batch.target)
        units = max(1, predictions.num_units)
        self.metrics["frames_visited"].update(sum(visited) / units, units)

    def decode(self, predictions: UnitBatch) -> list[Labels]:
        return [labels for labels, _ in self._search(predictions)]

    def _search(self, predictions: UnitBatch) -> list[tuple[Labels, int]]:
        """The labels of each example, and the units visited."""
        return [self._labels(units) for units in predictions.units.split(predictions.layout.lengths)]

    def _labels(self, units: Tensor) -> tuple[Labels, int]:
        predict, joint = self.joint.predictor(), self._joint
        if self.beam == 1:
            return tdt_greedy(units, predict, joint, self.blank, self.durations)
        found, visited = tdt_beam(units, predict, joint, self.blank, self.durations, self.beam)
        return (found[0].labels if found else ()), visited

    def _joint(self, frame: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self._log_probs(self.joint.score(frame, state))

    def _log_probs(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """(..., V + 1 + K) -> (..., V + 1) of symbols and (..., K) of durations; softmax in fp32."""
        symbols, lengths = scores.float().split((self.num_classes + 1, len(self.durations)), dim=-1)
        return symbols.log_softmax(-1), lengths.log_softmax(-1)
