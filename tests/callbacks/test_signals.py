"""A signal lets the step end, saves, and ends the run with a code that schedulers understand."""

import os
import signal
import time

import lightning as L
import pytest
import torch
from two_ranks import run_two_ranks

from lit_pretrain.callbacks.signals import Stopped, requeue
from lit_pretrain.io.checkpoint import latest, read

SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 138)]


class Send(L.Callback):
    """Sends this process a signal in the middle of a step, or of a validation."""

    def __init__(self, number: int, step: int, hook: str = "on_after_backward", times: int = 1):
        self.number, self.step, self.times = number, step, times
        setattr(self, hook, self.send)

    def send(self, trainer, *args):
        if trainer.global_step == self.step:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


@pytest.fixture
def whole(tmp_path_factory, fit):
    return fit(tmp_path_factory.mktemp("whole"), [])[0]


@pytest.mark.parametrize("number, code", SIGNALS, ids=lambda x: getattr(x, "name", None))
def test_the_step_ends_and_is_saved_and_the_same_command_goes_on(tmp_path, fit, whole, number, code):
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match=r"saved at step 3") as end:
        fit(tmp_path, [Send(number, 2)])  # a checkpoint is due every four steps
    assert end.value.code == code and latest(tmp_path).name == "step-0000003.ckpt"
    assert signal.getsignal(number) == before
    module, _, _ = fit(tmp_path, [], resume=latest(tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), whole.state_dict().values(), strict=True))


def test_it_says_so_where_nothing_could_be_saved(tmp_path, fit, monkeypatch):
    def full(*what):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lit_pretrain.callbacks.checkpoint.write", full)
    with pytest.raises(Stopped, match=r"step 3 was not saved \(.*No space left on device\); .* an older checkpoint"):
        fit(tmp_path, [Send(signal.SIGTERM, 2)])


def test_a_validation_that_is_due_is_not_lost(tmp_path, fit):
    with pytest.raises(Stopped, match="saved at step 4"):
        fit(tmp_path, [Send(signal.SIGTERM, 3)])  # validation after step 4
    assert read(latest(tmp_path))["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]["total"]["completed"] > 0


def test_during_validation_it_waits_for_the_next_step(tmp_path, fit):
    with pytest.raises(Stopped, match="saved at step 4"):
        fit(tmp_path, [Send(signal.SIGTERM, 4, "on_validation_batch_end")])


def test_accumulated_gradients_are_not_saved(tmp_path, fit):
    """In the middle of a window of micro-batches the step before is what goes on."""
    whole = fit(tmp_path / "whole", [], accumulate_grad_batches=2)[0]
    with pytest.raises(Stopped):
        fit(tmp_path / "cut", [Send(signal.SIGTERM, 5)], accumulate_grad_batches=2)
    module = fit(tmp_path / "cut", [], accumulate_grad_batches=2, resume=latest(tmp_path / "cut"))[0]
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), whole.state_dict().values(), strict=True))


def test_a_second_ctrl_c_acts_at_once(tmp_path, fit):
    with pytest.raises(SystemExit):
        fit(tmp_path, [Send(signal.SIGINT, 2, times=2)])
    assert latest(tmp_path) is None


def test_slurm_is_asked_once_to_start_the_job_again(tmp_path, fit, monkeypatch):
    asked = []
    monkeypatch.setattr("subprocess.run", lambda words, check: asked.append(words))
    assert not requeue() and not asked, "outside of a job"
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with pytest.raises(Stopped):
        fit(tmp_path, [Send(signal.SIGUSR1, 2)])
    assert asked == [["scontrol", "requeue", "17"]]
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "16")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert requeue() and asked[1] == ["scontrol", "requeue", "16_3"]


def test_a_signal_to_one_rank_ends_both():
    run_two_ranks(__file__, timeout=120)


def _rank() -> None:
    import sys
    import tempfile
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import Denoise, Digits, PixelEncoder

    from lit_pretrain.callbacks.checkpoint import Checkpoint

    second = os.environ["RANK"] == "1"
    folder = Path(tempfile.gettempdir()) / f"signals-{os.environ['MASTER_PORT']}"
    trainer = L.Trainer(accelerator="cpu", strategy="ddp", devices=2, max_steps=50, logger=False, default_root_dir=folder,
                        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
                        callbacks=[Send(signal.SIGTERM, 2 if second else -1), Checkpoint()])  # fmt: skip
    began = time.monotonic()
    try:
        trainer.fit(Denoise(PixelEncoder()), Digits())
    except Stopped as end:
        assert end.code == 143 and latest(folder).name == "step-0000003.ckpt" and time.monotonic() - began < 60
    else:
        raise AssertionError("this rank went on")


if __name__ == "__main__":
    _rank()
