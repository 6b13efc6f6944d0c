"""What a run needs does not grow with its steps."""

import os
import sys
import threading
from pathlib import Path

import lightning as L
import pytest
import torch
from torch import nn

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.callbacks.instability_guard import InstabilityGuard
from lit_pretrain.callbacks.summary import Summary
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.io.checkpoint import checkpoints
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import ImageBatch


class Rows(DataModule):
    """40 rows of numbers, ten batches an epoch."""

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        rows = torch.arange(40.0).view(40, 1, 1, 1) / 40

        def collate(samples):
            return ImageBatch(torch.stack(samples), index=torch.arange(len(samples)))

        return ResumableLoader(rows, lambda epoch: [list(range(k, k + 4)) for k in range(0, 40, 4)], collate)


class Tiny(PretrainModule):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(1, 4)

    def loss(self, batch):
        return {"square": self.encoder(batch.images.flatten(1)).square().mean()}


class Needs(L.Callback):
    """Memory in MiB, open files and threads at some steps."""

    def __init__(self, *steps: int):
        self.steps, self.seen = steps, []

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step in self.steps:
            memory = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
            self.seen.append((int(memory.split()[1]) / 1024, len(os.listdir("/proc/self/fd")), threading.active_count()))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("background", [False, True])
def test_memory_files_and_threads_stay(tmp_path, background):
    needs = Needs(200, 600)
    trainer = L.Trainer(accelerator="cpu", default_root_dir=tmp_path, max_steps=600, enable_progress_bar=False, logger=False,
                        enable_model_summary=False, limit_val_batches=0, log_every_n_steps=5,
                        callbacks=[Summary(), InstabilityGuard(), needs,
                                   Checkpoint(every_n_steps=10, background=background)])  # fmt: skip
    trainer.fit(Tiny(), datamodule=Rows())
    (memory, files, threads), (later, later_files, later_threads) = needs.seen
    assert later - memory < 4 and later_files <= files and later_threads <= threads
    assert [path.name for path in checkpoints(tmp_path)] == ["step-0000590.ckpt", "step-0000600.ckpt"]
    assert sorted(path.suffix for path in (tmp_path / "checkpoints").iterdir()) == [".ckpt", ".ckpt", ".json", ".json"]
