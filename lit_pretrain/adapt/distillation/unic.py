"""One student of several teachers. Legend: B examples, U units, D width, T teachers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.adapt.distillation.ladder import Ladder
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Batch, Encoded, Encoder, Layout, Losses


class UNIC(PretrainModule):
    """UNIC (arXiv 2408.05088): an encoder learns, without labels, to predict what several frozen encoders give.

        loss of a teacher = mean over both of (1 - cos(predicted, target)) / 2 + smooth L1(predicted, target) / 2

    Both are the pooled vector and the units. A target is what a teacher gives, standardised with the statistics of all
    batches so far; a prediction is made by a ladder of projectors on all blocks, which are left behind. For each example
    every teacher but the one with the largest loss is dropped with the probability `teacher_dropping`, so that none is
    neglected.

    Args:
        encoder: of the student.
        teachers: of the same modality.
        hidden, last_hidden: inner widths of the projectors of the lower blocks and of the last; default D and 4 D.
        units: also predict units; the teachers must cut an example into the same ones. False: pooled vectors alone.
        teacher_dropping: probability.
    """

    def __init__(
        self,
        encoder: Encoder,
        teachers: tuple[Encoder, ...],
        hidden: int | None = None,
        last_hidden: int | None = None,
        units: bool = True,
        teacher_dropping: float = 0.5,
    ):
        super().__init__()
        if not teachers or not 0 <= teacher_dropping <= 1:
            raise ValueError(f"give at least one of teachers, and teacher_dropping={teacher_dropping} between 0 and 1")
        self.encoder, self.teacher_dropping = encoder, teacher_dropping
        self.teachers = nn.ModuleList(teachers).requires_grad_(False)
        self.kinds = ("pooled", "units") if units else ("pooled",)
        widths = (encoder.dim, hidden or encoder.dim, last_hidden or 4 * encoder.dim)
        self.ladders = nn.ModuleList(
            nn.ModuleDict({kind: Ladder(encoder.num_layers, *widths, teacher.dim) for kind in self.kinds})
            for teacher in teachers
        )
        # A momentum of None: the mean of all batches.
        self.norms = nn.ModuleList(
            nn.ModuleDict({kind: nn.BatchNorm1d(teacher.dim, affine=False, momentum=None) for kind in self.kinds})
            for teacher in teachers
        )
        self.train()

    def train(self, mode: bool = True) -> "UNIC":
        super().train(mode)
        self.teachers.eval()
        return self

    def loss(self, batch: Batch) -> Losses:
        encoded = self.encoder(batch, layers=True)
        rungs = self._rungs(encoded)
        losses = torch.stack([self._loss(i, rungs, encoded.layout, batch) for i in range(len(self.teachers))])  # (T, B)
        if not self.training:
            return {"distillation": losses.mean()}
        kept = torch.rand_like(losses) >= self.teacher_dropping
        kept[losses.argmax(0), torch.arange(losses.shape[1], device=losses.device)] = True
        return {"distillation": (losses * kept).sum() / kept.sum()}

    def _rungs(self, encoded: Encoded) -> dict[str, list[Tensor]]:
        """What the ladders stand on: (B, D) or (U, D) of each block, of the last after all that is above it."""
        names = [f"block{i:02d}" for i in range(self.encoder.num_layers - 1)]
        below = {"pooled": [encoded.pool(name) for name in names], "units": [encoded.layers[name] for name in names]}
        if any(x.shape[1] != self.encoder.dim for x in below["pooled"]):
            raise ValueError(f"the blocks of {type(self.encoder).__name__} differ in width; UNIC needs a student whose"
                             " blocks are alike, such as a Transformer")  # fmt: skip
        return {"pooled": [*below["pooled"], encoded.pooled], "units": [*below["units"], encoded.units]}

    def _loss(self, number: int, rungs: dict[str, list[Tensor]], layout: Layout, batch: Batch) -> Tensor:
        """(B,) of a teacher."""
        with torch.no_grad():
            said, losses = self.teachers[number](batch), []
        for kind in self.kinds:
            predicted, target = self.ladders[number][kind](rungs[kind]).float(), getattr(said, kind).float()
            if len(predicted) != len(target):
                raise ValueError(f"the student has {len(predicted)} units and a teacher {len(target)}: give units=false")
            target = self._standardise(self.norms[number][kind], target)
            loss = (1 - F.cosine_similarity(predicted, target)) / 2
            loss = loss + F.smooth_l1_loss(predicted, target, reduction="none").mean(1) / 2
            losses.append(loss if kind == "pooled" else _means(loss, layout))
        return torch.stack(losses).mean(0)

    def _standardise(self, norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
        if self.training:
            norm(x)  # counts the batch in
        return F.batch_norm(x, norm.running_mean, norm.running_var)


def _means(values: Tensor, layout: Layout) -> Tensor:
    """(U,) -> (B,)"""
    sums = values.new_zeros(layout.num_examples).index_add(0, layout.example, values)
    return sums / layout.offsets.diff().clamp(min=1)
