"""Looking into attention, and replacing it, whoever wrote it. Legend: B examples, H heads, L queries, S keys, E width."""

from collections.abc import Iterable
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from lit_pretrain.kernels.attention_weights import log_attention_weights


class AttentionMaps(TorchFunctionMode):
    """Inside, the weights of every `scaled_dot_product_attention` are kept.

    Args:
        copied: weights that are used one after the other in place of those of queries and keys; None: none.

    Attributes:
        kept: log weights (B, H, L, S) of each call in fp32, with their gradients; -inf where a query cannot see a key.
    """

    def __init__(self, copied: Iterable[Tensor] | None = None):
        super().__init__()
        self.copied = None if copied is None else iter(copied)
        self.kept: list[Tensor] = []

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is not F.scaled_dot_product_attention:
            return function(*args, **(kwargs or {}))
        if self.copied is None:
            self.kept.append(log_attention_weights(*args, **(kwargs or {})))
            return function(*args, **(kwargs or {}))
        weights, (_, _, value, *_) = next(self.copied, None), args
        if weights is None or weights.shape[:2] != value.shape[:2] or weights.shape[-1] != value.shape[-2]:
            raise ValueError(f"attention maps of shape {None if weights is None else tuple(weights.shape)} do not fit values"
                             f" {tuple(value.shape)}: teacher and student need equal blocks, heads and units")  # fmt: skip
        return weights.to(value.dtype) @ value
