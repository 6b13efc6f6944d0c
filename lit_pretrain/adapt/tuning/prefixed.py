"""An encoder with more keys and values than its units give.

Legend: B examples, H heads, L queries, S keys, P further keys, E width of a head, D = H * E.
"""

from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lit_pretrain.adapt.tuning.wrapped import Wrapped
from lit_pretrain.types import Batch, Encoded, Encoder


class Prefixed(Wrapped):
    """An encoder whose attention, whoever wrote it, sees P learned keys and values in each block, without a position.

    Args:
        encoder: its attention is `scaled_dot_product_attention` with heads of the width D / H.
        length: P.
    """

    def __init__(self, encoder: Encoder, length: int):
        super().__init__(encoder)
        pairs = (torch.randn(2, length, encoder.dim) * 0.02 for _ in dict.fromkeys(encoder.blocks))
        self.prefixes = nn.ParameterList(pairs)  # keys and values (2, P, D) of each block

    def forward(
        self, inputs: Batch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        with ExitStack() as stack:
            longer = stack.enter_context(_Longer())
            for block, prefix in zip(dict.fromkeys(self.blocks), self.prefixes, strict=True):
                begin = block.register_forward_pre_hook(lambda *_, prefix=prefix: longer.use(prefix))
                end = block.register_forward_hook(lambda *_: longer.use(None))
                stack.callback(begin.remove)
                stack.callback(end.remove)
            encoded = super().forward(inputs, keep=keep, mask=mask, layers=layers)
        if not longer.used:
            raise ValueError(f"the blocks of {type(self.encoder).__name__} compute no scaled_dot_product_attention that a"
                             " prefix could be put before; LoRA serves any encoder")  # fmt: skip
        return encoded


class _Longer(TorchFunctionMode):
    """Puts the current prefix before the keys and values of every attention."""

    def __init__(self) -> None:
        super().__init__()
        self.prefix: Tensor | None = None
        self.used = False

    def use(self, prefix: Tensor | None) -> None:
        self.prefix = prefix

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is F.scaled_dot_product_attention and self.prefix is not None:
            self.used = True
            return _attention(self.prefix, *args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _attention(
    prefix: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`scaled_dot_product_attention` (B, H, L, E), and each query sees the whole prefix."""
    examples, heads, length, width = key.shape
    if heads * width != prefix.shape[2]:
        raise ValueError(f"{heads} heads of width {width} do not fit a prefix of width {prefix.shape[2]}: Prefix needs"
                         " attention whose keys are as wide as the encoder")  # fmt: skip
    before = prefix.to(key.dtype).unflatten(2, (heads, width)).transpose(1, 2)[:, None]  # (2, 1, H, P, E)
    keys, values = (torch.cat([p.expand(examples, -1, -1, -1), x], 2) for p, x in zip(before, (key, value), strict=True))
    if is_causal:
        attn_mask = torch.ones(query.shape[2], length, dtype=torch.bool, device=key.device).tril()
    if attn_mask is not None:
        visible = True if attn_mask.dtype == torch.bool else 0.0
        attn_mask = F.pad(attn_mask, (prefix.shape[1], 0), value=visible)
    return F.scaled_dot_product_attention(query, keys, values, attn_mask, dropout_p, scale=scale, enable_gqa=enable_gqa)
