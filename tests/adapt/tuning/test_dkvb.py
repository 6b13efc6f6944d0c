"""Keys are placed without labels, values learn, and what was learned elsewhere stays."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from small_encoders import small

from lit_pretrain.adapt.tuning.dkvb import DKVB
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.downstream.tuning.linear import Linear
from lit_pretrain.types import Encoded, ImageBatch, Layout


def batch_of(x: torch.Tensor, y: torch.Tensor) -> tuple[Encoded, ImageBatch]:
    return Encoded(x, x, Layout((1,) * len(x))), ImageBatch(x[:, None, None], labels=y)


def step(task: Task, x: torch.Tensor, y: torch.Tensor, lr: float) -> float:
    encoded, batch = batch_of(x, y)
    term = task.loss(task(encoded), batch)
    grads = torch.autograd.grad(term.sum / term.count, list(task.parameters()))
    with torch.no_grad():
        for parameter, grad in zip(task.parameters(), grads, strict=True):
            parameter -= lr * grad
    return float(term.sum)


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    found = load_digits()
    return torch.tensor(found.data, dtype=torch.float32) / 16, torch.tensor(found.target)


def incremental(task: Task, x: torch.Tensor, y: torch.Tensor, lr: float) -> float:
    """Test accuracy over all classes after the classes came two at a time, and never again."""
    train = torch.arange(len(y)) % 3 > 0
    for pair in range(5):
        numbers = (train & (y // 2 == pair)).nonzero()[:, 0]
        for _ in range(30):
            chosen = numbers[torch.randint(len(numbers), (32,))]
            step(task, x[chosen], y[chosen], lr)
    scores = task.eval().decode(task(batch_of(x[~train], y[~train])[0]))
    return float((scores.argmax(1) == y[~train]).float().mean())


def test_forgets_less_than_a_linear_head_when_classes_come_one_after_the_other(digits):
    x, y = digits
    bottleneck, linear = DKVB(64, 10, num_codebooks=32, num_keys=128, placing=20), Classify(64, 10, dropout=0.0)
    for _ in range(20):
        chosen = torch.randint(len(x), (128,))
        step(bottleneck, x[chosen], y[chosen], 1.0)
    assert not bottleneck.values.any()
    kept, lost = incremental(bottleneck, x, y, 30.0), incremental(linear, x, y, 0.1)
    assert kept > 0.8 and lost < 0.5, (kept, lost)


def test_keys_are_placed_and_then_stay(digits):
    x, y = digits
    task = DKVB(64, 10, num_codebooks=4, num_keys=16, placing=20)
    projected = task(batch_of(x, y)[0])

    def distortion() -> float:
        return float(torch.cdist(projected, task.keys).amin(2).square().mean())

    found = [distortion()]
    for _ in range(20):
        step(task, *(z[torch.randint(len(x), (256,), generator=torch.Generator().manual_seed(0))] for z in (x, y)), 1.0)
        found.append(distortion())
    assert found[-1] < 0.2 * found[0] and task.placed == 20
    keys = task.keys.clone()
    step(task, x[:64], y[:64], 1.0)
    assert torch.equal(task.keys, keys) and task.values.any()


def test_a_step_changes_the_values_of_its_own_keys_alone(digits):
    x, y = digits
    task = DKVB(64, 10, num_codebooks=3, num_keys=32, placing=1)
    step(task, x, y, 1.0)
    nearest = torch.cdist(task(batch_of(x[:5], y[:5])[0]), task.keys).argmin(2)
    assert step(task, x[:5], y[:5], 1.0) == pytest.approx(5 * float(torch.tensor(10.0).log()), abs=1e-4)
    changed = task.values.detach().abs().sum(2) > 0
    assert torch.equal(changed, F.one_hot(nearest, 32).sum(1) > 0)


def test_scores_are_means_of_the_values_beside_the_nearest_keys(digits):
    x, y = digits
    task = DKVB(64, 10, num_codebooks=3, num_keys=7)
    for tensor in (task.keys, task.values.data):
        torch.nn.init.normal_(tensor)
    found = task.decode(task(batch_of(x[:4], y[:4])[0]))
    for b in range(4):
        values = [task.values[h, (x[b] @ task.projection[h] - task.keys[h]).norm(dim=1).argmin()] for h in range(3)]
        torch.testing.assert_close(found[b], torch.stack(values).mean(0))


def test_needs_a_frozen_encoder():
    encoder, batch = small("vit")
    with pytest.raises(ValueError, match=r"not frozen.*tuning\.linear\.Linear"):
        FineTune(encoder, DKVB(32, 3), Full()).loss(batch)
    term = FineTune(encoder, DKVB(32, 3), Linear()).loss(batch)["task"]
    term.sum.backward()
    with pytest.raises(ValueError, match="num_keys=0"):
        DKVB(32, 3, num_keys=0)
