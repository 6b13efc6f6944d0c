"""One fine-tuning of a protocol: its rates are selected on validation, the test split is read once."""

import contextlib
import copy
import itertools
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.seed import isolate_rng

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.downstream.tuning.zero_shot import ZeroShot
from lit_pretrain.optim.recipe import AdamW, Optim
from lit_pretrain.optim.schedule import Linear
from lit_pretrain.part import Recorded
from lit_pretrain.types import Encoder

RECIPE = AdamW(weight_decay=0.01, schedule=Linear(0.1))


@dataclass(frozen=True)
class Budget(Recorded):
    """What every fine-tuning of a protocol may spend.

    Args:
        optim: recipe; its rates are replaced by those of the grid.
        learning_rates: the grid; each is tried, and the best on validation is kept.
        weight_decays: likewise, each with each learning rate; None: that of the recipe.
        epochs: over the labelled examples.
        min_steps: optimiser steps at least, since few labels make short epochs.
        max_steps: optimiser steps at most; None: no bound.
        precision: Lightning's.
    """

    optim: Optim = RECIPE
    learning_rates: tuple[float, ...] = (3e-4, 1e-3)
    weight_decays: tuple[float, ...] | None = None
    epochs: int = 3
    min_steps: int = 100
    max_steps: int | None = None
    precision: str = "32-true"

    def __post_init__(self) -> None:
        if not self.learning_rates or min(self.learning_rates) <= 0:
            raise ValueError(f"learning_rates={self.learning_rates}: give at least one, all above 0")
        if self.weight_decays is not None and not (self.weight_decays and min(self.weight_decays) >= 0):
            raise ValueError(f"weight_decays={self.weight_decays}: give at least one, all 0 or above")

    def grid(self) -> list[tuple[float, float]]:
        """Learning rate and weight decay of each try."""
        decays = (self.optim.weight_decay,) if self.weight_decays is None else self.weight_decays
        return list(itertools.product(self.learning_rates, decays))

    def steps(self, batches: int) -> int:
        steps = max(self.min_steps, self.epochs * batches)
        return steps if self.max_steps is None else min(steps, self.max_steps)


def tune(
    encoder: Encoder,
    tuning: Tuning,
    data: DataModule,
    labels: int | None,
    seed: int,
    budget: Budget,
    task: Callable[[Encoder, DataModule], Task] = Classify.of,
) -> dict[str, Any]:
    """`metrics` on test and whether their `larger_is_better`, the `outcomes` of test examples, the `learning_rate` and
    `weight_decay` that validation selected, and the `validation` metric of each try. Under `ZeroShot` nothing is trained,
    and both are 0.

    Args:
        labels: so many training examples; None: all.
        task: makes the head for an encoder and data.

    Raises:
        ValueError: ZeroShot and a task with weights of its own, which nobody would train.
    """
    tried: dict[tuple[float, float], float] = {}
    best, chosen = None, (0.0, 0.0)
    with _seeded(seed), _quiet():
        for rates in [(0.0, 0.0)] if isinstance(tuning, ZeroShot) else budget.grid():
            torch.manual_seed(seed)  # the same head and draws at each rate
            module = FineTune(copy.deepcopy(encoder), task(encoder, data), tuning)
            trainer = _fit(module, rates, data, labels, seed, budget)
            validation = data.loader("validation", shuffle=False, labelled=True)
            tried[rates] = trainer.validate(module, validation, verbose=False)[0][f"val/{module.task.main}"]
            sign = 1 if module.task.larger_is_better else -1
            if best is None or sign * tried[rates] > sign * tried[chosen]:
                best, chosen = module, rates
        found = trainer.test(best, data.loader("test", shuffle=False, labelled=True), verbose=False)[0]
    metrics = {name: found[f"test/{name}"] for name in best.task.metrics}
    named = {", ".join(map(str, rates if budget.weight_decays else rates[:1])): value for rates, value in tried.items()}
    return {"metrics": metrics, "larger_is_better": best.task.larger_is_better, "outcomes": best.outcomes,
            "learning_rate": chosen[0], "weight_decay": chosen[1], "validation": named}  # fmt: skip


def _fit(
    module: FineTune, rates: tuple[float, float], data: DataModule, labels: int | None, seed: int, budget: Budget
) -> L.Trainer:
    if isinstance(module.tuning, ZeroShot):
        if any(True for _ in module.task.parameters()):
            raise ValueError(f"ZeroShot trains nothing, and {type(module.task).__name__} has weights that must be trained:"
                             " give it another tuning, or options without weights")  # fmt: skip
        return _trainer(1, budget.precision)
    module.optim = copy.copy(budget.optim)
    module.optim.lr, module.optim.weight_decay = rates
    train = data.loader("train", shuffle=True, labelled=True, limit=labels, seed=seed)
    trainer = _trainer(budget.steps(len(train)), budget.precision)
    trainer.fit(module, train)
    return trainer


def _trainer(max_steps: int, precision: str) -> L.Trainer:
    return L.Trainer(
        max_steps=max_steps,
        max_epochs=-1,
        precision=precision,
        devices=1,
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Everything inside draws from `seed`; generators and the seed of the process are as before afterwards."""
    before = {name: os.environ.get(name) for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")}
    with isolate_rng():
        L.seed_everything(seed, verbose=False)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's notes on devices and loaders would tear the progress line apart."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
