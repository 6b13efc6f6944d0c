"""One configuration, which trains for a few steps whenever asked."""

import contextlib
import io
import statistics
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch

from lit_pretrain.bench.stopwatch import Stopwatch
from lit_pretrain.callbacks.throughput import Throughput, matmul_dtype, matmul_rate
from lit_pretrain.run import Run, start


class Steps(Run):
    """A training without folder, loggers, validation and callbacks, which does not start by itself."""

    def before_instantiate_classes(self) -> None:
        self._dump_config()
        self.folder, self.resumed_from, self.kept, self.save_config_callback = Path(), None, False, None

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        bare = {"callbacks": [], "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
                "limit_val_batches": 0, "num_sanity_val_steps": 0, "max_epochs": -1}  # fmt: skip
        return super().instantiate_trainer(**bare | kwargs)

    def _run_subcommand(self, subcommand: str) -> None:
        """Whoever made it says when."""


class Subject:
    """A configuration in this process.

    Args:
        words: the options of `fit`.
        warmup, steps: steps of a round that are not timed, and that are.
    """

    def __init__(self, words: list[str], warmup: int, steps: int):
        self.words, self.warmup, self.steps = words, warmup, steps
        self.held = memory("VmRSS")  # of Python and the libraries
        self.padding: list[float] = []
        self.peak: int | None = None

    def build(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self.cli = start("fit", self.words, Steps)

    def round(self) -> dict[str, Any]:
        """Of each timed step the seconds and what they held; the first step's seconds; FLOP/s of matrix products."""
        watch = Stopwatch()
        trainer = self.fit(watch, self.warmup + self.steps + 1)  # a step ends when the next begins
        self.padding += watch.padding
        device = trainer.strategy.root_device
        self.peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else self.grown()
        ceiling = matmul_rate(device, matmul_dtype(str(trainer.precision)), 0.3)
        columns = dict(zip(("seconds", "waited", "examples", "units"), zip(*watch.steps, strict=True), strict=True))
        timed = {name: column[self.warmup :] for name, column in columns.items()}
        return timed | {"first_step": columns["seconds"][0], "ceiling": ceiling}

    def totals(self) -> dict[str, Any]:
        """What does not belong to a round."""
        speed = Throughput(benchmark_seconds=0.01)
        self.fit(speed, 1)
        return {
            "flops_per_unit": speed.flops_per_unit,
            "loader_examples_per_s": self.loader_rate(),
            "peak_mib": None if self.peak is None else self.peak / 2**20,
            "padding": statistics.fmean(self.padding) if self.padding else None,
            "parameters": sum(p.numel() for p in self.cli.model.parameters()),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        }

    def fit(self, callback: L.Callback, steps: int) -> L.Trainer:
        trainer = self.cli.instantiate_trainer(callbacks=[callback], max_steps=steps)
        trainer.fit(self.cli.model, self.cli.datamodule)
        return trainer

    def loader_rate(self) -> float | None:
        """Examples a second that the training loader gives when nothing else is done."""
        examples, began = 0, None
        for number, batch in enumerate(self.cli.datamodule.train_dataloader()):
            if began is not None:
                examples += batch.num_examples
            if number == self.warmup:
                began = time.perf_counter()
            if number == self.warmup + self.steps:
                break
        return examples / (time.perf_counter() - began) if examples else None

    def grown(self) -> int | None:
        """Bytes that the process has needed at its peak for the model, its data and its steps, where the system tells."""
        peak = memory("VmHWM")
        return None if peak is None or self.held is None else peak - self.held


def memory(name: str) -> int | None:
    """Bytes, as Linux counts them for this process: VmRSS now, VmHWM at the peak."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
