"""Each augmentation of a batch against torchvision's of one image, and draws that belong to the sample."""

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from lit_pretrain.datamodules.draws import Draws, fold, mix
from lit_pretrain.datamodules.vision.augment.affine import Affine
from lit_pretrain.datamodules.vision.augment.color_jitter import ColorJitter, brighter, contrasted, hue_shifted, saturated
from lit_pretrain.datamodules.vision.augment.gaussian_blur import GaussianBlur, blur
from lit_pretrain.datamodules.vision.augment.grayscale import Grayscale
from lit_pretrain.datamodules.vision.augment.horizontal_flip import HorizontalFlip
from lit_pretrain.datamodules.vision.augment.random_resized_crop import RandomResizedCrop
from lit_pretrain.datamodules.vision.augment.resample import resize, resized_crop
from lit_pretrain.datamodules.vision.augment.solarize import Solarize

EVERY = [RandomResizedCrop(), Affine(), ColorJitter(), GaussianBlur(), HorizontalFlip(), Solarize(), Grayscale()]
by_name = pytest.mark.parametrize("change", EVERY, ids=lambda a: type(a).__name__)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(24, 3, 20, 16, generator=torch.Generator().manual_seed(0))


def seeds(count: int, epoch: int = 0) -> torch.Tensor:
    return fold(torch.tensor(0), epoch, torch.arange(count))


def test_mix_is_splitmix64():
    """The first outputs of splitmix64 from seed 0, as published with its reference code."""
    draws = mix(torch.arange(1, 4) * torch.tensor(0x9E3779B97F4A7C15 - 2**64))
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [x % 2**64 for x in draws.tolist()] == expected


def test_draws_are_uniform_and_independent():
    first, second = Draws(seeds(20_000)), Draws(seeds(20_000, epoch=1))
    table = torch.cat([first.uniform(2), first.uniform(1), second.uniform(1)], 1)
    assert table.min() >= 0 and table.max() < 1
    torch.testing.assert_close(table.mean(0), torch.full((4,), 0.5), atol=0.01, rtol=0)
    torch.testing.assert_close(table.var(0), torch.full((4,), 1 / 12), atol=0.002, rtol=0)
    torch.testing.assert_close(torch.corrcoef(table.T), torch.eye(4), atol=0.03, rtol=0)


@by_name
def test_an_image_is_changed_the_same_alone_and_in_a_batch(change, images):
    together = change(images, Draws(seeds(24)))
    alone = torch.cat([change(images[i : i + 1], Draws(seeds(24)[i : i + 1])) for i in range(24)])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


@by_name
def test_changes_are_random_and_keep_the_range(change, images):
    before = images.clone()
    first, second = (change(images, Draws(seeds(24, epoch))) for epoch in range(2))
    assert torch.equal(images, before), "an augmentation must not write into the shared images"
    assert not torch.equal(first, second)
    assert first.min() >= 0 and first.max() <= 1 + 1e-6 and first.dtype == torch.float32


@by_name
def test_grey_images_pass(change):
    assert change(torch.rand(8, 1, 12, 12), Draws(seeds(8))).shape == (8, 1, 12, 12)


@pytest.mark.parametrize(
    ("change", "reference"),
    [
        (HorizontalFlip(1.0), F.horizontal_flip),
        (Grayscale(1.0), lambda x: F.rgb_to_grayscale(x, 3)),
        (Solarize(0.3, 1.0), lambda x: F.solarize(x, 0.3)),
    ],
    ids=["flip", "grayscale", "solarize"],
)
def test_equal_to_torchvision(change, reference, images):
    torch.testing.assert_close(change(images, Draws(seeds(24))), reference(images), atol=2e-4, rtol=0)
    never = type(change)(p=0.0)
    assert torch.equal(never(images, Draws(seeds(24))), images)


@pytest.mark.parametrize(
    ("change", "reference", "low", "high"),
    [
        (brighter, F.adjust_brightness, 0.2, 1.8),
        (contrasted, F.adjust_contrast, 0.2, 1.8),
        (saturated, F.adjust_saturation, 0.2, 1.8),
        (hue_shifted, F.adjust_hue, -0.5, 0.5),
    ],
)
def test_colours_equal_to_torchvision(change, reference, low, high, images):
    strength = torch.linspace(low, high, 24)
    images[0] = 0.3  # grey: no hue
    expected = torch.stack([reference(image, float(s)) for image, s in zip(images, strength, strict=True)])
    torch.testing.assert_close(change(images, strength[:, None, None, None]), expected, atol=3e-4, rtol=0)


