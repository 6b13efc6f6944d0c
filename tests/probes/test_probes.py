"""The probes agree with scikit-learn on digits, choose their strength as they say, and touch no global state."""

import random

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from lit_pretrain.part import build, spec
from lit_pretrain.probes.base import macro_f1
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe
from lit_pretrain.probes.ridge import RidgeProbe


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = torch.tensor(x[order], dtype=torch.float32), torch.tensor(y[order])
    return x[:600], y[:600], x[600:1400], y[600:1400]


def agreement(probe, reference, train, y, test) -> float:
    return float((probe.fit(train, y).predict(test).numpy() == reference).mean())


def test_logistic_is_scikit_learns(digits):
    train, y, test, _ = digits
    l2 = 1e-2
    scale = StandardScaler().fit(train.double())
    theirs = LogisticRegression(C=1 / (len(y) * l2), tol=1e-8, max_iter=1000).fit(scale.transform(train.double()), y)
    probe = LogisticProbe((l2,)).fit(train, y)
    ours = probe.scores(test).softmax(1).numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(scale.transform(test.double())), atol=3e-4)
    assert agreement(probe, theirs.predict(scale.transform(test.double())), train, y, test) == 1.0


def test_ridge_is_scikit_learns(digits):
    train, y, test, _ = digits
    l2 = 1e-2
    scale = StandardScaler().fit(train.double())
    theirs = RidgeClassifier(alpha=len(y) * l2).fit(scale.transform(train.double()), y)
    assert agreement(RidgeProbe((l2,)), theirs.predict(scale.transform(test.double())), train, y, test) == 1.0


def test_ridge_leaves_one_out_exactly(digits):
    """The strength that leave-one-out by refitting chooses is the one that the closed form chooses."""
    train, y, _, _ = digits
    train, y = train[:60], y[:60]
    x = torch.tensor(StandardScaler().fit_transform(train.double()))
    grid = (1e-3, 1e-1, 1.0, 30.0)
    correct = []
    for l2 in grid:
        hits = 0
        for i in range(len(y)):
            rest = torch.arange(len(y)) != i
            fitted = RidgeClassifier(alpha=len(y) * l2).fit(x[rest], y[rest])
            hits += int(fitted.predict(x[i : i + 1])[0] == y[i])
        correct.append(hits)
    best = max(l2 for l2, hits in zip(grid, correct, strict=True) if hits == max(correct))
    assert len(set(correct)) > 1
    assert RidgeProbe(grid).fit(train, y).selected["l2"] == best


def test_knn_is_scikit_learns(digits):
    train, y, test, _ = digits
    theirs = KNeighborsClassifier(20, weights=lambda d: np.exp((1 - d) / 0.07), metric="cosine", algorithm="brute")
    said = theirs.fit(train, y).predict(test)
    assert agreement(KNNProbe(chunk=100), said, train, y, test) > 0.995  # sums in another order


def test_knn_ties_are_defined():
    bank = torch.tensor([[1.0, 0.0]] * 4)
    probe = KNNProbe(k=2).fit(bank, torch.tensor([3, 3, 1, 1]))
    assert probe.predict(torch.tensor([[2.0, 0.0]])).item() == 3  # the first two of the training set vote
    probe = KNNProbe(k=4).fit(bank, torch.tensor([3, 1, 3, 1]))
    assert probe.predict(torch.tensor([[2.0, 0.0]])).item() == 1  # equal votes: the lowest class


@pytest.mark.parametrize("probe", [LogisticProbe(), RidgeProbe(), KNNProbe()], ids=lambda p: type(p).__name__)
def test_a_probe_is_pure(digits, probe):
    train, y, test, wanted = digits
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    first = dict(probe.fit(train, y).score(test, wanted))
    torch.manual_seed(99)
    assert dict(build(spec(probe)).fit(train, y).score(test, wanted)) == first
    torch.set_rng_state(states[2])
    assert random.getstate() == states[0] and np.random.get_state()[1].tolist() == states[1]
    assert first["accuracy"] > 0.9
    with torch.inference_mode():
        assert dict(probe.fit(train.clone(), y).score(test, wanted)) == first
    assert probe.protocol()["probe"] == type(probe).__name__
    shifted = probe.fit(train, y * 7 + 3).predict(test)  # labels with gaps
    assert (shifted == wanted * 7 + 3).double().mean() == first["accuracy"]


def test_the_strength_follows_the_validation_features(digits):
    """Labels that are noise in training want the strongest penalty."""
    train, y, test, wanted = digits
    noise = torch.randint(10, y.shape, generator=torch.Generator().manual_seed(0))
    grid = (1e-4, 1e-1)
    mixed = torch.where(torch.rand(len(y), generator=torch.Generator().manual_seed(1)) < 0.5, noise, y)
    assert LogisticProbe(grid).fit(train, mixed, (test, wanted)).selected["l2"] == 1e-1
    assert LogisticProbe(grid).fit(train, mixed).selected["l2"] == 1e-1
    unseen = (test, wanted + 100)
    assert LogisticProbe(grid).fit(train, y, unseen).selected["l2"] == 1e-1  # nothing is right: the strongest


def test_macro_f1():
    predicted, labels = torch.tensor([0, 1, 1, 5]), torch.tensor([0, 1, 2, 2])
    assert macro_f1(predicted, labels) == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_mistakes_are_named(digits):
    train, y, _, _ = digits
    broken = train.clone()
    broken[3, 2] = torch.nan
    with pytest.raises(ValueError, match="features of 1 of 600"):
        RidgeProbe().fit(broken, y)
    with pytest.raises(ValueError, match="int64 class"):
        KNNProbe().fit(train, y.float())
    with pytest.raises(ValueError, match="too few"):
        LogisticProbe().fit(train[:3], y[:3])
    with pytest.raises(ValueError, match="l2"):
        LogisticProbe(())


def test_constant_columns_do_not_matter(digits):
    train, y, test, wanted = digits
    wide = [torch.cat([part, torch.full((len(part), 2), 7.0)], 1) for part in (train, test)]
    for make in (LogisticProbe, RidgeProbe):
        plain = dict(make().fit(train, y).score(test, wanted))
        assert dict(make().fit(wide[0], y).score(wide[1], wanted)) == plain


def test_centred_neighbours_do_not_see_a_common_direction(digits):
    """Of shifted features plain cosines are worse, and centred ones as they were."""
    train, y, test, truth = digits
    moved = [x + 1000 for x in (train, test)]

    def accuracy(probe, train, test) -> float:
        return float((probe.fit(train, y).predict(test) == truth).float().mean())

    asis = accuracy(KNNProbe(centre=True), train, test)
    assert abs(accuracy(KNNProbe(centre=True), *moved) - asis) < 0.01
    assert accuracy(KNNProbe(), *moved) < asis - 0.01
