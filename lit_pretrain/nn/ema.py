"""A teacher that is the moving average of its student (Mean Teacher, arXiv 1703.01780)."""

from copy import deepcopy
from typing import Self

import torch
from torch import nn


class EMA(nn.Module):
    """teacher <- momentum * teacher + (1 - momentum) * student; call `update` in an objective's `after_step`.

    It is a submodule, so checkpoints hold it; it takes no gradients and stays in evaluation mode.

    Args:
        student: is copied.
        momentum: 0.996 in BYOL (arXiv 2006.07733).
    """

    def __init__(self, student: nn.Module, momentum: float = 0.996):
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum={momentum} must lie between 0 and 1")
        self.teacher, self.momentum = deepcopy(student).eval().requires_grad_(False), momentum

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        """One step towards the student; its buffers are copied."""
        torch._foreach_lerp_(list(self.teacher.parameters()), list(student.parameters()), 1 - self.momentum)
        for own, other in zip(self.teacher.buffers(), student.buffers(), strict=True):
            own.copy_(other)

    def forward(self, *args, **kwargs):
        with torch.no_grad():
            return self.teacher(*args, **kwargs)
