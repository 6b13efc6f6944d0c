"""What a student learns from teachers beside the labels of its task."""

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import nn

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.part import Part
from lit_pretrain.types import Batch, Encoded, Losses


class Teaching(Part):
    """Loss terms of a student that looks at frozen teachers.

    Args:
        teachers: networks that do not train and stay in eval mode.
    """

    def __init__(self, *teachers: nn.Module):
        super().__init__()
        self.teachers = nn.ModuleList(teachers).requires_grad_(False).eval()

    def check(self, task: Task) -> None:
        """Raise ValueError if this task gives nothing to compare."""
        return

    def watch(self) -> AbstractContextManager:
        """Stands around the pass of the student's encoder."""
        return nullcontext()

    @abstractmethod
    def losses(self, task: Task, encoded: Encoded, predictions: Any, batch: Batch) -> Losses:
        """Of what the student's encoder and its head `task` have just given for a batch."""

    def train(self, mode: bool = True) -> "Teaching":
        super().train(mode)
        self.teachers.eval()
        return self
