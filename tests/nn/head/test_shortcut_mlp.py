"""InfoGraph's head: what its three layers give and a linear map of what came in."""

import torch
import torch.nn.functional as F

from lit_pretrain.nn.head.shortcut_mlp import ShortcutMLP


def test_the_formula():
    head, x = ShortcutMLP(6), torch.randn(4, 6)
    expected = x
    for i in (0, 2, 4):
        expected = F.relu(expected @ head.layers[i].weight.T + head.layers[i].bias)
    expected = expected + x @ head.shortcut.weight.T + head.shortcut.bias
    torch.testing.assert_close(head(x), expected)
    assert head.out == 6 and len(list(head.parameters())) == 8
