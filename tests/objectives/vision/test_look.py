"""LOOK: a class may lie in many places, an image is no neighbour of itself, and the queue remembers."""

import math

import pytest
import torch

from lit_pretrain.nn.head.projection import NormedMLP
from lit_pretrain.objectives.vision.look import LOOK, leave_one_out
from lit_pretrain.types import ImageBatch

LABELS = torch.tensor([0, 1, 0, 1, 2, 0])


@pytest.fixture
def model(encoder) -> LOOK:
    return LOOK(encoder, NormedMLP(16, 8, 4), queue=8, neighbours=3, temperature=0.5).train()


def test_the_formula_by_hand():
    scores, same = torch.randn(5, 20), torch.rand(5, 20) < 0.3
    expected, count = 0.0, 0
    for row, alike in zip(scores.tolist(), same.tolist(), strict=True):
        nearest = set(sorted(range(20), key=lambda j: -row[j])[:6])
        if not any(alike):
            continue
        nearest.add(max((j for j in range(20) if alike[j]), key=lambda j: row[j]))
        ours = sum(math.exp(row[j]) for j in nearest if alike[j])
        expected, count = expected - math.log(ours / sum(math.exp(row[j]) for j in nearest)), count + 1
    found, counted = leave_one_out(scores, same, 6)
    assert counted == count and float(found) == pytest.approx(expected, rel=1e-5)


def test_clusters_of_a_class_need_not_meet():
    """Cross-entropy to centroids would pull them together; here far members of the class change nothing."""
    one = torch.tensor([[5.0, 4.9, 4.8, -3.0, -3.1]])
    near, split = torch.tensor([[1, 1, 1, 1, 1]]).bool(), torch.tensor([[1, 1, 1, 0, 0]]).bool()
    assert leave_one_out(one, near, 3)[0] == leave_one_out(one, split, 3)[0] == 0


def test_an_image_is_left_out_of_its_own_neighbours(model, views):
    batch = ImageBatch(views.images, labels=LABELS, index=torch.arange(10, 16))
    first = model.loss(batch)["look"]
    assert first.count == 5  # the only image of class 2 has no other
    model.after_step()
    assert model.images[:6].tolist() == list(range(10, 16)) and model.classes[6:].tolist() == [-1, -1]
    again = model.loss(batch)["look"]  # the queue holds the same images: their own copies must not count
    assert again.count == 5
    torch.testing.assert_close(again.sum, first.sum)


def test_the_queue_keeps_the_newest_and_takes_no_gradient(model, views):
    for start in (0, 6):
        model.loss(ImageBatch(views.images, labels=LABELS, index=torch.arange(start, start + 6)))["look"].sum.backward()
        model.after_step()
    assert model.images.tolist() == [6, 7, 8, 9, 10, 11, 0, 1] and not model.vectors.requires_grad
    before = model.vectors.clone()
    model.eval().loss(ImageBatch(views.images, labels=LABELS))
    model.after_step()
    assert torch.equal(model.vectors, before)


def test_mistakes(encoder, views):
    with pytest.raises(ValueError, match="neighbours=9"):
        LOOK(encoder, NormedMLP(16, 8, 4), queue=8, neighbours=9)
    with pytest.raises(ValueError, match="needs labels"):
        LOOK(encoder, NormedMLP(16, 8, 4), queue=8, neighbours=2).loss(views)
