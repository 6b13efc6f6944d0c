"""A teacher that is the moving average of its student (Mean Teacher, arXiv 1703.01780)."""

import math
from copy import deepcopy
from typing import Self

import torch
from torch import nn


class EMA(nn.Module):
    """teacher <- momentum * teacher + (1 - momentum) * student; call `update` in an objective's `after_step`.

    It is a submodule, so checkpoints hold it; it takes no gradients, and drops nothing out.

    Args:
        student: is copied.
        momentum: 0.996 in BYOL (arXiv 2006.07733).
        final_momentum: reached at the end of training along half a cosine; 1 in BYOL. None: it stays the same.
        batch_statistics: while training, its BatchNorm layers normalise by the batch, as in BYOL and MoCo; otherwise by
            the student's running statistics.
    """

    def __init__(self, student: nn.Module, momentum: float = 0.996, final_momentum: float | None = None, *,
                 batch_statistics: bool = False):  # fmt: skip
        super().__init__()
        final_momentum = momentum if final_momentum is None else final_momentum
        for value in (momentum, final_momentum):
            if not 0 <= value <= 1:
                raise ValueError(f"momentum={value} must lie between 0 and 1")
        self.teacher, self.momentum = deepcopy(student).eval().requires_grad_(False), momentum
        self.final_momentum, self.batch_statistics = final_momentum, batch_statistics
        self.train()  # Lightning leaves modes as they are

    def train(self, mode: bool = True) -> Self:
        super().train(False)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train(mode and self.batch_statistics)
        return self

    def momentum_at(self, progress: float) -> float:
        return self.final_momentum - (self.final_momentum - self.momentum) * (1 + math.cos(math.pi * progress)) / 2

    @torch.no_grad()
    def update(self, student: nn.Module, progress: float = 0.0) -> None:
        """One step towards the student; its buffers are copied.

        Args:
            student: what was copied.
            progress: share of the training that is done, for a momentum that changes.
        """
        momentum = self.momentum_at(progress)
        torch._foreach_lerp_(list(self.teacher.parameters()), list(student.parameters()), 1 - momentum)
        for own, other in zip(self.teacher.buffers(), student.buffers(), strict=True):
            own.copy_(other)

    def forward(self, *args, **kwargs):
        with torch.no_grad():
            return self.teacher(*args, **kwargs)
