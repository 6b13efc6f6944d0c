"""Convolutional positions against the padded module of transformers, and by their definition."""

import pytest
import torch
from transformers import Wav2Vec2Config
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2PositionalConvEmbedding

from lit_pretrain.nn.position.convolutional import Convolutional
from lit_pretrain.types import Layout

LENGTHS = (3, 1, 12)


@pytest.mark.parametrize("kernel", [1, 4, 5, 8])
@torch.no_grad()
def test_equals_transformers_example_by_example(kernel: int) -> None:
    position, x = Convolutional(6, kernel, 3), torch.randn(sum(LENGTHS), 6)
    torch.nn.init.normal_(position.convolution.bias)
    config = Wav2Vec2Config(hidden_size=6, num_conv_pos_embeddings=kernel, num_conv_pos_embedding_groups=3)
    theirs = Wav2Vec2PositionalConvEmbedding(config)
    theirs.conv.load_state_dict(position.convolution.state_dict())
    rows = [part + theirs(part[None])[0] for part in x.split(LENGTHS)]
    torch.testing.assert_close(position.embed(x, Layout(LENGTHS)), torch.cat(rows))


@torch.no_grad()
def test_the_window_of_a_unit() -> None:
    position, x = Convolutional(6, 4, 3), torch.randn(sum(LENGTHS), 6)
    other = x.clone()
    other[9] += 1
    changed = (position.embed(x, Layout(LENGTHS)) != position.embed(other, Layout(LENGTHS))).any(1)
    assert changed.nonzero().flatten().tolist() == [8, 9, 10, 11]  # two units before a unit count, and one after it


def test_weights_are_normed_for_each_place() -> None:
    position = Convolutional(6, 4, 3)
    before = position.convolution.weight.detach()
    with torch.no_grad():
        position.convolution.parametrizations.weight.original1.mul_(torch.tensor([2.0, 3.0, 0.5, 7.0]))
    torch.testing.assert_close(position.convolution.weight.detach(), before)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="not a multiple of groups=4"):
        Convolutional(6, 4, 4)
    left = Layout((3, 3)).keep(torch.tensor([True, False, True, True, True, True]))
    with pytest.raises(ValueError, match="neighbours"):
        Convolutional(6, 4, 3).embed(torch.zeros(5, 6), left)
