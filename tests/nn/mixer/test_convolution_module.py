"""The convolution of Conformer against torchaudio's, recording by recording, and its batch norm over units only."""

import pytest
import torch
from torchaudio.models.conformer import _ConvolutionModule

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.convolution_module import ConvolutionModule
from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout

LENGTHS = (3, 1, 12)


def context(lengths: tuple[int, ...] = LENGTHS) -> Context:
    return Context(Layout(lengths), Position())


@torch.no_grad()
def test_equals_torchaudio() -> None:
    torch.manual_seed(0)
    ours, theirs, x = ConvolutionModule(6, 5), _ConvolutionModule(6, 6, 5, bias=True), torch.randn(16, 6)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter)
    ours.norm.running_mean.normal_()
    ours.norm.running_var.uniform_(0.5, 2)
    names = {"input": 0, "depthwise": 2, "norm": 3, "out": 5}
    for name, place in names.items():
        weights = getattr(ours, name).state_dict()
        if name in ("input", "out"):
            weights["weight"] = weights["weight"][:, :, None]
        theirs.sequential[place].load_state_dict(weights)
    theirs.layer_norm = torch.nn.Identity()  # which residual layouts add here
    ours.eval(), theirs.eval()
    rows = [theirs(part[None])[0] for part in x.split(LENGTHS)]
    torch.testing.assert_close(ours(x, context()), torch.cat(rows), atol=1e-5, rtol=1e-5)
    ours.train(), theirs.train()  # of equal lengths, the statistics of the batch are the same too
    expected = theirs(x.view(2, 8, 6)[:1]).flatten(0, 1)
    torch.testing.assert_close(ours(x[:8], context((8,))), expected, atol=1e-5, rtol=1e-5)


def test_statistics_are_those_of_the_units() -> None:
    torch.manual_seed(0)
    mixer, x = ConvolutionModule(6, 5), torch.randn(16, 6)
    seen = []
    mixer.norm.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    mixer(x, context())
    before, after = seen[0]
    assert before.shape == (16, 6)
    torch.testing.assert_close(after.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(mixer.norm.running_mean, 0.1 * before.mean(0))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="must be odd"):
        ConvolutionModule(6, 4)
    left = Layout((3, 3)).keep(torch.tensor([True, False, True, True, True, True]))
    with pytest.raises(ValueError, match="keep"):
        ConvolutionModule(6, 3)(torch.randn(5, 6), Context(left, Position()))
