"""Keeps a run alive through what OPT's authors did by hand: watch for spikes, skip, restart, lower the rate."""

from itertools import chain
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from lit_pretrain.callbacks.logbook import Logbook
from lit_pretrain.callbacks.spikes import Spikes
from lit_pretrain.io.checkpoint import checkpoints, fault, read, step_of
from lit_pretrain.types import Batch

WARMUP = 20  # good steps before any is judged by them
Policy = Literal["log", "skip", "clip", "lower_rate", "roll_back"]


class Diverged(Exception):
    """Training cannot go on: too many steps were skipped.

    Attributes:
        code: of the process.
    """

    code = 3


class InstabilityGuard(L.Callback):
    """Finds steps whose loss or gradient is not finite, or far above those before it, before they change a weight.

    A step that is not finite is always skipped: weights, moments of the optimiser, running statistics, teachers and queues
    stay as they were; the step is counted, the schedule and the data go on. A spike, of the loss or of the gradient's norm
    over all parameters (see `Spikes`), is treated by `on_spike`:

    - `log`: the step is taken.
    - `skip`: as if it were not finite.
    - `clip`: the gradient is scaled to the usual norm.
    - `lower_rate`: skipped, and all later rates are multiplied by `factor` (OPT, arXiv 2205.01068).
    - `roll_back`: weights and optimiser return to the newest checkpoint that is at least `back` steps old, and training goes
      on with the data that follow, so that those in between and the bad batch are not met again (PaLM, arXiv 2204.02311).

    Each event is a line of `logbook.jsonl` in the run folder: step, what was found, what was usual, what was done, and the
    numbers of the samples. All ranks decide alike. A run in which nothing happens is bit for bit the run without a guard,
    and a resumed one decides as the uncut one. Each step waits once for the device.

    Args:
        on_spike: see above.
        threshold: how many sigmas above the median is a spike.
        window: good steps that are remembered.
        patience: so many skipped steps in a row, or returns to a checkpoint in all, end the run with exit code 3.
        factor: see `lower_rate`.
        back: see `roll_back`.
    """

    def __init__(
        self,
        on_spike: Policy = "skip",
        threshold: float = 10.0,
        window: int = 100,
        patience: int = 10,
        factor: float = 0.5,
        back: int = 100,
    ):
        if threshold <= 0 or window < WARMUP or patience < 1 or not 0 < factor < 1 or back < 0:
            raise ValueError(f"threshold={threshold} must be above 0, window={window} at least {WARMUP},"
                             f" patience={patience} at least 1, factor={factor} between 0 and 1, back={back} at"
                             " least 0")  # fmt: skip
        self.on_spike, self.patience, self.factor, self.back = on_spike, patience, factor, back
        self.losses, self.norms = (Spikes(threshold, window, WARMUP) for _ in range(2))
        self.bad = 0  # skipped steps in a row
        self.returns = 0  # to a checkpoint
        self._loss: Tensor | float = 0.0  # of the window of micro-batches
        self._samples: list[int] = []
        self._buffers: list[Tensor] = []
        self._return_to: Path | None = None

    # ---- one step -------------------------------------------------------------------------------------------------

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if self.on_spike == "roll_back" and isinstance(trainer.strategy, FSDPStrategy | ModelParallelStrategy):
            raise ValueError("on_spike=roll_back reads whole checkpoints, and this strategy shards them: choose skip")

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.logbook = Logbook(Path(trainer.default_root_dir) / "logbook.jsonl")
        if trainer.is_global_zero:
            self.logbook.forget(trainer.global_step)

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int) -> None:
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self._loss, self._samples = 0.0, []
            self._remember(pl_module)
        index = getattr(batch, "index", None)
        self._samples += [] if index is None else index.tolist()

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        self._loss = self._loss + loss.detach() / trainer.world_size

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        loss, norm = self._measure(trainer, parameters)
        kind = self._kind(loss, norm)
        action = None if kind is None else "skip" if kind == "not_finite" else self.on_spike
        if kind is not None:
            self._record(trainer, kind, action, loss, norm)
        if action == "clip":
            factor = min(1.0, self.norms.usual / norm)
            torch._foreach_mul_([p.grad for p in parameters], factor)
            norm *= factor
        if action in (None, "log", "clip"):
            self.bad = 0
            self.losses.keep(loss)
            self.norms.keep(norm)
            return
        self._skip(pl_module, parameters)
        if action == "lower_rate":
            self._lower_rate(trainer)
        elif action == "roll_back":
            self._return_to = self._checkpoint(trainer)
        self._count(trainer)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        if self._return_to is not None:
            self._roll_back(trainer, pl_module, self._return_to)
            self._return_to = None

    # ---- what is found --------------------------------------------------------------------------------------------

    def _measure(self, trainer: L.Trainer, parameters: list[torch.nn.Parameter]) -> tuple[float, float]:
        """The loss over all ranks and the norm of the gradient, in one wait for the device."""
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm  # of sharded gradients
        loss = torch.as_tensor(self._loss, device=norm.device).float()
        if trainer.world_size > 1:
            loss = trainer.strategy.reduce(loss, reduce_op="sum")
        return tuple(torch.stack([loss, norm.float()]).tolist())

    def _kind(self, loss: float, norm: float) -> str | None:
        if not (abs(loss) < float("inf") and norm < float("inf")):  # also false for NaN
            return "not_finite"
        if loss > self.losses.bound:
            return "loss_spike"
        return "gradient_spike" if norm > self.norms.bound else None

    def _record(self, trainer: L.Trainer, kind: str, action: str, loss: float, norm: float) -> None:
        samples: list[Any] = [self._samples]
        if trainer.world_size > 1:  # all ranks found the same, so all are here
            samples = [None] * trainer.world_size
            torch.distributed.all_gather_object(samples, self._samples)
        if trainer.is_global_zero:
            usual = {"loss": _finite(self.losses.usual), "gradient_norm": _finite(self.norms.usual)}
            self.logbook.write(step=trainer.global_step, kind=kind, action=action, loss=_finite(loss),
                               gradient_norm=_finite(norm), usual=usual, samples=list(chain(*samples)))  # fmt: skip
        rank_zero_warn(f"step {trainer.global_step}: {kind}, {action} (loss {loss:.4g}, gradient norm {norm:.4g});"
                       f" see {self.logbook.path}")  # fmt: skip

    # ---- what is done ---------------------------------------------------------------------------------------------

    def _remember(self, module: L.LightningModule) -> None:
        """Running statistics change in the forward pass, before anybody knows that it is bad."""
        buffers = list(module.buffers())
        if len(self._buffers) != len(buffers):
            self._buffers = [buffer.clone() for buffer in buffers]
        elif buffers:
            torch._foreach_copy_(self._buffers, buffers)

    def _skip(self, module: L.LightningModule, parameters: list[torch.nn.Parameter]) -> None:
        for parameter in parameters:
            parameter.grad = None  # an optimiser leaves what has no gradient, and its moments, alone
        for buffer, before in zip(module.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        module.step_is_skipped = True

    def _lower_rate(self, trainer: L.Trainer) -> None:
        for config in trainer.lr_scheduler_configs:
            config.scheduler.base_lrs = [self.factor * rate for rate in config.scheduler.base_lrs]

    def _checkpoint(self, trainer: L.Trainer) -> Path | None:
        """Where to return to; None: there is none so old, and the step is only skipped."""
        old = [p for p in checkpoints(trainer.default_root_dir) if step_of(p) <= trainer.global_step - self.back]
        return next((path for path in reversed(old) if fault(path) is None), None)

    def _roll_back(self, trainer: L.Trainer, module: L.LightningModule, path: Path) -> None:
        content = read(path)
        module.load_state_dict(content["state_dict"])
        for optimizer, state in zip(trainer.optimizers, content["optimizer_states"], strict=True):
            rates = [group["lr"] for group in optimizer.param_groups]  # the schedule goes on from here
            optimizer.load_state_dict(state)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
        self.returns += 1

    def _count(self, trainer: L.Trainer) -> None:
        self.bad += 1
        if self.bad < self.patience and self.returns < self.patience:
            return
        many = f"{self.bad} skipped steps in a row" if self.bad >= self.patience else f"{self.returns} returns"
        kept = next(reversed(checkpoints(trainer.default_root_dir)), "none")
        raise Diverged(f"{many} by step {trainer.global_step}: the run has diverged. The last checkpoint is {kept}, the"
                       f" events are in {self.logbook.path}; lower --optim.lr, or look at the samples named"
                       " there")  # fmt: skip

    # ---- what stays -----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.losses.state(), "norms": self.norms.state(), "bad": self.bad, "returns": self.returns}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.losses.restore(state["losses"])
        self.norms.restore(state["norms"])
        self.bad, self.returns = state["bad"], state["returns"]


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if abs(value) < float("inf") else None
