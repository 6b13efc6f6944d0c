"""k examples of each class are drawn, and nothing else is learned from."""

import pytest
import torch

from lit_pretrain.part import build, spec
from lit_pretrain.probes.few_shot import FewShotProbe
from lit_pretrain.probes.ridge import RidgeProbe


def blobs(n: int, spread: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (n,), generator=draw)
    return 3 * torch.eye(6)[labels] + spread * torch.randn(n, 6, generator=draw), labels


def test_scores_are_those_of_ridge_on_what_was_drawn(monkeypatch):
    train, test = blobs(200, 1.5, 0), blobs(300, 1.5, 1)
    drawn, fit = [], RidgeProbe.fit

    def watched(self, features, labels, validation=None):
        drawn.append((features, labels))
        return fit(self, features, labels, validation)

    monkeypatch.setattr(RidgeProbe, "fit", watched)
    probe = FewShotProbe((5, 1), draws=3).fit(*train)
    found = dict(probe.score(*test))
    assert [labels.bincount().tolist() for _, labels in drawn] == [[1] * 4, [5] * 4] * 3
    rows = {tuple(row): label for row, label in zip(train[0].tolist(), train[1].tolist(), strict=True)}
    assert all(rows[tuple(x)] == y for xs, ys in drawn for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
    for few, more in zip(drawn[::2], drawn[1::2], strict=True):
        assert {*map(tuple, few[0].tolist())} < {*map(tuple, more[0].tolist())}, "more shots contain the fewer ones"
    assert len({tuple(features.flatten().tolist()) for features, _ in drawn[::2]}) == 3, "draws differ"

    accuracies = [(fit(RidgeProbe((0.1,)), *part).predict(test[0]) == test[1]).double().mean() for part in drawn[1::2]]
    accuracies = torch.stack(accuracies)
    assert found["accuracy"] == found["accuracy_5_shot"] == pytest.approx(float(accuracies.mean()))
    assert found["deviation_5_shot"] == pytest.approx(float(accuracies.std(correction=0)))
    assert float(probe.outcomes(*test).metric()) == pytest.approx(found["accuracy"])
    assert found["accuracy_1_shot"] < found["accuracy_5_shot"]


def test_it_repeats_and_draws_from_no_shared_generator():
    train, test = blobs(200, 1.0, 0), blobs(100, 1.0, 1)
    state = torch.get_rng_state()
    first = dict(FewShotProbe(seed=3).fit(*train).score(*test))
    again = build(spec(FewShotProbe(seed=3)))
    assert dict(again.fit(*train).score(*test)) == first and torch.equal(torch.get_rng_state(), state)
    assert dict(FewShotProbe(seed=4).fit(*train).score(*test)) != first


def test_too_few_examples_are_named():
    features, labels = blobs(40, 1.0, 0)
    labels[labels == 2] = 1
    labels[0] = 2
    with pytest.raises(ValueError, match="class 2 has 1 training examples"):
        FewShotProbe((1, 5)).fit(features, labels)
    with pytest.raises(ValueError, match=r"shots=\(0,\)"):
        FewShotProbe((0,))