def test_jitter_is_one_of_the_orders_of_its_four_changes(images):
    """Two changes do not commute, and both orders occur."""
    jitter = ColorJitter(0.8, 0.8, 0, 0, p=1.0)
    found, numbers = jitter(images, Draws(seeds(24))), Draws(seeds(24)).uniform(9)[:, 1:, None, None, None]
    low, high = numbers[:, 0] * 1.6 + 0.2, numbers[:, 1] * 1.6 + 0.2
    orders = [contrasted(brighter(images, low), high), brighter(contrasted(images, high), low)]
    same = torch.stack([((found - order).abs().amax((1, 2, 3)) < 1e-5) for order in orders])
    assert same.any(0).all() and (same.sum(1) > 4).all()


@pytest.mark.parametrize("size", [3, 7])
def test_blur_is_torchvisions_at_the_same_sigma(size, images):
    sigma = torch.linspace(0.1, 2.0, 24)
    expected = torch.stack([F.gaussian_blur(x, [size, size], [float(s)] * 2) for x, s in zip(images, sigma, strict=True)])
    torch.testing.assert_close(blur(images, sigma, size), expected, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="kernel_size=41 is too large for images of 20 x 16"):
        blur(images, sigma, 41)


@pytest.mark.parametrize("size", [5, 16, 40])
def test_crops_are_torchvisions_of_the_same_rectangles(size, images):
    rectangles = RandomResizedCrop().rectangles(20, 16, Draws(seeds(24)))
    expected = [
        F.resized_crop(image, *(int(x) for x in rectangle), [size, size], antialias=True)
        for image, *rectangle in zip(images, *rectangles, strict=True)
    ]
    torch.testing.assert_close(resized_crop(images, *rectangles, size), torch.stack(expected), atol=1e-5, rtol=0)
    torch.testing.assert_close(resize(images, size), F.resize(images, [size, size], antialias=True), atol=1e-5, rtol=0)


def test_rectangles_have_the_areas_and_shapes_asked_for():
    crop = RandomResizedCrop(scale=(0.2, 0.6), ratio=(0.5, 2.0))
    top, left, height, width = crop.rectangles(200, 100, Draws(seeds(2000)))
    area, ratio = height * width / 20_000, width / height
    assert 0.19 < area.min() < 0.22 and 0.45 < area.max() < 0.61
    assert ratio.min() > 0.48 and ratio.max() < 2.1
    assert (top >= 0).all() and (top + height <= 200).all() and (left + width <= 100).all()
    assert len(left.unique()) > 20 and len(top.unique()) > 20
    # No rectangle of this shape fits: the largest that does is taken.
    *_, height, width = RandomResizedCrop(scale=(1, 1), ratio=(1, 1)).rectangles(200, 100, Draws(seeds(3)))
    assert height.tolist() == width.tolist() == [100] * 3


def test_affine_turns_shifts_and_scales(images):
    square = images[..., :16, :]
    torch.testing.assert_close(Affine(0, 0, (1, 1))(square, Draws(seeds(24))), square, atol=1e-5, rtol=0)
    degrees = 90 * Draws(seeds(24)).between(-1, 1)
    turned = [F.rotate(x, -float(d), F.InterpolationMode.BILINEAR) for x, d in zip(square, degrees, strict=True)]
    found = Affine(90, 0, (1, 1))(square, Draws(seeds(24)))
    torch.testing.assert_close(found[..., 5:11, 5:11], torch.stack(turned)[..., 5:11, 5:11], atol=1e-3, rtol=0)
    white = torch.ones(500, 1, 16, 16)
    assert abs(Affine(0, 0.5, (1, 1))(white, Draws(seeds(500))).mean() - 9 / 16) < 0.02  # 3/4 of each side stays
    assert abs(Affine(0, 0, (0.5, 0.5))(white, Draws(seeds(500))).mean() - 1 / 4) < 0.001


def test_mistakes_are_named():
    for make, message in (
        (lambda: RandomResizedCrop(scale=(0, 1)), "scale"),
        (lambda: RandomResizedCrop(ratio=(2, 1)), "ratio"),
        (lambda: HorizontalFlip(1.5), "p=1.5"),
        (lambda: GaussianBlur(4), "kernel_size=4 must be odd"),
        (lambda: ColorJitter(hue=0.7), "hue=0.7"),
        (lambda: Affine(scale=(1.2, 1.1)), "scale"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
