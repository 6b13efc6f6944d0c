"""One file that says how a run ended."""

import json
import math
import os
import platform
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_warn

from lit_pretrain.callbacks.observer import Observer

PACKAGES = ("lit_pretrain", "torch", "lightning", "numpy", "scikit-learn")


class Summary(L.Callback):
    """Writes `summary.json` into the run folder when fitting ends, and what there is when it breaks.

    Keys: `finished`, `error`, `command`, `steps`, `epochs`, `seconds` (over all resumptions), `parameters`, `metrics`
    (the last of each), one key for each observer (probes: protocol and history; throughput), `device`, `versions`.
    """

    def __init__(self) -> None:
        self._before = 0.0  # seconds of the runs that this one resumes
        self._began = time.perf_counter()

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._began = time.perf_counter()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._write(trainer, pl_module, None)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._write(trainer, pl_module, exception)

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self._seconds()}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self._before = state["seconds"]

    def _seconds(self) -> float:
        return self._before + time.perf_counter() - self._began

    def _write(self, trainer: L.Trainer, pl_module: L.LightningModule, error: BaseException | None) -> None:
        if not trainer.is_global_zero:
            return
        observers = [c for c in trainer.callbacks if isinstance(c, Observer)]
        content = {
            "finished": error is None,
            "error": None if error is None else f"{type(error).__name__}: {error}",
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "steps": trainer.global_step,
            "epochs": trainer.current_epoch,
            "seconds": round(self._seconds(), 2),
            "parameters": {
                "all": sum(p.numel() for p in pl_module.parameters()),
                "encoder": sum(p.numel() for p in pl_module.encoder.parameters()),
            },
            "metrics": {name: float(value) for name, value in sorted(trainer.callback_metrics.items())},
            **{c.name: found for c in observers if (found := c.summary())},
            "device": f"{trainer.world_size} x {pl_module.device.type}, {trainer.precision}",
            "versions": versions(),
        }
        try:
            write_json(Path(trainer.default_root_dir) / "summary.json", content)
        except OSError as failure:
            rank_zero_warn(f"the summary was not written: {failure}")


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def write_json(path: Path, content: Any) -> None:
    """Written beside and renamed, so that there is never half a file; NaN and infinities, which JSON lacks, as null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with open(partial, "w") as file:
        json.dump(_finite(content), file, indent=2, default=str)
    os.replace(partial, path)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
