"""SimSiam: only the side of the predictor learns."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.head.projection import MLP, DeepNormedMLP
from lit_pretrain.objectives.vision.simsiam import SimSiam


@pytest.fixture
def model(encoder) -> SimSiam:
    return SimSiam(encoder, DeepNormedMLP(16, 12, 8), MLP(8, 4, 8))


def test_the_formula(model, views):
    z = [model.projector(model.encoder(views.view(i)).pooled) for i in range(2)]
    cosine = [F.cosine_similarity(model.predictor(z[i]), z[1 - i]).mean() for i in range(2)]
    torch.testing.assert_close(model.loss(views)["simsiam"], 1 - sum(cosine) / 2)


def test_targets_are_stopped(model, views):
    """The gradient is that of the loss with constant targets; without the stop it would be another."""
    model.loss(views)["simsiam"].backward()
    found = model.projector.layers[0].weight.grad.clone()

    def gradient(stop: bool) -> torch.Tensor:
        model.zero_grad()
        z = [model.projector(model.encoder(views.view(i)).pooled) for i in range(2)]
        targets = [x.detach() if stop else x for x in z]
        sum(-F.cosine_similarity(model.predictor(z[i]), targets[1 - i]).mean() / 2 for i in range(2)).backward()
        return model.projector.layers[0].weight.grad

    torch.testing.assert_close(found, gradient(stop=True))
    assert not torch.allclose(found, gradient(stop=False))
