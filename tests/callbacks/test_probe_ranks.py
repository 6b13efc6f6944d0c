"""Two processes probe what one does, and a failure on one of them stops neither."""

from pathlib import Path

import torch
from two_ranks import run_two_ranks

from lit_pretrain.callbacks.linear_probe import LinearProbe

RANK = """
import os, sys, torch, lightning as L
sys.path.insert(0, {tests!r})
from conftest import Denoise, Digits, PixelEncoder
from lit_pretrain.callbacks.linear_probe import LinearProbe
from lightning.pytorch.strategies import DDPStrategy


class Shared(Digits):
    def loader(self, split, **kwargs):
        made = super().loader(split, **kwargs)
        plan, rank = made.plan, self.trainer.global_rank
        # Ranks take turns, and rank 1 has the first batch once more, as padding to equal lengths would have it.
        made.plan = lambda epoch: plan(epoch)[rank::2] + plan(epoch)[:rank]
        return made


class Half(Shared):
    def setup(self, stage=None):
        super().setup(stage)
        if self.trainer.global_rank == 1:
            raise RuntimeError("this disk is full")


torch.manual_seed(0)
probes = [LinearProbe(Shared(), limit=160), LinearProbe(Half(), limit=160, name="broken")]
trainer = L.Trainer(default_root_dir={folder!r}, accelerator="cpu", devices=2, max_steps=2, callbacks=probes,
                    strategy=DDPStrategy(process_group_backend="gloo"), logger=False, enable_checkpointing=False,
                    enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
                    limit_val_batches=0, use_distributed_sampler=False)
trainer.fit(Denoise(PixelEncoder()), datamodule=Digits())
if trainer.global_rank == 0:
    torch.save([trainer.global_step, *(probe.history for probe in probes)], {out!r})
torch.distributed.barrier()
sys.stdout.flush()
os._exit(0)  # gloo's threads sometimes abort at a regular exit
"""


def test_two_ranks_probe_as_one(tmp_path, fit, digits):
    out = tmp_path / "out.pt"
    errors = run_two_ranks("-c", RANK.format(tests=str(Path(__file__).parent), folder=str(tmp_path), out=str(out)))
    steps, shared, broken = torch.load(out)
    assert steps == 2 and broken == []
    assert "broken failed at step 0 and the run goes on: rank 1: this disk is full" in errors[0]

    alone = LinearProbe(digits, limit=160)
    fit(tmp_path / "alone", [alone], max_steps=1)
    assert [row["step"] for row in shared] == [0, 2]
    assert all(shared[0][score] == alone.history[0][score] for score in ("accuracy", "macro_f1"))
