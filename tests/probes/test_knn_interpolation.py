"""The weight is chosen on validation, so that there the mixture is no worse than either part."""

import json

import pytest
import torch
from sklearn.datasets import load_digits

from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.knn_interpolation import KNNInterpolation
from lit_pretrain.probes.logistic import LogisticProbe

LOGISTIC = LogisticProbe(l2=(1e-2, 1e-1))


@pytest.fixture(params=["digits", "moons", "linear"])
def data(request):
    """Both are good; neighbours are better; the classifier is better."""
    generator = torch.Generator().manual_seed(0)
    if request.param == "digits":
        x, y = (torch.tensor(z) for z in load_digits(return_X_y=True))
        order = torch.randperm(len(x), generator=generator)
        return x[order].float() + 8 * torch.randn(x.shape, generator=generator), y[order]
    x = torch.randn(1500, 2 if request.param == "moons" else 60, generator=generator)
    return x, ((x[:, 0] * x[:, 1] > 0) if request.param == "moons" else (x.sum(1) > 0)).long()


def accuracy(probe, x, y) -> float:
    return dict(probe.score(x, y))["accuracy"]


def test_is_no_worse_than_either_on_validation(data):
    x, y = data
    train, validation, test = (slice(*span) for span in ((0, 300), (300, 700), (700, None)))
    held = x[validation], y[validation]
    parts = [LogisticProbe((1e-2, 1e-1)).fit(x[train], y[train], held), KNNProbe().fit(x[train], y[train], held)]
    mixed = KNNInterpolation(LOGISTIC).fit(x[train], y[train], held)
    assert accuracy(mixed, *held) >= max(accuracy(part, *held) for part in parts)
    assert accuracy(mixed, x[test], y[test]) >= min(accuracy(part, x[test], y[test]) for part in parts)


def test_scores_are_the_mixture_of_probabilities(data):
    x, y = data
    held = x[300:500], y[300:500]
    mixed = KNNInterpolation(LOGISTIC, weights=(0.3,)).fit(x[:300], y[:300], held)
    votes = KNNProbe().fit(x[:300], y[:300]).scores(x[500:600])
    logits = LogisticProbe((1e-2, 1e-1)).fit(x[:300], y[:300], held).scores(x[500:600])
    weight = mixed.selected["weight"]
    assert weight in (0.0, 0.3, 1.0) and mixed.selected["l2"] > 0
    expected = weight * votes.double() / votes.sum(1, keepdim=True) + (1 - weight) * logits.softmax(1)
    torch.testing.assert_close(mixed.scores(x[500:600]), expected)


def test_each_part_wins_where_it_is_better():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(600, 2, generator=generator)
    crossed = KNNInterpolation(LOGISTIC).fit(x[:400], (x[:400].prod(1) > 0).long(), (x[400:], (x[400:].prod(1) > 0).long()))
    assert crossed.selected["weight"] >= 0.5
    x = torch.randn(600, 60, generator=generator)
    y = (x.sum(1) > 0).long()
    assert KNNInterpolation(LOGISTIC).fit(x[:400], y[:400], (x[400:], y[400:])).selected["weight"] <= 0.5


def test_without_validation_it_holds_examples_out_and_fits_all(data):
    x, y = data
    mixed = KNNInterpolation(LOGISTIC).fit(x[:300], y[:300])
    assert len(mixed.knn.bank) == 300
    json.dumps(mixed.protocol())  # cells of a protocol keep it
    with pytest.raises(ValueError, match="3 examples: too few"):
        KNNInterpolation(LOGISTIC).fit(x[:3], torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"weights=\[1.5\]"):
        KNNInterpolation(weights=(0.5, 1.5))
