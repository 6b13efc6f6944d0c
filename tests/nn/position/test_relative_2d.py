"""Relative biases on a grid: equal to transformers', for whole images and for patches that stay."""

import pytest
import torch
import transformers as hf
from transformers.models.beit.modeling_beit import BeitRelativePositionBias

from lit_pretrain.encoders.beit import BEiT
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.mixer.own_position import OwnPositionAttention
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.relative_2d import Relative2D
from lit_pretrain.types import ImageBatch, Layout


@torch.no_grad()
def test_biases_equal_those_of_transformers() -> None:
    """On a square grid; on others theirs reads its table in the wrong order."""
    theirs = BeitRelativePositionBias(hf.BeitConfig(image_size=12, patch_size=4, num_attention_heads=2))
    theirs.relative_position_bias_table.normal_()
    ours, every = Relative2D(2, (3, 3)), torch.arange(10)
    ours.table.copy_(theirs.relative_position_bias_table)
    expected = theirs((3, 3))[0]
    torch.testing.assert_close(ours.bias(every, every, False), expected)
    some = torch.tensor([0, 2, 7])
    torch.testing.assert_close(ours.bias(every, some, False), expected[:, :, some])


@torch.no_grad()
def test_one_bias_for_each_offset() -> None:
    ours = Relative2D(1, (2, 3))
    ours.table.copy_(torch.arange(18.0)[:, None])
    bias = ours.bias(torch.arange(7), torch.arange(7), False)[0].long()
    offsets = [(q // 3 - k // 3, q % 3 - k % 3) for q in range(6) for k in range(6)]
    found = dict(zip(offsets, bias[1:, 1:].flatten().tolist(), strict=True))
    assert all(found[o] == b for o, b in zip(offsets, bias[1:, 1:].flatten().tolist(), strict=True))
    assert sorted(found.values()) == list(range(15))
    assert (bias[0, 1:] == 15).all() and (bias[1:, 0] == 16).all() and bias[0, 0] == 17


@torch.no_grad()
def test_each_block_has_biases_of_its_own_or_all_have_the_same() -> None:
    batch = ImageBatch(torch.randn(2, 3, 8, 8))
    each, shared = (BEiT(8, 4, 3, 8, 2, 2, biases=kind).eval() for kind in ("each", "shared"))
    tables = [block.mixer.position.table for block in each.blocks]
    assert tables[0] is not tables[1] and isinstance(each.blocks[0].mixer, OwnPositionAttention)
    for encoder, first, second in ((each, tables[0], tables[1]), (shared, shared.position.table, None)):
        before = encoder(batch, layers=True).layers
        (first if second is None else second).normal_(std=3.0)
        after = encoder(batch, layers=True).layers
        assert torch.equal(before["block00"], after["block00"]) == (second is not None)
        assert not torch.equal(before["block01"], after["block01"])


@torch.no_grad()
@pytest.mark.parametrize("biases", ["each", "shared"])
def test_another_grid_is_refused(biases: str) -> None:
    encoder = BEiT(8, 4, 3, 8, 1, 2, biases=biases)
    with pytest.raises(ValueError, match=r"grid of \(2, 2\), and got 1 leading units and a grid of \(1, 1\)"):
        encoder(ImageBatch(torch.randn(2, 3, 4, 4)))
    with pytest.raises(ValueError, match="a class token"):
        Relative2D(2, (2, 2)).embed(torch.zeros(4, 8), Layout((4,), grid=(2, 2)))


@torch.no_grad()
def test_images_of_one_size_at_once_as_one_by_one() -> None:
    mixer, layout = OwnPositionAttention(8, 2, position=Relative2D(2, (2, 2))), Layout((5,) * 3, grid=(2, 2), leading=1)
    mixer.position.table.normal_()
    x, context = torch.randn(15, 8), Context(layout, Position())
    one_by_one = Attention._attend
    together = mixer(x, context)
    mixer._attend = lambda *args: one_by_one(mixer, *args)
    torch.testing.assert_close(mixer(x, context), together)
