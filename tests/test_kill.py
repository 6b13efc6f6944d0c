"""kill -9 in the middle of an epoch, and the same command again: nothing can be told from the uninterrupted run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lit_pretrain.io.checkpoint import checkpoints, read

CONF = Path(__file__).parents[1] / "conf"
RECORD = """
import json, os
import lightning as L


class Record(L.Callback):
    '''One line a micro-batch, written at once: the samples and the loss.'''

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        with open(os.path.join(trainer.default_root_dir, "record.jsonl"), "a") as file:
            line = [trainer.global_step, batch_idx, batch.index.tolist(), float(outputs["loss"])]
            file.write(json.dumps(line) + "\\n")
            file.flush()
"""


def command(folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "lit_pretrain.cli", "fit", "--config", str(CONF / "text/mlm.yaml"),
        "--config", str(CONF / "trainer/smoke.yaml"), "--trust", "record", "--trainer.accelerator", "cpu",
        "--trainer.precision", "32-true", "--trainer.max_steps", "14", "--trainer.accumulate_grad_batches", "2",
        "--trainer.val_check_interval", "10", "--data.num_workers", "2", "--data.tokens_per_batch", "512",
        "--model.encoder.dropout", "0.1", "--trainer.callbacks+=record.Record", "--run_dir", str(folder),
    ]  # fmt: skip


def lines(folder: Path) -> dict[tuple[int, int], str]:
    import json

    found: dict[tuple[int, int], str] = {}
    for line in (folder / "record.jsonl").read_text().splitlines():
        step, batch_idx, *rest = json.loads(line)
        before = found.setdefault((step, batch_idx), rest)
        assert before == rest, f"step {step} was repeated with other data or another loss"
    return found


@pytest.fixture
def start(tmp_path: Path):
    (tmp_path / "record.py").write_text(RECORD)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def start(folder: Path) -> subprocess.Popen:
        return subprocess.Popen(command(folder), cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip

    return start


def test_the_same_command_again_goes_on_as_if_nothing_had_been(tmp_path, start):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    process = start(whole)
    output = process.communicate(timeout=240)[0].decode()
    assert process.returncode == 0, output[-3000:]

    process = start(cut)
    deadline = time.time() + 240
    while time.time() < deadline and len(checkpoints(cut)) < 2 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert read(cut)["global_step"] < 14, "the run was over before it could be killed"

    process = start(cut)
    output = process.communicate(timeout=240)[0].decode()
    assert process.returncode == 0, output[-3000:]

    assert lines(cut) == lines(whole)
    a, b = read(whole), read(cut)
    for name, weight in a["state_dict"].items():
        assert torch.equal(weight, b["state_dict"][name]), name
    moments = [x["optimizer_states"][0]["state"] for x in (a, b)]
    assert all(torch.equal(moments[0][i]["exp_avg"], moments[1][i]["exp_avg"]) for i in moments[0])
    assert a["lr_schedulers"][0]["last_epoch"] == b["lr_schedulers"][0]["last_epoch"] == 14
