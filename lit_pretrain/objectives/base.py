"""The base of every objective: write `loss(batch)`; stepping, logging, schedules and exact resume come with it."""

import hashlib
import os
import random
from abc import abstractmethod

import lightning as L
import numpy as np
import torch
from torch import Tensor

from lit_pretrain.optim.recipe import AdamW, Optim
from lit_pretrain.part import Part
from lit_pretrain.types import Batch, Encoded, Encoder, Losses, Term


class PretrainModule(Part, L.LightningModule):
    """A pretraining objective.

    A subclass takes finished parts and typed hyper-parameters in `__init__` and implements `loss`. The attribute
    `encoder` is what is kept after pretraining; everything else is left behind.

    Every random draw of a step is a function of (seed, step, micro-batch, rank): before `loss` is called, all global
    generators are seeded with it, and so is `self.generator`, which corruptions draw from. A run that is cut and
    resumed therefore draws what the uncut run draws, and validation sees the same corruptions every time.

    Attributes:
        encoder: the part that transfers.
        optim: how it is optimised; assign another recipe, or configure it under `optim:` on the command line.
        step_is_skipped: set by a guard between the backward pass and the optimiser: this step changes nothing.
    """

    encoder: Encoder
    step_is_skipped = False

    def __init__(self) -> None:
        super().__init__()
        self.optim: Optim = AdamW()
        self._counts: dict[str, Tensor] = {}  # of the current accumulation window, by term
        self._reference: dict[str, Tensor] = {}  # counts of the window's first micro-batch, over all ranks
        self._steps = 0  # of the whole run, once it is known
        self._validated: dict[str, list[Tensor]] = {}

    @abstractmethod
    def loss(self, batch: Batch) -> Losses:
        """Named terms: a mean as a tensor, or a `Term(sum, count)` where the number of targets varies."""

    def encode(self, batch: Batch, layers: bool = False) -> Encoded:
        """The representation of a clean batch; probes and `predict` call this."""
        return self.encoder(batch, layers=layers)

    @property
    def progress(self) -> float:
        """The share of the training that is done, for what changes over it; 0 outside a trainer."""
        if self._trainer is None:
            return 0.0
        self._steps = self._steps or total_steps(self.trainer)
        return min(1.0, self.trainer.global_step / self._steps)

    def after_step(self) -> None:
        """Called once after each optimiser step: update a teacher, a queue or a codebook here."""

    # ---- stepping -------------------------------------------------------------------------------------------------

    def forward(self, batch: Batch) -> Encoded:
        return self.encode(batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        window, micro = self.trainer.accumulate_grad_batches, batch_idx % self.trainer.accumulate_grad_batches
        self._seed("train", self.trainer.global_step, micro)
        terms = self._terms(batch)
        counts = {name: self._over_ranks(term.count) for name, term in terms.items()}
        if micro == 0:
            self._counts, self._reference = {}, counts
        for name, count in counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        # Lightning divides the loss by the window and data parallelism averages over ranks; both are undone here,
        # and `on_before_optimizer_step` moves from the first micro-batch's count to that of the window.
        scale = window * self.trainer.world_size
        loss = sum(scale * t.weight * t.sum / self._reference[n].clamp(min=1) for n, t in terms.items() if t.weight)
        if (self.trainer.global_step + 1) % self.trainer.log_every_n_steps == 0:  # when Lightning's loggers write
            means = {f"train/{n}": t.sum.detach() / max_one(t.count) for n, t in terms.items()}
            total = sum(t.weight * t.sum.detach() / max_one(t.count) for t in terms.values())
            self.log_dict(means | {"train/loss": total}, batch_size=batch.num_examples)
            self.log("loss", total, prog_bar=True, logger=False, batch_size=batch.num_examples)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide by the targets of the whole window. Exact where all terms count the same targets; where they count
        different ones, the first term is exact and the others keep their ratio to it in the first micro-batch."""
        if self.trainer.accumulate_grad_batches == 1 or self.step_is_skipped:
            return
        first = next(iter(self._counts))
        factor = self._reference[first].clamp(min=1) / self._counts[first].clamp(min=1)
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        torch._foreach_mul_(gradients, factor)

    def optimizer_step(self, *args, **kwargs) -> None:
        self.step_is_skipped = False
        super().optimizer_step(*args, **kwargs)
        if not self.step_is_skipped:
            self.after_step()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._seed("validation", batch_idx, 0)
        for name, term in self._terms(batch).items():
            row = torch.stack([torch.as_tensor(x, device=self.device).double() for x in (term.sum, term.count)])
            self._validated.setdefault(name, []).append(torch.cat([row, row.new_tensor([term.weight])]))

    def on_validation_epoch_end(self) -> None:
        """Log each term's mean over all targets of all ranks, and their weighted sum as `val/loss`."""
        means, total = {}, 0.0
        for name, rows in self._validated.items():
            table = torch.stack(rows)
            sums, weight = self._over_ranks(table[:, :2].sum(0)), table[0, 2]
            means[f"{self._stage}/{name}"] = mean = (sums[0] / sums[1].clamp(min=1)).float()
            total = total + (weight * mean).float()
        self._validated = {}
        if means:
            self.log_dict(means)
            self.log(f"{self._stage}/loss", total, prog_bar=True)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        self.on_validation_epoch_end()

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor | None]:
        return {"index": batch.index, "pooled": self.encode(batch).pooled, "labels": batch.labels}

    def configure_optimizers(self) -> dict:
        return self.optim.configure(self, total_steps(self.trainer))

    # ---- determinism ----------------------------------------------------------------------------------------------

    @property
    def generator(self) -> torch.Generator:
        """On the module's device, seeded anew for each micro-batch; corruptions draw from it."""
        if getattr(self, "_generator", None) is None or self._generator.device != self.device:
            self._generator = torch.Generator(self.device)
        return self._generator

    def _seed(self, *what: str | int) -> None:
        rank = self.trainer.global_rank
        key = repr((os.environ.get("PL_GLOBAL_SEED", "0"), rank, *what)).encode()
        seed = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little") >> 1  # a signed 64-bit number
        self.generator.manual_seed(seed)
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)

    # ---- small helpers --------------------------------------------------------------------------------------------

    @property
    def _stage(self) -> str:
        return "test" if self.trainer.testing else "val"

    def _terms(self, batch: Batch) -> dict[str, Term]:
        losses = self.loss(batch)
        return {name: x if isinstance(x, Term) else Term(x, 1) for name, x in losses.items()}

    def _over_ranks(self, value: Tensor | int) -> Tensor:
        """The sum over ranks, as float64 (counts of tokens pass 2^24)."""
        value = torch.as_tensor(value, device=self.device).double()
        return self.trainer.strategy.reduce(value, reduce_op="sum") if self.trainer.world_size > 1 else value


def max_one(count: Tensor | int) -> Tensor | int:
    return count.clamp(min=1) if isinstance(count, Tensor) else max(1, count)


def total_steps(trainer: L.Trainer) -> int:
    """Optimiser steps of the whole run.

    `trainer.estimated_stepping_batches` is not asked: reading it makes Lightning drop the loader's state on resume.
    """
    if trainer.max_steps and trainer.max_steps > 0:
        return trainer.max_steps
    loader = trainer.datamodule.train_dataloader() if trainer.datamodule else trainer.fit_loop._data_source.dataloader()
    if not trainer.max_epochs or trainer.max_epochs < 0 or not hasattr(loader, "__len__"):
        raise ValueError("the length of the run is unknown: give --trainer.max_steps, or --trainer.max_epochs with a"
                         " loader that has a length")  # fmt: skip
    batches = min(len(loader), trainer.limit_train_batches) if isinstance(trainer.limit_train_batches, int) else len(loader)
    return trainer.max_epochs * -(-batches // trainer.accumulate_grad_batches)
