"""A run of two ranks that Lightning starts; rank 1 meets a fault in its sixth step. Arguments: folder, fault."""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import lightning as L
import torch
from conftest import Denoise, Digits, PixelEncoder
from torch.distributed.distributed_c10d import _set_pg_timeout

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.callbacks.lost_ranks import LostRanks
from lit_pretrain.io.checkpoint import latest


class Fault(L.Callback):
    """Kills, fails or hangs; then collectives wait ten seconds, as with `DDPStrategy(timeout=...)`."""

    def on_train_start(self, trainer, pl_module):
        if fault == "hangs":
            _set_pg_timeout(timedelta(seconds=10))
        (folder / f"pid{trainer.global_rank}").write_text(str(os.getpid()))

    def on_train_batch_start(self, trainer, *args):
        if trainer.global_step == 5 and trainer.global_rank == 1:
            if fault == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "fails":
                raise OSError("this disk is full")
            if fault == "hangs":
                time.sleep(600)


if __name__ == "__main__":
    folder, fault = Path(sys.argv[1]), sys.argv[2]
    torch.manual_seed(0)
    module = Denoise(PixelEncoder())
    trainer = L.Trainer(accelerator="cpu", strategy="ddp", devices=2, max_steps=8, logger=False, default_root_dir=folder,
                        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
                        callbacks=[LostRanks(), Fault(), Checkpoint(every_n_steps=2)])  # fmt: skip
    trainer.fit(module, Digits(), ckpt_path=latest(folder))
    torch.distributed.barrier()
    sys.stdout.flush()
    os._exit(0)  # gloo's threads sometimes abort at a regular exit
