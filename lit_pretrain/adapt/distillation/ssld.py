"""Simple semi-supervised label distillation. Legend: N examples or units, C classes."""

import math

import torch
from torch import Tensor

from lit_pretrain.adapt.distillation.soft_labels import SoftLabels


class SSLD(SoftLabels):
    """SSLD (arXiv 2103.05959): teacher and student come to say the same, and no label is looked at.

        loss = mean over examples of (KL(p, m) + KL(q, m)) / 2,    m = (p + q) / 2

    with the probabilities p of the teacher and q of the student: the Jensen-Shannon divergence. Arguments are those of
    `SoftLabels`.
    """

    def costs(self, teacher: Tensor, student: Tensor) -> Tensor:
        p, q = teacher.log_softmax(1), student.log_softmax(1)
        m = torch.logaddexp(p, q) - math.log(2)
        return ((p.exp() * (p - m)).sum(1) + (q.exp() * (q - m)).sum(1)) / 2
