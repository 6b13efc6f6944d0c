"""The slot that transforms each unit by itself."""

from abc import abstractmethod
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.part import Part

Activation = Literal["gelu", "gelu_tanh", "relu", "silu"]


def activate(name: Activation, x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh") if name == "gelu_tanh" else getattr(F, name)(x)


class FeedForward(Part):
    """(U, D) -> (U, D), unit by unit."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor: ...
