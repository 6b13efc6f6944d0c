"""What a model makes of a few recordings, written as files to listen to."""

from html import escape
from operator import methodcaller
from pathlib import Path

import lightning as L
import soundfile
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_warn

from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.callbacks.pictures import same_draws
from lit_pretrain.callbacks.report_page import page
from lit_pretrain.datamodules.base import DataModule


class Sounds(Observer):
    """Writes what the objective offers by a method `sounds(batch) -> {name: one (S,) tensor for each example}`, such as the
    original and what a codec leaves of it, for the same validation examples again and again.

    They go to `sounds/step-0000500/EXAMPLE_NAME.wav` in the run folder, with a page `sounds/step-0000500/index.html` that
    plays them side by side, and to TensorBoard. The batch must know its `sample_rate`. The run is that of a run without it.

    Args:
        every_n_steps: optimiser steps between two writings; 0: after the last step only.
        examples: the most that are written.
    """

    name = "sounds"

    def __init__(self, every_n_steps: int = 0, examples: int = 4):
        if every_n_steps < 0 or examples < 1:
            raise ValueError(
                f"every_n_steps={every_n_steps}, examples={examples}: give 0 or more steps and at least one example"
            )
        self.every_n_steps, self.examples = every_n_steps, examples
        self._written: int | None = None  # the last step at which it wrote

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: object) -> None:
        if self.every_n_steps and trainer.global_step and trainer.global_step % self.every_n_steps == 0:
            self.write(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.write(trainer, pl_module)

    def write(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Once a step, by the first rank. A failure is warned of, and the run goes on."""
        if self._written == trainer.global_step or not trainer.is_global_zero:
            return
        self._written = trainer.global_step
        try:
            with self.observing(pl_module), same_draws(pl_module):
                self._write(trainer, pl_module)
        except Exception as error:
            rank_zero_warn(f"sounds cannot be written and the run goes on: {error}")

    def _write(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not callable(getattr(pl_module, "sounds", None)):
            raise ValueError(f"{type(pl_module).__name__} offers none: it has no method `sounds`")
        if not isinstance(trainer.datamodule, DataModule):
            raise ValueError("they need a datamodule of lit_pretrain")
        loader = trainer.datamodule.loader("validation", shuffle=False, limit=self.examples)
        batch = next(iter(loader)).to(pl_module.device)
        found, rate = pl_module.sounds(batch), batch.sample_rate
        folder = Path(trainer.default_root_dir) / "sounds" / f"step-{trainer.global_step:07d}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, examples in found.items():
            for i, samples in enumerate(examples[: self.examples]):
                samples = samples.detach().float().cpu().clamp(-1, 1)
                soundfile.write(folder / f"{i}_{name}.wav", samples.numpy(), rate)
                play = methodcaller("add_audio", f"sounds/{i}_{name}", samples[None], trainer.global_step, rate)
                for logger in trainer.loggers:
                    if isinstance(logger, TensorBoardLogger):
                        play(logger.experiment)
        count = min(self.examples, len(next(iter(found.values()))))
        (folder / "index.html").write_bytes(listening_page(list(found), count, trainer.global_step).encode())


def listening_page(names: list[str], examples: int, step: int) -> str:
    """A row for each example and a player for each name."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    players = [[f'<td><audio controls src="{escape(f"{i}_{name}.wav")}"></audio></td>' for name in names]
               for i in range(examples)]  # fmt: skip
    rows = "".join(f"<tr><td>{i}</td>{''.join(row)}</tr>" for i, row in enumerate(players))
    body = f"<section><table><tr><th>example</th>{head}</tr>{rows}</table></section>"
    return page("What the model makes of recordings", f"after {step:,} steps", "", (), [body])
