"""Transforms by name, their draws, and several views of one image."""

import random

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from lit_pretrain.datamodules.draws import fold
from lit_pretrain.datamodules.vision.augment.random_resized_crop import RandomResizedCrop
from lit_pretrain.datamodules.vision.views import View
from lit_pretrain.part import build, spec

PIPELINE = [
    {"RandomResizedCrop": {"size": 12, "scale": [0.2, 1.0], "interpolation": "bicubic"}},
    {"RandomApply": {"transforms": [{"ColorJitter": {"brightness": 0.4}}], "p": 0.8}},
    {"RandomHorizontalFlip": {}},
]
IMAGE = torch.arange(3 * 30 * 40).reshape(3, 30, 40).to(torch.uint8)


def test_transforms_are_torchvisions_under_the_seed():
    own = v2.Compose(
        [
            v2.RandomResizedCrop(12, (0.2, 1.0), interpolation=v2.InterpolationMode.BICUBIC),
            v2.RandomApply([v2.ColorJitter(brightness=0.4)], p=0.8),
            v2.RandomHorizontalFlip(),
        ]
    )
    view = View(PIPELINE)
    for seed in range(5):
        torch.manual_seed(seed)
        assert torch.equal(view.transformed(IMAGE, seed), own(IMAGE))


def test_transforms_leave_the_global_generators_alone():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    View(PIPELINE).transformed(IMAGE, 7)
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert np.array_equal(np.random.get_state()[1], before[2])


def test_floats_become_bytes():
    assert torch.equal(View([{"RandomCrop": {"size": [30, 40]}}]).transformed(IMAGE / 255, 0), IMAGE)


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ([{"RandomResizeCrop": {"size": 3}}], "has no 'RandomResizeCrop'; did you mean RandomResizedCrop"),
        ([{"RandomResizedCrop": {"sise": 3}}], "RandomResizedCrop has no argument 'sise'; did you mean size"),
        ([{"RandomResizedCrop": {}}], "RandomResizedCrop does not accept {}"),
        ([{"RandomHorizontalFlip": {"p": 3}}], "does not accept {'p': 3}"),
        ([{"Normalize": {"mean": [0], "std": [1]}}], "set its mean and std"),
        ([{"Grayscale": {}, "RandomCrop": {}}], "one name with its arguments"),
    ],
)
def test_mistakes_name_the_nearest(transforms, message):
    with pytest.raises(ValueError, match=message):
        View(transforms)


def test_a_view_is_rebuilt_from_its_spec():
    view = View(PIPELINE, [RandomResizedCrop(8, (0.5, 1.0))], copies=3)
    again = build(spec(view))
    assert spec(again) == spec(view) and again.copies == 3
    assert torch.equal(again.transformed(IMAGE, 3), view.transformed(IMAGE, 3))
    images, seeds = torch.rand(4, 3, 12, 12), fold(torch.tensor(1), torch.arange(4))
    assert torch.equal(again.augmented(images, seeds), view.augmented(images, seeds))
    assert again.augmented(images, seeds).shape == (4, 3, 8, 8)
