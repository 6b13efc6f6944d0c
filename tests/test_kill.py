"""A run that is killed, or told to end, in the middle of an epoch, and the same command again: nothing can be told from the
uninterrupted run."""

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


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "record.py").write_text(RECORD)
    return home


def start(home: Path, folder: Path) -> subprocess.Popen:
    return subprocess.Popen(command(folder), cwd=home, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip


def finish(process: subprocess.Popen) -> None:
    output = process.communicate(timeout=240)[0].decode()
    assert process.returncode == 0, output[-3000:]


@pytest.fixture(scope="module")
def whole(home) -> Path:
    finish(start(home, home / "whole"))
    return home / "whole"


@pytest.mark.parametrize("number, code", [(signal.SIGKILL, -9), (signal.SIGTERM, 143)], ids=["SIGKILL", "SIGTERM"])
def test_the_same_command_again_goes_on_as_if_nothing_had_been(home, whole, number, code):
    """The signal goes to the run and to its two workers, as from a scheduler."""
    cut = home / number.name
    process = start(home, cut)
    deadline = time.time() + 240
    while time.time() < deadline and len(checkpoints(cut)) < 2 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, number)
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == code, output[-3000:]
    step = read(cut)["global_step"]
    assert step < 14, "the run was over before it could be ended"
    if number == signal.SIGTERM:
        assert f"SIGTERM: saved at step {step}" in output and len(lines(cut)) == 2 * step, "a step was lost"

    finish(start(home, cut))
    assert lines(cut) == lines(whole)
    a, b = read(whole), read(cut)
    for name, weight in a["state_dict"].items():
        assert torch.equal(weight, b["state_dict"][name]), name
    moments = [x["optimizer_states"][0]["state"] for x in (a, b)]
    assert all(torch.equal(moments[0][i]["exp_avg"], moments[1][i]["exp_avg"]) for i in moments[0])
    assert a["lr_schedulers"][0]["last_epoch"] == b["lr_schedulers"][0]["last_epoch"] == 14
