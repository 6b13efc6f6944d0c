"""TimmEncoder: timm's own numbers, and nothing of what `keep` hides."""

import copy

import pytest
import timm
import torch

from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.part import build, spec
from lit_pretrain.types import ImageBatch

torch.set_num_threads(1)
# name, side of the images, options that make it small
MODELS = [
    ("test_vit", 32, {}),
    ("deit_tiny_distilled_patch16_224", 32, {"embed_dim": 24, "depth": 2, "num_heads": 2}),
    ("swin_tiny_patch4_window7_224", 64, {"embed_dim": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 2, 2)}),
    ("test_resnet", 64, {}),
    ("test_convnext", 64, {}),
    ("poolformer_s12", 32, {}),
    ("lcnet_035", 64, {}),
    ("test_nfnet", 64, {}),
    ("resnetv2_50x1_bit", 32, {}),
    ("test_mambaout", 64, {}),
]
# with which `keep` is tried
CONVNETS = [("test_resnet", {}), ("test_convnext", {}), ("test_convnext2", {}), ("resnetv2_50x1_bit", {}),
            ("resnet10t", {"output_stride": 16}), ("regnetx_002", {}), ("mobilenetv2_035", {})]  # fmt: skip


def encoder(name: str, size: int | None = None, **options) -> TimmEncoder:
    torch.manual_seed(0)
    return TimmEncoder(name, image_size=size, options=options).eval()


