"""The scale of each kind of weight."""

import torch

from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.init.xavier_uniform import XavierUniform


def test_matrices_have_the_variance_of_glorot_and_bengio():
    torch.manual_seed(0)
    encoder = ViT(16, 4, 1, 64, 1, 4, init=XavierUniform())
    inner = encoder.blocks[0].feedforward
    for weight in (encoder.embedding.patch.weight, *(p for p in inner.parameters() if p.ndim == 2)):
        rows, columns = weight.flatten(1).shape
        bound = (6 / (rows + columns)) ** 0.5
        assert weight.abs().max() <= bound
        torch.testing.assert_close(weight.std(), torch.tensor(bound / 3**0.5), rtol=0.06, atol=0)
    assert all(p.abs().max() == 0 for name, p in encoder.named_parameters() if name.endswith("bias"))
