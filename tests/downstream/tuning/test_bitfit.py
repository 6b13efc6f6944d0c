"""Biases train, and nothing else."""

import pytest
import torch
from small_encoders import NAMES, small
from torch import nn

from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tuning.bitfit import BitFit
from lit_pretrain.types import Encoder


@pytest.mark.parametrize("name", NAMES)
def test_all_biases_of_linear_layers_and_norms_train_and_no_weight(name):
    encoder, batch = small(name)
    model = FineTune(encoder, Classify(32, 3), BitFit())
    kinds = (nn.Linear, nn.Conv2d, nn.LayerNorm)
    expected = {id(layer.bias) for layer in encoder.modules() if isinstance(layer, kinds) and layer.bias is not None}
    trained = {id(p) for p in encoder.parameters() if p.requires_grad}
    assert expected <= trained and all(p.ndim == 1 for p in encoder.parameters() if p.requires_grad)
    before = {key: weight.clone() for key, weight in encoder.state_dict().items()}
    nn.init.normal_(model.task.linear.weight)  # at zero, nothing would reach the encoder in the first step
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    term = model.loss(batch)["task"]
    term.sum.backward()
    optimizer.step()
    changed = {key for key, weight in encoder.state_dict().items() if not torch.equal(weight, before[key])}
    assert changed and all("bias" in key for key in changed)


def test_an_encoder_without_biases_is_named():
    class Bare(Encoder):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(2, 2, bias=False)])

        def forward(self, inputs, *, keep=None, mask=None, layers=False):
            raise AssertionError

    with pytest.raises(ValueError, match="Bare has no biases"):
        BitFit().freeze(Bare())
