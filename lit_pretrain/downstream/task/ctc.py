"""Connectionist temporal classification. Legend: U units, B examples, T frames of the longest, D width, V classes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from lit_pretrain.downstream.decoding.ctc import ctc_beam, ctc_greedy
from lit_pretrain.downstream.decoding.transducer import Labels
from lit_pretrain.downstream.task.frames import frames, padded
from lit_pretrain.downstream.task.sequence import SequenceTask
from lit_pretrain.losses.lattice import beside
from lit_pretrain.types import Batch, Encoded, Layout, Ragged, Term, UnitBatch


class CTC(SequenceTask):
    """A label or blank at every unit: loss = -log of the probability of all paths that spell the labels (Graves et al.,
    Connectionist Temporal Classification, ICML 2006).

    Args:
        dim: D of the encoder.
        num_classes: V, without blank.
        hidden: width, in each direction, of a bidirectional LSTM in front of the linear layer; 0: none.
        dropout: of the units.
        beam: prefixes kept where labels are decoded, in validation, test and prediction; 1: the likeliest symbols.
    """

    def __init__(self, dim: int, num_classes: int, hidden: int = 0, dropout: float = 0.1, beam: int = 1):
        super().__init__(num_classes)
        if beam < 1 or hidden < 0:
            raise ValueError(f"beam={beam}, hidden={hidden}: the beam is 1 at least, and the width 0 at least")
        self.beam, self.dropout = beam, nn.Dropout(dropout)
        self.recurrent = nn.LSTM(dim, hidden, bidirectional=True) if hidden else None
        self.linear = nn.Linear(2 * hidden or dim, num_classes + 1)

    def forward(self, encoded: Encoded) -> UnitBatch:
        found = frames(encoded)
        units = self.dropout(found.units)
        if self.recurrent is not None:
            examples = [x for x in units.split(found.layout.lengths) if len(x)]
            units = torch.cat(unpack_sequence(self.recurrent(pack_sequence(examples, enforce_sorted=False))[0]))
        scores = self.linear(units).float()  # softmax in fp32
        return UnitBatch(scores.log_softmax(1), found.layout)  # (U, V + 1)

    def loss(self, predictions: UnitBatch, batch: Batch) -> Term:
        target, lengths = batch.target, predictions.layout.lengths
        costs = F.ctc_loss(
            padded(predictions).transpose(0, 1),  # (T, B, V + 1)
            target.values,
            lengths,
            target.lengths,
            self.blank,
            reduction="none",
            zero_infinity=True,  # an infinite cost would have gradients of NaN
        )
        return self._term(costs, beside(lengths, costs) >= needed(target), target)

    def decode(self, predictions: UnitBatch) -> list[Labels]:
        examples = predictions.units.detach().cpu().split(predictions.layout.lengths)
        if self.beam == 1:
            return [ctc_greedy(x, self.blank) for x in examples]
        return [ctc_beam(x, self.blank, self.beam)[0].labels for x in examples]


def needed(target: Ragged) -> Tensor:
    """(B,) frames that the labels of each example need: one each, and a blank between equal neighbours."""
    layout = Layout(target.lengths, target.values.device)
    twins = (target.values == target.values.roll(1)) & (layout.position > 0)  # (N,)
    return beside(target.lengths, target.values).index_add(0, layout.example, twins.long())
