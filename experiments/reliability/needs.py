"""What a run needs, while it runs."""

import csv
import os
import threading
from pathlib import Path

import lightning as L

COLUMNS = ("step", "memory_mib", "open_files", "threads", "folder_mib")


class Needs(L.Callback):
    """Memory, open files, threads and the size of the run folder, one row every so many steps.

    Args:
        file: the table.
        every_n_steps: steps between two rows.
    """

    def __init__(self, file: str, every_n_steps: int = 1000):
        self.file, self.every_n_steps = file, every_n_steps

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        with open(self.file, "w", newline="") as file:
            csv.writer(file).writerow(COLUMNS)

    def on_train_batch_end(self, trainer: L.Trainer, *args: object) -> None:
        if trainer.global_step % self.every_n_steps:
            return
        memory = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
        below = sum(path.stat().st_size for path in Path(trainer.default_root_dir).rglob("*") if path.is_file())
        row = (trainer.global_step, f"{int(memory.split()[1]) / 1024:.1f}", len(os.listdir("/proc/self/fd")),
               threading.active_count(), f"{below / 2**20:.1f}")  # fmt: skip
        with open(self.file, "a", newline="") as file:
            csv.writer(file).writerow(row)
