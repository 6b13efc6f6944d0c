"""SparK: the mask survives every stage, and the decoder alone fills it."""

import pytest
import torch

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.decoder.unet import UNetDecoder
from lit_pretrain.objectives.vision.spark import SparK
from lit_pretrain.types import ImageBatch, Pixels

torch.set_num_threads(1)


def spark(name: str = "test_resnet", ratio: float = 0.6, **options) -> SparK:
    torch.manual_seed(0)
    encoder = TimmEncoder(name, channels=1, options=options)
    for weight in encoder.parameters():
        if weight.ndim == 1:  # fresh biases are zero, which would hide what leaks
            weight.data.add_(torch.randn_like(weight), alpha=0.3)
    return SparK(encoder, UNetDecoder(32, encoder.stride, 1), masking=RandomUnits(ratio))


@pytest.fixture
def batch() -> ImageBatch:
    images = torch.randn(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    return ImageBatch(images, pixels=Pixels((0.5,), (0.25,)))


def hide(model: SparK, batch: ImageBatch, cells: torch.Tensor, value: float) -> ImageBatch:
    """Other pixels in the hidden patches."""
    patches = torch.where(cells[:, None, :, None, :, None], model.patches(batch.images), value)
    return ImageBatch(patches.flatten(4).flatten(2, 3), pixels=batch.pixels)


@pytest.mark.parametrize(("name", "options"), [("test_resnet", {}), ("test_convnext", {}), ("convnextv2_atto", {}),
                                               ("test_resnet", {"output_stride": 8})])  # fmt: skip
@torch.no_grad()
def test_no_stage_smears_the_mask_away(name, options, batch):
    """What densifying gets has the pattern of the mask at every scale, and nothing of the hidden pixels."""
    model, seen = spark(name, **options), {}
    cells = model.draw(batch)
    for stride, part in model.densify.items():
        part.register_forward_pre_hook(lambda part, args, stride=int(stride): seen.setdefault(stride, []).append(args[0]))
    predicted = [model.predict(x, cells) for x in (batch, hide(model, batch, cells, 7.0))]
    assert torch.equal(*predicted)
    assert set(seen) == {stride for stride in model.encoder.scales if stride > 1}
    for stride, (first, second) in seen.items():
        times = model.patch_size // stride
        pattern = cells.repeat_interleave(times, 1).repeat_interleave(times, 2)
        assert torch.equal(first.abs().sum(1) > 0, pattern) and torch.equal(first, second)


def test_the_loss_is_that_of_hidden_patches(batch):
    """Against patches that are taken one by one."""
    model = spark()
    model.generator.manual_seed(0)
    cells = model.draw(batch)
    assert (~cells).flatten(1).sum(1).tolist() == [3, 3, 3]  # of 4: floor(4 x 0.4) = 1 stays
    model.generator.manual_seed(0)
    term = model.loss(batch)["spark"]
    predicted, expected = model.predict(batch, cells), []
    for image, row, column in (~cells).nonzero().tolist():
        at = image, slice(None), slice(32 * row, 32 * row + 32), slice(32 * column, 32 * column + 32)
        pixels = batch.images[at]
        pixels = (pixels - pixels.mean()) / (pixels.var() + 1e-6).sqrt()
        expected.append((predicted[at] - pixels).square().mean())
    torch.testing.assert_close(term.sum, torch.stack(expected).sum())
    assert term.count == len(expected)
    changed = model.loss(hide(model, batch, cells, 7.0))["spark"]
    assert changed.sum != term.sum  # they are the target


def test_every_weight_learns_but_the_head_s(batch):
    model = spark("test_convnext")
    model.loss(batch)["spark"].sum.backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert still == ["encoder.model.head.norm.weight", "encoder.model.head.norm.bias"]


def test_vectors_stand_where_nothing_is_seen(batch):
    model = spark()
    part = model.densify["32"]
    cells = torch.tensor([[[True, False], [False, True]]])
    part.projection = torch.nn.Identity()
    y = part(torch.randn(1, 96, 2, 2), cells)
    assert torch.equal(y[0, :, 0, 1], part.mask_vector.flatten()) and torch.equal(y[0, :, 1, 0], part.mask_vector.flatten())
    assert not torch.equal(y[0, :, 0, 0], part.mask_vector.flatten())


def test_pictures_show_the_original_where_it_is_seen(batch):
    model = spark()
    model.generator.manual_seed(0)
    cells = model.draw(batch)
    model.generator.manual_seed(0)
    rows = model.pictures(batch)["reconstruction"]
    assert rows.shape == (3, 3, 1, 64, 64) and rows.min() >= 0 and rows.max() <= 1
    seen = cells.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None]
    masked, predicted, original = rows.unbind(1)
    assert torch.equal(original, batch.pixels.restore(batch.images))
    assert torch.equal(masked[seen], original[seen]) and (masked[~seen] == 0.5).all()
    assert torch.equal(predicted[seen], original[seen]) and not torch.equal(predicted[~seen], original[~seen])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="ViT has the strides"):
        SparK(ViT(16, 4, 1, 8, 1, 1), UNetDecoder(32, 4, 1))
    with pytest.raises(ValueError, match=r"strides \[4, 8, 16, 32\], the decoder \[2, 4, 8\]"):
        SparK(TimmEncoder("test_resnet"), UNetDecoder(32, 8))
    with pytest.raises(ValueError, match="stride=12"):
        UNetDecoder(32, 12)
