"""Supervised pretraining: cross-entropy on the labels of any modality."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.encoders.vit import ViT
from lit_pretrain.objectives.any.supervised import Supervised
from lit_pretrain.types import ImageBatch


def test_the_formula_and_what_it_needs():
    torch.manual_seed(0)
    model = Supervised(ViT(8, 4, 1, 16, 1, 2), 5, smoothing=0.1)
    images, labels = torch.randn(6, 1, 8, 8), torch.tensor([0, 4, 2, 2, 1, 3])
    term = model.loss(ImageBatch(images, labels=labels))["supervised"]
    logs = model.classifier(model.encoder(ImageBatch(images)).pooled).log_softmax(1)
    targets = 0.9 * F.one_hot(labels, 5) + 0.1 / 5
    torch.testing.assert_close(term.sum / term.count, -(targets * logs).sum(1).mean())
    with pytest.raises(ValueError, match="needs labels"):
        model.loss(ImageBatch(images))
