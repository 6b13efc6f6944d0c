"""Two ranks with different numbers of targets take the step that one process with all of them takes."""

import sys
from pathlib import Path

import torch
from two_ranks import run_two_ranks

RANK = """
import os, sys, torch, lightning as L
sys.path.insert(0, {tests!r})
from test_base import Listed, Rows, Summed, module
from lightning.pytorch.strategies import DDPStrategy

rank = int(os.environ["RANK"])
x = torch.randn(10, 4, generator=torch.Generator().manual_seed(1))
# Two steps of two micro-batches; the ranks get 1 + 2 and 3 + 4 rows, in different order.
mine = [[x[:1], x[1:3]], [x[3:6], x[6:]]][rank]
model = module()
settings = dict(accelerator="cpu", devices=2, strategy=DDPStrategy(process_group_backend="gloo"), logger=False,
                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                use_distributed_sampler=False)
trainer = L.Trainer(max_steps=2, accumulate_grad_batches=2, val_check_interval=4, num_sanity_val_steps=0, **settings)
loader = Listed([Rows(part) for part in mine * 2])
trainer.fit(model, loader, loader)
if rank == 0:
    torch.save({{"weight": model.encoder.blocks[0].weight.detach(),
                "val": trainer.callback_metrics["val/error"]}}, {out!r})
torch.distributed.barrier()
sys.stdout.flush()
os._exit(0)  # gloo's threads sometimes abort at a regular exit
"""


def test_global_normalisation_under_accumulation_and_data_parallelism(tmp_path):
    sys.path.insert(0, str(Path(__file__).parent))
    from test_base import Rows, fit, module

    out = tmp_path / "out.pt"
    run_two_ranks("-c", RANK.format(tests=str(Path(__file__).parent), out=str(out)))

    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(1))
    whole = module()
    trainer = fit(whole, [Rows(x)] * 2, max_steps=2, val_check_interval=2)
    found = torch.load(out)
    torch.testing.assert_close(found["weight"], whole.encoder.blocks[0].weight.detach(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found["val"], trainer.callback_metrics["val/error"], rtol=1e-5, atol=1e-5)
