"""One of two ranks, which tries each fault in turn; the second rank has it, the first has not."""

import json
import os
import sys
from pathlib import Path

import lightning as L
import pytest
import torch
from conftest import Denoise, Digits, PixelEncoder
from torch.utils.data import Dataset

from lit_pretrain.callbacks import agreement
from lit_pretrain.callbacks.agreement import Agreement
from lit_pretrain.callbacks.summary import versions
from lit_pretrain.datamodules.loader import ResumableLoader


class Numbered(Dataset):
    """The first samples of another."""

    def __init__(self, source, count: int):
        self.source, self.count = source, count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return self.source[i]


class Divided(Digits):
    """Digits, of which each rank reads its share."""

    def __init__(self, fault: str | None):
        super().__init__()
        self.fault = fault

    def loader(self, split, **kwargs):
        made = super().loader(split, **kwargs)
        count = {"train": 400, "validation": 160}[split] - 40 * (self.fault == split)

        def plan(epoch):
            generator = torch.Generator().manual_seed(int(self.fault == "order"))
            return torch.randperm(count, generator=generator).view(-1, 20).tolist()

        return ResumableLoader(Numbered(made.dataset, count), plan, made.collate, rank=self.trainer.global_rank, ranks=2)


class Steps(L.Callback):
    """Counts them; with `ahead`, the trainer believes that it has taken some."""

    def __init__(self, ahead: int):
        self.taken, self.ahead = 0, ahead

    def on_train_start(self, trainer, pl_module):
        progress = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress
        progress.optimizer.step.total.completed += self.ahead

    def on_train_batch_start(self, *args):
        self.taken += 1


def error(fault: str, own: str | None) -> str | None:
    """Of a fit on one of two ranks, which has the fault `own`."""
    config = {"optim": {"lr": 0.01}} if own == "config" else {"optim": {"lr": 0.001}, "seed": 1}
    steps = Steps(ahead=2 * (own == "position"))
    trainer = L.Trainer(accelerator="cpu", strategy="ddp", devices=2, max_steps=2, logger=False,
                        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                        num_sanity_val_steps=0, check_val_every_n_epoch=None, val_check_interval=2,
                        callbacks=[steps, Agreement(None if fault == "module" else config)])  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        if own == "version":
            patch.setattr(agreement, "versions", lambda: versions() | {"torch": "2.0"})
        if own == "code":
            patch.setattr(agreement, "_code", lambda *parts: {"the code of lit_pretrain": "other"})
        try:
            trainer.fit(Denoise(PixelEncoder(24 if own == "module" else 16)), Divided(own))
        except ValueError as error:
            assert steps.taken == 0
            return str(error)
    assert steps.taken == 2
    return None


if __name__ == "__main__":
    said = {fault: error(fault, fault if os.environ["RANK"] == "1" else None) for fault in sys.argv[2:]}
    Path(sys.argv[1], f"{os.environ['RANK']}.json").write_text(json.dumps(said))
    torch.distributed.barrier()
    sys.stdout.flush()
    os._exit(0)  # gloo's threads sometimes abort at a regular exit
