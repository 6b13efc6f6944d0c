"""Two linear maps and what stands between them."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.head.plain_mlp import PlainMLP


@pytest.mark.parametrize("activation", ["relu", "prelu"])
def test_the_formula(activation):
    head, x = PlainMLP(6, 9, 3, activation), torch.randn(4, 6)
    inner = x @ head.layers[0].weight.T + head.layers[0].bias
    inner = F.relu(inner) if activation == "relu" else torch.where(inner > 0, inner, head.layers[1].weight * inner)
    torch.testing.assert_close(head(x), inner @ head.layers[2].weight.T + head.layers[2].bias)
    assert head.out == 3 and len(list(head.parameters())) == (4 if activation == "relu" else 5)
