"""The weights that a kernel does not return are those that it uses."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.kernels.attention_weights import log_attention_weights


@pytest.mark.parametrize(
    "options", [{}, {"scale": 0.3}, {"is_causal": True}, {"enable_gqa": True}, {"attn_mask": "bool"}, {"attn_mask": "bias"}],
    ids=str,
)  # fmt: skip
def test_weights_are_those_of_the_kernel(options):
    torch.manual_seed(0)
    heads = 1 if options.get("enable_gqa") else 2
    q, k, v = torch.randn(2, 2, 5, 4), torch.randn(2, heads, 5, 4), torch.randn(2, heads, 5, 4)
    masks = {"bool": torch.rand(5, 5) < 0.7, "bias": torch.randn(2, 5, 5)}
    masks["bool"][:, 0] = True
    options = {name: masks.get(value, value) for name, value in options.items()}
    weights = log_attention_weights(q, k, v, **options).exp()
    torch.testing.assert_close(weights @ v.expand(-1, 2, -1, -1), F.scaled_dot_product_attention(q, k, v, **options))
