"""Ridge regression onto numbers, against scikit-learn."""

import pytest
import torch
from sklearn.linear_model import Ridge

from lit_pretrain.probes.ridge_regression import RidgeRegression

NAN = float("nan")


@pytest.fixture
def case() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    features = 3 + 2 * torch.randn(80, 6, dtype=torch.float64)
    labels = torch.stack([features[:, 0] - features[:, 1], 100 * features[:, 2]], 1) + torch.randn(80, 2)
    labels[:10, 0], labels[50:, 1] = NAN, NAN
    return features, labels


def test_solutions_are_those_of_scikit_learn_on_the_known_labels(case):
    features, labels = case
    probe = RidgeRegression((0.1,)).fit(features, labels)
    for t in range(2):
        known = ~labels[:, t].isnan()
        x, y = features[known], labels[known, t]
        mean, deviation = x.mean(0), x.std(0, correction=0)
        ridge = Ridge(alpha=0.1 * len(x)).fit((x - mean) / deviation, y)
        torch.testing.assert_close(
            probe.predict(features)[:, t], torch.as_tensor(ridge.predict((features - mean) / deviation))
        )
    errors = (probe.predict(features) - labels).abs()
    found = dict(probe.score(features, labels))
    assert found["rmse"] == pytest.approx(sum(errors[~errors[:, t].isnan(), t].square().mean().sqrt() for t in (0, 1)) / 2)
    assert found["mae"] == pytest.approx(sum(errors[~errors[:, t].isnan(), t].mean() for t in (0, 1)) / 2)


def test_the_strength_is_the_best_on_validation_or_left_out_examples(case):
    features, labels = case[0][:20], case[1][:20, 1]
    held = (case[0][20:50], case[1][20:50, 1])
    grid = (1e-3, 1e-1, 10.0)
    on_held = {l2: dict(RidgeRegression((l2,)).fit(features, labels).score(*held))["rmse"] for l2 in grid}
    assert RidgeRegression(grid).fit(features, labels, held).selected == {"l2 of 0": min(grid, key=on_held.get)}
    keep = [torch.arange(20) != i for i in range(20)]
    probe = RidgeRegression(grid).fit(features, labels)
    x = (features - features.mean(0)) / features.std(0, correction=0)  # of all, as the shortcut has it

    def left_out(l2: float) -> float:
        fits = [Ridge(alpha=20 * l2).fit(x[k], labels[k]) for k in keep]
        return sum(float(labels[i] - fit.predict(x[i : i + 1])[0]) ** 2 for i, fit in enumerate(fits))

    assert probe.selected == {"l2 of 0": min(grid, key=left_out)}


def test_wrong_labels_are_named(case):
    features, labels = case
    with pytest.raises(ValueError, match="float labels"):
        RidgeRegression().fit(features, torch.zeros(80, dtype=torch.long))
    with pytest.raises(ValueError, match="number 1 of the labels is known of no"):
        RidgeRegression().fit(features[50:], labels[50:])
    with pytest.raises(ValueError, match="not finite"):
        RidgeRegression().fit(features * NAN, labels)
