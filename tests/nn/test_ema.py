"""The teacher: its update, its schedule, and that it never trains."""

import pytest
import torch
from torch import nn

from lit_pretrain.nn.ema import EMA
from lit_pretrain.optim.groups import parameter_groups


def student() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))


def test_the_update() -> None:
    net = student()
    ema = EMA(net, 0.9)
    before = [p.clone() for p in ema.teacher.parameters()]
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p))
    net.train()(torch.randn(8, 3))  # moves the running statistics
    ema.update(net)
    for own, old, new in zip(ema.teacher.parameters(), before, net.parameters(), strict=True):
        torch.testing.assert_close(own, 0.9 * old + 0.1 * new)
    for own, new in zip(ema.teacher.buffers(), net.buffers(), strict=True):
        assert torch.equal(own, new) and own is not new


def test_the_schedule_is_half_a_cosine() -> None:
    ema = EMA(student(), 0.996, 1.0)
    assert [ema.momentum_at(p) for p in (0, 0.5, 1)] == pytest.approx([0.996, 0.998, 1.0])
    assert EMA(student(), 0.99).momentum_at(0.7) == 0.99
    net = student()
    weights = [p.clone() for p in ema.teacher.parameters()]
    ema.update(net, progress=1.0)
    assert all(torch.equal(a, b) for a, b in zip(ema.teacher.parameters(), weights, strict=True))


def test_it_never_trains() -> None:
    net = student()
    owner = nn.ModuleDict({"student": net, "teacher": EMA(net)}).train()
    assert net.training and not any(m.training for m in owner["teacher"].modules())
    trained = [id(p) for group in parameter_groups(owner, 1.0, 0.1) for p in group["params"]]
    assert sorted(trained) == sorted(id(p) for p in net.parameters())
    assert not owner["teacher"](torch.randn(2, 3, requires_grad=True)).requires_grad


def test_a_checkpoint_holds_it() -> None:
    ema, other = EMA(student()), EMA(student())
    other.load_state_dict(ema.state_dict())
    x = torch.randn(2, 3)
    assert torch.equal(ema(x), other(x))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"momentum=1.5"):
        EMA(student(), 1.5)
    with pytest.raises(ValueError, match=r"momentum=-1"):
        EMA(student(), 0.9, -1)


def test_batch_statistics_from_the_first_step_on() -> None:
    """Nobody calls `train()` on a module that has just been made."""
    batch, net = 5 + 3 * torch.randn(64, 3), student()
    for wanted in (True, False):
        ema = EMA(net, 0.9, batch_statistics=wanted)
        assert [m.training for m in ema.teacher] == [False, wanted, False]
        mean = ema(batch).mean(0)
        assert bool(mean.abs().max() < 1e-5) is wanted
