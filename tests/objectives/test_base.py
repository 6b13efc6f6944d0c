"""What the base promises to every objective: normalisation, determinism, logging."""

from dataclasses import dataclass

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from lit_pretrain.objectives.base import PretrainModule, total_steps
from lit_pretrain.optim.recipe import SGD, AdamW
from lit_pretrain.optim.schedule import Constant
from lit_pretrain.types import Batch, Encoded, Encoder, Layout, Losses, Term


@dataclass
class Rows(Batch):
    """Vectors (U, 4)."""

    x: Tensor

    @property
    def num_examples(self) -> int:
        return len(self.x)

    @property
    def num_units(self) -> int:
        return len(self.x)


class Tiny(Encoder):
    """One linear block."""

    def __init__(self, dim: int = 4):
        super().__init__()
        self.dim, self.num_layers = dim, 1
        self.blocks = nn.ModuleList([nn.Linear(4, dim)])

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        y = self.blocks[0](inputs.x)
        return Encoded(y, y, Layout((1,) * len(y)))


class Summed(PretrainModule):
    """Squared error over a varying number of targets, and a mean term that is only watched."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder

    def loss(self, batch: Rows) -> Losses:
        error = (self.encoder(batch).units - batch.x).square().sum(-1)
        return {"error": Term(error.sum(), len(error)), "watched": Term(error.detach().sum(), 2, weight=0.0)}


def module(lr: float = 0.1) -> Summed:
    torch.manual_seed(0)
    made = Summed(Tiny())
    made.optim = SGD(lr, weight_decay=0.0, schedule=Constant(warmup=0), momentum=0.0)
    return made


class Listed:
    """A loader over given batches."""

    def __init__(self, batches: list[Rows]):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


def fit(model, batches, **trainer) -> L.Trainer:
    loader = Listed(batches)
    settings = {"max_steps": 1, "accelerator": "cpu", "logger": False, "enable_checkpointing": False,
                "enable_progress_bar": False, "enable_model_summary": False}  # fmt: skip
    made = L.Trainer(**settings | trainer)
    made.fit(model, loader, loader if "val_check_interval" in trainer else None)
    return made


def test_accumulation_normalises_by_all_targets():
    """Micro-batches of 2 and 6 rows give the gradient of one batch of 8, and not of the mean of two means."""
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    whole, parts = module(), module()
    fit(whole, [Rows(x)])
    fit(parts, [Rows(x[:2]), Rows(x[2:])], accumulate_grad_batches=2)
    torch.testing.assert_close(parts.encoder.blocks[0].weight, whole.encoder.blocks[0].weight)
    means = module()
    loss = sum((means.encoder(Rows(part)).units - part).square().sum(-1).mean() for part in (x[:2], x[2:])) / 2
    loss.backward()
    wrong = means.encoder.blocks[0].weight - 0.1 * means.encoder.blocks[0].weight.grad
    assert (wrong - whole.encoder.blocks[0].weight).abs().max() > 1e-3


def test_validation_is_a_mean_over_targets_and_watched_terms_do_not_train():
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(1))
    model = module(lr=1e-9)
    trainer = fit(model, [Rows(x[:1]), Rows(x[1:])], max_steps=2, val_check_interval=2)
    mean = (model.encoder(Rows(x)).units - x).square().sum(-1).mean()
    torch.testing.assert_close(trainer.callback_metrics["val/error"], mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(trainer.callback_metrics["val/loss"], mean, rtol=1e-5, atol=1e-5)
    assert "val/watched" in trainer.callback_metrics


class Drawing(Summed):
    """Draws from everything that can be drawn from."""

    def loss(self, batch: Rows) -> Losses:
        self.drawn = [*getattr(self, "drawn", []), (torch.rand(()).item(), torch.rand((), generator=self.generator).item())]
        return super().loss(batch)


def test_draws_depend_on_the_step_alone(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    x = torch.randn(2, 4)
    runs = []
    for disturb in (0, 5):
        torch.manual_seed(disturb)
        model = Drawing(Tiny())
        fit(model, [Rows(x)] * 4, max_steps=4)
        runs.append(model.drawn)
    assert runs[0] == runs[1] and len(set(runs[0])) == 4
    monkeypatch.setenv("PL_GLOBAL_SEED", "2")
    other = Drawing(Tiny())
    fit(other, [Rows(x)] * 4, max_steps=4)
    assert other.drawn != runs[0]


def test_groups_spare_vectors_and_tables_and_decay_by_layer():
    torch.manual_seed(0)
    model = Summed(Tiny())
    model.table = nn.Embedding(3, 4)
    model.optim = AdamW(lr=1.0, weight_decay=0.5, layer_decay=0.5)
    optimizer = model.optim.configure(model, 10)["optimizer"]
    decay = {id(p): (g["initial_lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    assert decay[id(model.encoder.blocks[0].weight)] == (0.5, 0.5)
    assert decay[id(model.encoder.blocks[0].bias)] == (0.5, 0.0)
    assert decay[id(model.table.weight)] == (1.0, 0.0)


def test_length_of_a_run_counts_windows_of_every_epoch():
    model = module()
    trainer = fit(model, [Rows(torch.randn(2, 4))] * 5, max_steps=-1, max_epochs=2, accumulate_grad_batches=2)
    assert total_steps(trainer) == 6 == trainer.global_step


def test_endless_run_is_refused():
    with pytest.raises(ValueError, match="max_steps"):
        fit(module(), [Rows(torch.randn(2, 4))], max_steps=-1, max_epochs=-1)