def images(size: int, count: int = 2) -> ImageBatch:
    return ImageBatch(torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(("name", "size", "options"), MODELS, ids=[name for name, *_ in MODELS])
@torch.no_grad()
def test_equals_timm(name, size, options):
    ours, batch = encoder(name, size, **options), images(size)
    arguments = timm.models.resolve_model_input_args(name, {"img_size": size}, **options)
    theirs = timm.create_model(**arguments, num_classes=0).eval()
    theirs.load_state_dict(ours.model.state_dict())
    encoded = ours(batch, layers=True)
    assert torch.equal(encoded.pooled, theirs(batch.images)) and encoded.pooled.shape == (2, ours.dim)
    features = theirs.forward_features(batch.images)
    if features.ndim == 4 and getattr(theirs, "output_fmt", "NCHW") == "NCHW":
        features = features.permute(0, 2, 3, 1)
    assert torch.equal(encoded.units, features.reshape(-1, features.shape[-1]))
    assert torch.equal(ours(batch).units, encoded.units)
    said = ours.layout(batch)
    for field in ("lengths", "grid", "leading"):
        assert getattr(said, field) == getattr(encoded.layout, field), field
    assert list(encoded.layers) == ["embedding", *(f"block{i:02d}" for i in range(ours.num_layers))]
    assert len(ours.blocks) == ours.num_layers
    for stride, (layer, width) in ours.scales.items():
        assert encoded.layers[layer].shape == (2 * ((size // stride) ** 2 + said.leading), width)


@torch.no_grad()
def test_layers_are_those_of_timm():
    ours, batch = encoder("test_vit", 32), images(32)
    layers, x = ours(batch, layers=True).layers, batch.images
    theirs = ours.model
    x = theirs.norm_pre(theirs.patch_drop(theirs._pos_embed(theirs.patch_embed(x))))
    assert torch.equal(layers["embedding"], x.flatten(0, 1))
    for i, block in enumerate(theirs.blocks):
        x = block(x)
        torch.testing.assert_close(layers[f"block{i:02d}"], x.flatten(0, 1))
    ours = encoder("test_convnext")
    layers = ours(batch, layers=True).layers
    assert torch.equal(layers["embedding"], ours.model.stem(batch.images).movedim(1, -1).flatten(0, 2))


def test_a_checkpoint_rebuilds_it():
    ours = TimmEncoder("test_resnet", channels=1, options={"output_stride": 8})
    again = build(spec(ours))
    again.load_state_dict(ours.state_dict())
    assert ours.state_dict().keys() == {f"model.{k}" for k in timm.create_model("test_resnet", num_classes=0).state_dict()}
    assert again.stride == 8


@torch.no_grad()
def test_a_compiled_block_and_a_copy_give_their_layers():
    ours, batch = encoder("test_convnext"), images(32)
    expected = ours(batch, layers=True).layers
    copied = copy.deepcopy(ours)
    ours.blocks[0].compile(backend="aot_eager", dynamic=True)
    for other in (ours, copied):
        for name, units in other(batch, layers=True).layers.items():
            torch.testing.assert_close(units, expected[name], rtol=1e-4, atol=1e-4)


# ---- keep -----------------------------------------------------------------------------------------------------------


def shaken(ours: TimmEncoder) -> TimmEncoder:
    """Without the zeros and ones that fresh biases and scales are, which would hide what leaks."""
    for weight in ours.parameters():
        if weight.ndim == 1:
            weight.data.add_(torch.randn_like(weight), alpha=0.3)
    return ours


def cells(count: int, grid: int) -> torch.Tensor:
    return (torch.rand(count, grid, grid, generator=torch.Generator().manual_seed(3)) > 0.5).flatten()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "options"), CONVNETS, ids=[name for name, _ in CONVNETS])
@torch.no_grad()
def test_nothing_leaks_through_any_stage(name, options, training):
    """The pattern of the features is the input's at every stage, and hidden pixels change no feature."""
    ours, batch = shaken(encoder(name, **options)).train(training), images(64)
    grid = 64 // ours.stride
    keep = cells(2, grid)
    hidden = ~keep.unflatten(0, (2, 1, grid, grid)).repeat_interleave(ours.stride, 2).repeat_interleave(ours.stride, 3)
    changed = ImageBatch(torch.where(hidden, batch.images + 9, batch.images))
    first, second = (ours(x, keep=keep, layers=True) for x in (batch, changed))
    assert torch.equal(first.units, second.units) and torch.equal(first.pooled, second.pooled)
    assert len(first.units) == keep.sum() == first.layout.num_units
    for layer, units in first.layers.items():
        side = int((len(units) // 2) ** 0.5)
        seen = keep.unflatten(0, (2, grid, grid)).repeat_interleave(side // grid, 1).repeat_interleave(side // grid, 2)
        assert torch.equal(units.abs().sum(1) > 0, seen.flatten()), layer
        assert torch.equal(units, second.layers[layer])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "options"), CONVNETS, ids=[name for name, _ in CONVNETS])
@torch.no_grad()
def test_to_keep_everything_is_to_be_dense(name, options, training):
    dense, batch = shaken(encoder(name, **options)).train(training).double(), ImageBatch(images(64).images.double())
    sparse = copy.deepcopy(dense)
    expected = dense(batch, layers=True)
    encoded = sparse(batch, keep=torch.ones(len(expected.units)).bool(), layers=True)
    torch.testing.assert_close(encoded.pooled, expected.pooled)
    for layer, units in expected.layers.items():
        torch.testing.assert_close(encoded.layers[layer], units)
    for key, value in dense.state_dict().items():
        torch.testing.assert_close(sparse.state_dict()[key], value)


@torch.no_grad()
def test_pooled_is_of_visible_units():
    ours, batch = encoder("test_resnet"), images(64)
    keep = torch.tensor([1, 0, 0, 1, 0, 1, 0, 0]).bool()
    encoded = ours(batch, keep=keep)
    torch.testing.assert_close(encoded.pooled[0], encoded.units[:2].mean(0))
    torch.testing.assert_close(encoded.pooled[1], encoded.units[2])


# ---- mistakes -------------------------------------------------------------------------------------------------------


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"near are .*resnet50\b"):
        TimmEncoder("resnet_50")
    with pytest.raises(ValueError, match="no_such_option"):
        TimmEncoder("test_vit", options={"no_such_option": 1})
    with pytest.raises(ValueError, match=r"VisionTransformer cannot leave units out \(keep\)"):
        encoder("test_vit", 32)(images(32), keep=torch.ones(10).bool())
    with pytest.raises(ValueError, match="is a Sigmoid"):
        encoder("test_efficientnet")(images(32), keep=torch.ones(2).bool())
    with pytest.raises(ValueError, match="maskable"):
        encoder("test_vit", 32)(images(32), mask=torch.ones(10).bool())
    with pytest.raises(ValueError, match="multiples of its stride 32"):
        encoder("test_resnet").layout(images(40))
    with pytest.raises(ValueError, match="sync_batchnorm"):
        synced = torch.nn.SyncBatchNorm.convert_sync_batchnorm(encoder("test_resnet"))
        synced(images(32), keep=torch.ones(2).bool())
