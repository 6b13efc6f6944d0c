"""The transducer as a task. Legend: U units, B examples, T frames of the longest, L labels, D, H widths, V classes."""

import torch
from torch import Tensor, nn

from lit_pretrain.downstream.decoding.transducer import Labels, transducer_beam, transducer_greedy
from lit_pretrain.downstream.task.frames import frames, padded
from lit_pretrain.downstream.task.joint import Joint, Prediction
from lit_pretrain.downstream.task.sequence import SequenceTask
from lit_pretrain.losses.transducer import Reduction, Topology, transducer_loss
from lit_pretrain.types import Batch, Encoded, Term, UnitBatch


class Transducer(SequenceTask):
    """A label or blank at every unit, given the labels before it (arXiv 1211.3711).

    The loss takes memory for B T (L + 1) (H + V) numbers.

    Args:
        dim: D of the encoder.
        num_classes: V, without blank.
        topology: which symbols end a frame: "rnnt", "rna" or "ctc"; see `transducer_loss`.
        reduction: "full_sum" trains all paths that spell the labels, "viterbi" the likeliest.
        hidden: H of the prediction and the joint network.
        prediction: "lstm" remembers all labels, "stateless" the last.
        dropout: of the units.
        beam: hypotheses kept where labels are decoded, in validation, test and prediction; 1: the likeliest symbols.
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        topology: Topology = "rnnt",
        reduction: Reduction = "full_sum",
        hidden: int = 256,
        prediction: Prediction = "lstm",
        dropout: float = 0.1,
        beam: int = 1,
    ):
        super().__init__(num_classes)
        if beam < 1:
            raise ValueError(f"beam={beam}: keep at least one hypothesis")
        self.topology, self.reduction, self.beam = topology, reduction, beam
        self.dropout = nn.Dropout(dropout)
        self.joint = Joint(dim, num_classes, num_classes + 1, hidden, prediction)

    def forward(self, encoded: Encoded) -> UnitBatch:
        found = frames(encoded)
        return UnitBatch(self.joint.frame(self.dropout(found.units)), found.layout)  # (U, D) -> (U, H)

    def loss(self, predictions: UnitBatch, batch: Batch) -> Term:
        scores = self.joint(padded(predictions), batch.target).float()  # (B, T, L + 1, V + 1); softmax in fp32
        costs = transducer_loss(scores.log_softmax(-1), batch.target, predictions.layout.lengths, self.blank,
                                self.topology, self.reduction)  # fmt: skip
        return self._term(costs, costs != torch.inf, batch.target)

    def decode(self, predictions: UnitBatch) -> list[Labels]:
        return [self._search(units) for units in predictions.units.split(predictions.layout.lengths)]

    def _search(self, units: Tensor) -> Labels:
        predict = self.joint.predictor()
        if self.beam == 1:
            return transducer_greedy(units, predict, self.joint.score, self.blank, self.topology)
        return transducer_beam(units, predict, self._log_probs, self.blank, self.topology, self.beam)[0].labels

    def _log_probs(self, frame: Tensor, state: Tensor) -> Tensor:
        return self.joint.score(frame, state).float().log_softmax(-1)  # softmax in fp32
