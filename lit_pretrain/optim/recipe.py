"""How a run is optimised: the algorithm, its rate, groups and schedule. A trait of the run, not of the objective."""

from abc import abstractmethod

import torch
from torch import nn

from lit_pretrain.optim.groups import parameter_groups
from lit_pretrain.optim.schedule import Cosine, Schedule
from lit_pretrain.part import Recorded


class Optim(Recorded):
    """Builds a torch optimiser and its schedule.

    Args:
        lr: the highest learning rate.
        weight_decay: on matrices only (see `parameter_groups`).
        layer_decay: factor on the rate for each block further down; 1: none.
        schedule: the factor on the rate over the run.
    """

    def __init__(
        self,
        lr: float = 5e-4,
        weight_decay: float = 0.01,
        layer_decay: float = 1.0,
        schedule: Schedule = Cosine(),
    ):
        if lr <= 0:
            raise ValueError(f"lr={lr}: the learning rate must be above 0")
        self.lr, self.weight_decay, self.layer_decay, self.schedule = lr, weight_decay, layer_decay, schedule

    @abstractmethod
    def algorithm(self, groups: list[dict]) -> torch.optim.Optimizer:
        """The torch optimiser over these groups (each with its own lr and weight_decay)."""

    def configure(self, module: nn.Module, total_steps: int) -> dict:
        """What `configure_optimizers` of a LightningModule returns."""
        optimizer = self.algorithm(parameter_groups(module, self.lr, self.weight_decay, self.layer_decay))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.schedule.factor(step, total_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class AdamW(Optim):
    """AdamW (arXiv 1711.05101) with RoBERTa's betas and epsilon (arXiv 1907.11692)."""

    def __init__(
        self,
        lr: float = 5e-4,
        weight_decay: float = 0.01,
        layer_decay: float = 1.0,
        schedule: Schedule = Cosine(),
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-6,
    ):
        super().__init__(lr, weight_decay, layer_decay, schedule)
        self.betas, self.eps = tuple(betas), eps

    def algorithm(self, groups: list[dict]) -> torch.optim.Optimizer:
        optimizer = torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=True)
        # A fused optimiser offers to unscale gradients itself, and Lightning then refuses to clip them.
        optimizer._step_supports_amp_scaling = False
        return optimizer


class SGD(Optim):
    """Stochastic gradient descent with momentum."""

    def __init__(
        self,
        lr: float = 0.1,
        weight_decay: float = 1e-4,
        layer_decay: float = 1.0,
        schedule: Schedule = Cosine(),
        momentum: float = 0.9,
        nesterov: bool = False,
    ):
        super().__init__(lr, weight_decay, layer_decay, schedule)
        self.momentum, self.nesterov = momentum, nesterov

    def algorithm(self, groups: list[dict]) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, lr=self.lr, momentum=self.momentum, nesterov=self.nesterov)
