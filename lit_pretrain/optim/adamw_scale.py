"""AdamW whose step is matched to the size of the weights (nanoT5, arXiv 2309.02373)."""

import torch
from torch import Tensor

from lit_pretrain.optim.recipe import Optim
from lit_pretrain.optim.schedule import Cosine, Schedule


class AdamWScale(Optim):
    """AdamW with a rate of lr * max(1e-3, RMS(w)) for each tensor w, which is what lets T5 train without Adafactor.

    Args:
        lr: relative to the weights; 2e-2 in nanoT5.
        weight_decay, layer_decay, schedule: see `Optim`.
        betas, eps: of Adam.
    """

    def __init__(
        self,
        lr: float = 2e-2,
        weight_decay: float = 0.0,
        layer_decay: float = 1.0,
        schedule: Schedule = Cosine(),
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
    ):
        super().__init__(lr, weight_decay, layer_decay, schedule)
        self.betas, self.eps = tuple(betas), eps

    def algorithm(self, groups: list[dict]) -> torch.optim.Optimizer:
        return ScaledAdamW(groups, self.lr, self.betas, self.eps)


class ScaledAdamW(torch.optim.Optimizer):
    """The torch optimiser behind `AdamWScale`."""

    def __init__(self, params: list[dict], lr: float, betas: tuple[float, float], eps: float):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure=None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            b1, b2 = group["betas"]
            weights = [p for p in group["params"] if p.grad is not None]
            if not weights:
                continue
            for p in weights:
                if not self.state[p]:
                    self.state[p] = {"step": 0, "mean": torch.zeros_like(p), "square": torch.zeros_like(p)}
            states = [self.state[p] for p in weights]
            means, squares = [s["mean"] for s in states], [s["square"] for s in states]
            gradients = [p.grad for p in weights]
            torch._foreach_lerp_(means, gradients, 1 - b1)
            torch._foreach_mul_(squares, b2)
            torch._foreach_addcmul_(squares, gradients, gradients, value=1 - b2)
            for p, state in zip(weights, states, strict=True):
                state["step"] += 1
                corrected = group["lr"] * (1 - b2 ** state["step"]) ** 0.5 / (1 - b1 ** state["step"])
                scale = p.float().square().mean().sqrt().clamp(min=1e-3)  # RMS in fp32
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(corrected * scale * state["mean"] / (state["square"].sqrt() + group["eps"]))
        return loss
