"""Semantic softmax: each level by itself, and labels that end early ask nothing of deeper levels."""

import pytest
import torch

from lit_pretrain.losses.class_tree import ClassTree
from lit_pretrain.objectives.vision.semantic_softmax import SemanticSoftmax
from lit_pretrain.types import ImageBatch

CLASSES = ["poodle", "beagle", "cat", "oak"]
PARENTS = {"poodle": "dog", "beagle": "dog", "dog": "animal", "cat": "animal", "oak": "plant"}


@pytest.fixture
def model(encoder) -> SemanticSoftmax:
    return SemanticSoftmax(encoder, ClassTree(CLASSES, PARENTS), smoothing=0.0)


def test_the_tree():
    tree = ClassTree(CLASSES, PARENTS)
    named = [[tree.names[i] for i in path] for path in tree.path]
    assert named == [["animal", "dog", "poodle"], ["animal", "dog", "beagle"], ["animal", "cat"], ["plant", "oak"]]
    assert [{tree.names[i] for i in level} for level in tree.levels] == [
        {"animal", "plant"}, {"dog", "cat", "oak"}, {"poodle", "beagle"}]  # fmt: skip


def test_each_level_is_a_softmax_of_its_own(model, views):
    labels = torch.tensor([0, 1, 2, 3, 0, 2])
    terms = model.loss(ImageBatch(views.images, labels=labels))
    logits = model.classifier(model.encoder(ImageBatch(views.images)).pooled)
    for k, level in enumerate(model.tree.levels):
        logs, expected = logits[:, level].log_softmax(1), 0.0
        for row, label in enumerate(labels.tolist()):
            path = model.tree.path[label]
            expected = expected - (logs[row, level.index(path[k])] if k < len(path) else 0.0)
        torch.testing.assert_close(terms[f"level{k}"].sum, expected)
        assert terms[f"level{k}"].count == 6
    assert model.weights == [1.0, 7 / 5, 7 / 2]


def test_a_wrong_breed_costs_nothing_above(model, views):
    """Unlike a flat softmax: only the deepest level changes when poodles become beagles."""
    poodles, beagles = (model.loss(ImageBatch(views.images, labels=torch.full((6,), i))) for i in (0, 1))
    assert torch.equal(poodles["level0"].sum, beagles["level0"].sum)
    assert torch.equal(poodles["level1"].sum, beagles["level1"].sum)
    assert not torch.equal(poodles["level2"].sum, beagles["level2"].sum)
    cats = model.loss(ImageBatch(views.images, labels=torch.full((6,), 2)))
    assert cats["level2"].sum == 0


def test_mistakes(model, views):
    with pytest.raises(ValueError, match="needs labels"):
        model.loss(views)
    with pytest.raises(ValueError, match="'a' is its own ancestor"):
        ClassTree(["a"], {"a": "b", "b": "a"})
    with pytest.raises(ValueError, match=r"\['wolf'\] are no class"):
        ClassTree(["cat"], {"wolf": "cat"})
