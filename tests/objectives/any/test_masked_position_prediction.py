"""MP3: positions from content, for images and for texts with one class."""

import math
from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.nn.embedding.patch import PatchEmbedding
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.mixer.context_attention import ContextAttention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.objectives.any.masked_position_prediction import MP3
from lit_pretrain.types import Batch, ImageBatch, TextBatch


def mp3(embedding: Embedding, num_positions: int = 16, ratio: float = 0.5) -> MP3:
    torch.manual_seed(0)
    block = Block(ContextAttention(16, 2), MLP(16), PreNorm(LayerNorm(16)))
    encoder = Transformer(embedding, block, Plain(2), final_norm=LayerNorm(16))
    return MP3(encoder, num_positions=num_positions, masking=RandomUnits(ratio))


def patches(class_token: bool = True) -> tuple[MP3, Batch]:
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return mp3(PatchEmbedding(16, 4, 3, 16, class_token)), ImageBatch(images)


def tokens() -> tuple[MP3, Batch]:
    return mp3(TokenEmbedding(50, 16)), TextBatch(torch.randperm(50)[:30], (16, 5, 9))


@pytest.mark.parametrize("make", [patches, tokens])
@torch.no_grad()
def test_one_class_serves_images_and_texts(make) -> None:
    model, batch = make()
    terms = model.loss(batch)
    assert terms["mp3"].count == (48 if make is patches else 30)
    assert abs(terms["mp3"].sum / terms["mp3"].count - math.log(16)) < 0.5, "chance before training"
    assert terms["accuracy_outside"].count == (24 if make is patches else 8 + 3 + 5)


@torch.no_grad()
def test_the_encoder_does_not_know_positions() -> None:
    """Patches in another order have the same vectors in that order."""
    model, batch = patches()
    order = torch.randperm(4)
    rows = batch.images.unflatten(2, (4, 4))[:, :, order].flatten(2, 3)
    units, moved = (model.encoder(ImageBatch(x)).units.unflatten(0, (3, 17)) for x in (batch.images, rows))
    torch.testing.assert_close(units[:, 1:].unflatten(1, (4, 4))[:, order], moved[:, 1:].unflatten(1, (4, 4)))


@torch.no_grad()
def test_only_the_context_is_seen() -> None:
    """A patch outside of the context changes its own prediction and no other."""
    model, batch = patches()
    layout, seen = model.encoder.layout(batch), []
    hidden = model.masking(layout, torch.Generator().manual_seed(0))
    model.masking = lambda layout, generator: hidden
    model.head.register_forward_hook(lambda head, args, out: seen.append(out))
    outside = int(hidden[:17].nonzero()[0]) - 1
    row, column = 4 * (outside // 4), 4 * (outside % 4)
    images = batch.images.clone()
    images[0, :, row : row + 4, column : column + 4] += 1
    for x in (batch.images, images):
        model.loss(replace(batch, images=x))
    changed = (seen[0] != seen[1]).any(1)
    assert changed.nonzero().flatten().tolist() == [outside]


def test_it_learns_where_contents_tell() -> None:
    """Patches that carry their number: nothing but content says where they stand."""
    torch.manual_seed(0)
    model, _ = patches(class_token=False)
    ramp = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    images = torch.nn.functional.interpolate(ramp, scale_factor=4).repeat(4, 3, 1, 1)
    batch = ImageBatch(images + 0.01 * torch.randn_like(images))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        term = model.loss(batch)["mp3"]
        (term.sum / term.count).backward()
        optimizer.step()
    terms = model.loss(batch)
    assert terms["accuracy"].sum / terms["accuracy"].count > 0.5


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="position=Learned2D gives away"):
        MP3(ViT(16, 4, 3, 16, 2, 2), num_positions=16)
    with pytest.raises(ValueError, match="num_positions=15, and an example has 16"):
        mp3(PatchEmbedding(16, 4, 3, 16), 15).loss(patches()[1])
