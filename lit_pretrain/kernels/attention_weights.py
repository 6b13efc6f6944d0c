"""What a scaled dot product attention attends to. Kernels return no weights, so they are computed anew, eagerly.

Legend: B examples, H heads, L queries, S keys, E width of a head.
"""

import math

import torch
from torch import Tensor


def log_attention_weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """(B, H, L, S) logarithms of the weights, -inf where a query cannot see a key, with their gradients. The arguments are
    those of `scaled_dot_product_attention`; products and softmax in fp32."""
    with torch.autocast(query.device.type, enabled=False):
        if enable_gqa:
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        scores = query.float() @ key.float().mT * (scale or 1 / math.sqrt(query.shape[-1]))
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is not None:
            is_bool = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -torch.inf) if is_bool else scores + attn_mask.float()
        return scores.log_softmax(-1)
