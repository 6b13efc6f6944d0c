"""Hashtags: each of k tags gets 1/k of one softmax, and tags stand for classes afterwards."""

import pytest
import torch

from lit_pretrain.objectives.vision.hashtag_prediction import HashtagPrediction, targets
from lit_pretrain.types import ImageBatch

TAGS = torch.tensor([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)


@pytest.fixture
def model(encoder) -> HashtagPrediction:
    return HashtagPrediction(encoder, 4)


def test_each_of_k_tags_gets_its_share():
    found = targets(TAGS)
    assert found[0].tolist() == [0.5, 0, 0, 0.5] and found[3].tolist() == [0.25] * 4
    assert found.sum(1).tolist() == [1, 0, 1, 1, 1, 1]


def test_untagged_images_count_nothing(model, views):
    term = model.loss(ImageBatch(views.images, tags=TAGS))["hashtag"]
    logs = model.classifier(model.encoder(ImageBatch(views.images)).pooled).log_softmax(1)
    expected = -sum(logs[i][TAGS[i]].mean() for i in (0, 2, 3, 4, 5)) / 5
    assert term.count == 5
    torch.testing.assert_close(term.sum / term.count, expected)


def test_classes_by_their_tags(model, views):
    found = model.zero_shot(ImageBatch(views.images), [[0], [1, 3]]).exp()
    each = model.classifier(model.encode(ImageBatch(views.images)).pooled).softmax(1)
    share = each[:, 0] / (each[:, 0] + each[:, 1] + each[:, 3])
    torch.testing.assert_close(found, torch.stack([share, 1 - share], 1))


def test_mistakes(model, views):
    with pytest.raises(ValueError, match="tagged images"):
        model.loss(ImageBatch(views.images))
    with pytest.raises(ValueError, match="num_tags=4, but the data have 3"):
        model.loss(ImageBatch(views.images, tags=TAGS[:, :3]))
    with pytest.raises(ValueError, match=r"classes \[1\] have no tag"):
        model.zero_shot(ImageBatch(views.images), [[0], []])
