"""What all callbacks that measure have in common: they leave the run exactly as it was."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import numpy as np
import torch


class Observer(L.Callback):
    """A callback that watches a run and changes nothing in it.

    Attributes:
        name: stands before its metrics ("name/accuracy") and in `summary.json`.
        seconds: time spent in `observing`, which is not the training's.
        published: the last step at which it published, and what.
    """

    name: str
    seconds: float = 0.0
    published: tuple[int, dict[str, float]] = (-1, {})

    def summary(self) -> dict[str, Any]:
        """What `summary.json` keeps; empty: nothing."""
        return {}

    def publish(self, trainer: L.Trainer, values: dict[str, float], shown: tuple[str, ...] = ()) -> None:
        """Send values to the loggers and callback metrics, and those named in `shown` to the progress bar.

        `pl_module.log` is not used: it may not log before the first step, and would log at the end of an epoch.
        """
        self.published = (trainer.global_step, values)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in values.items()})
        trainer.progress_bar_metrics.update({name: values[name] for name in shown})
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)

    @contextmanager
    def observing(self, pl_module: L.LightningModule) -> Iterator[None]:
        """Eval mode without gradients; every submodule's mode and every random state are put back afterwards."""
        began = time.perf_counter()
        modes = [(module, module.training) for module in pl_module.modules()]
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        pl_module.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for module, training in modes:
                module.training = training
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])
            if cuda:
                torch.cuda.set_rng_state_all(cuda)
            self.seconds += time.perf_counter() - began
