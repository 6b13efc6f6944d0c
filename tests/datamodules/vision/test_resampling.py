"""Square-root resampling: rare tags by the root of how rare they are, and views of their own for each copy."""

import numpy as np
import pytest
import torch

from lit_pretrain.datamodules.vision.augment.affine import Affine
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.resampling import SquareRoot
from lit_pretrain.datamodules.vision.source.digits import Digits
from lit_pretrain.datamodules.vision.views import View


def test_the_formula():
    tags = np.zeros((1000, 3), bool)
    tags[:, 0] = True  # everywhere
    tags[:40, 1], tags[35:45, 2] = True, True  # 4 % and 1 %
    factors = SquareRoot(0.16).factors(tags)
    assert factors[50] == 1 and factors[0] == pytest.approx(2) and factors[40] == factors[36] == pytest.approx(4)


def test_on_average_an_image_is_drawn_as_often_as_its_factor():
    tags = np.zeros((500, 2), bool)
    tags[:, 0], tags[:20, 1] = True, True
    rule, rng = SquareRoot(0.25), np.random.default_rng(0)  # sqrt(0.25 / 0.04) = 2.5
    counts = np.stack([rule.counts(tags, rng) for _ in range(400)])
    assert counts.max() == 3 <= rule.most(tags)
    assert counts[:, :20].mean() == pytest.approx(2.5, abs=0.03) and (counts[:, 20:] == 1).all()


def test_copies_have_views_of_their_own():
    def seen(resampling):
        data = VisionDataModule(Digits(), [View(augment=[Affine()])], image_size=8, channels=1, batch_size=64,
                                resampling=resampling)  # fmt: skip
        batches = list(data.loader("train", shuffle=True))
        return [torch.cat([getattr(batch, name) for batch in batches]) for name in ("images", "index")]

    (_, once), (images, index) = seen(None), seen(SquareRoot(0.5))
    assert len(once.unique()) == len(once) and len(index) > 1.3 * len(once)
    most = index.bincount().argmax()
    assert len(images[index == most].unique(dim=0)) == (index == most).sum() >= 2


def test_mistakes():
    with pytest.raises(ValueError, match="threshold=0"):
        SquareRoot(0)
