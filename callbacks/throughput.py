"""How fast a run is, and how far from what the device could do."""

import time
from typing import Any

import lightning as L
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.types import Batch


class Throughput(Observer):
    """Examples and units per second, the share of time spent waiting for data, and model FLOPs utilisation.

    `throughput/units_per_s` counts units without padding, over all ranks. `throughput/data_wait` is the share of time
    between two steps. `throughput/mfu` is FLOPs per second by the highest rate of a matrix product on this device:
    the FLOPs of the first training step are counted and scale with its units. (Compiled blocks would be counted in
    eager mode, which rounds otherwise and so would change the run; there it is three times a forward pass aside.)
    Steps in whose time a probe, validation or a checkpoint fell do not enter the rates. All is logged every
    `trainer.log_every_n_steps`.

    Args:
        benchmark_seconds: how long the matrix product is measured at the start.
    """

    name = "throughput"

    def __init__(self, benchmark_seconds: float = 0.3):
        if benchmark_seconds <= 0:
            raise ValueError(f"benchmark_seconds={benchmark_seconds}: must be above 0")
        self.benchmark_seconds = benchmark_seconds
        self.ceiling = 0.0  # FLOP/s
        self.flops_per_unit: float | None = None
        self._counter: FlopCounterMode | None = None
        self._window, self._whole = Tally(), Tally()
        self._began: float | None = None  # when the present step began; None: do not count it
        self._ended = 0.0
        self._present = (0, 0)  # examples and units of the present step
        self._observed = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.ceiling = matmul_rate(pl_module.device, matmul_dtype(str(trainer.precision)), self.benchmark_seconds)

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int) -> None:
        step = trainer.global_step
        due = step % trainer.log_every_n_steps == 0 and step > max(0, self.published[0])
        if due and pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)  # once a window; its steps have run ahead until here
        now = time.perf_counter()
        self._close(now, trainer)
        if due:
            self._flush(trainer)
        self._began, self._present = now, (batch.num_examples, batch.num_units)
        if self.flops_per_unit is None and is_compiled(pl_module):
            with self.observing(pl_module), trainer.precision_plugin.forward_context(), flop_counter() as counter:
                pl_module.loss(batch)
            self.flops_per_unit = 3 * counter.get_total_flops() / max(1, batch.num_units)
        elif self.flops_per_unit is None:
            self._counter = flop_counter()
            self._counter.__enter__()

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._stop_counting()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        self._stop_counting()  # there was no backward pass
        self._ended = time.perf_counter()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._began = None

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        self._began = None

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._close(self._ended, trainer)
        self._flush(trainer)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._stop_counting()

    def summary(self) -> dict[str, Any]:
        rates = self._rates(self._whole)
        return rates | {"flops_per_unit": self.flops_per_unit, "ceiling_flops_per_s": self.ceiling} if rates else {}

    def _stop_counting(self) -> None:
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self.flops_per_unit = self._counter.get_total_flops() / max(1, self._present[1])
            self._counter, self._began = None, None  # counting is slow, so this step's time is not kept

    def _close(self, now: float, trainer: L.Trainer) -> None:
        """Count the step that began at `_began`, unless something else took a part of its time."""
        observed = sum(c.seconds for c in trainer.callbacks if isinstance(c, Observer))
        if self._began is not None and observed == self._observed:
            examples, units = (n * trainer.world_size for n in self._present)
            for tally in (self._window, self._whole):
                tally.add(now - self._began, now - self._ended, examples, units)
        self._began, self._observed, self._world_size = None, observed, trainer.world_size

    def _flush(self, trainer: L.Trainer) -> None:
        if rates := self._rates(self._window):
            self.publish(trainer, {f"{self.name}/{k}": v for k, v in rates.items()})
        self._window = Tally()

    def _rates(self, tally: "Tally") -> dict[str, float]:
        if tally.seconds <= 0:
            return {}
        units = tally.units / tally.seconds
        rates = {"examples_per_s": tally.examples / tally.seconds, "units_per_s": units,
                 "data_wait": tally.waited / tally.seconds}  # fmt: skip
        if self.flops_per_unit and self.ceiling:
            rates["mfu"] = units / self._world_size * self.flops_per_unit / self.ceiling
        return rates


class Tally:
    """Sums over steps."""

    def __init__(self) -> None:
        self.seconds = self.waited = 0.0
        self.examples = self.units = 0

    def add(self, seconds: float, waited: float, examples: int, units: int) -> None:
        self.seconds, self.waited = self.seconds + seconds, self.waited + waited
        self.examples, self.units = self.examples + examples, self.units + units


def _forward(q: torch.Size, k: torch.Size, v: torch.Size, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return sdpa_flop_count(q, k, v)


def _backward(
    grad: torch.Size, q: torch.Size, k: torch.Size, v: torch.Size, *args: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    return sdpa_backward_flop_count(grad, q, k, v)


# torch counts 0 for its own CPU kernels; the formulas are those of its CUDA kernels.
CPU_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}


def flop_counter() -> FlopCounterMode:
    return FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION)


def is_compiled(module: torch.nn.Module) -> bool:
    return any(m._compiled_call_impl is not None for m in module.modules())


def matmul_dtype(precision: str) -> torch.dtype:
    """The type of matrix products under a trainer's precision ("bf16-mixed", "32-true", ...)."""
    return {"bf16": torch.bfloat16, "16": torch.float16, "64": torch.float64}.get(precision.split("-")[0], torch.float32)


def matmul_rate(device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    """FLOP/s of the fastest of many products of square matrices within the given time, after a warm-up."""
    n = 1024 if device.type == "cpu" else 8192  # large enough to reach the peak, small enough for several rounds
    generator = torch.Generator(device).manual_seed(0)  # not zeros, which draw less power and run faster
    a = torch.randn(n, n, generator=generator, device=device).to(dtype)
    best, end = float("inf"), 0.0
    while end == 0.0 or time.perf_counter() < end:
        began = time.perf_counter()
        torch.mm(a, a)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if end == 0.0:
            end = time.perf_counter() + seconds  # the first was the warm-up
        else:
            best = min(best, time.perf_counter() - began)
    return 2 * n**3 / best
