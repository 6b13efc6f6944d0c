"""One of two ranks is lost: the other ends within a bound and says why, nobody is left, the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lit_pretrain.callbacks.lost_ranks import LostRanks
from lit_pretrain.io.checkpoint import latest, read

LOST = {
    "killed": "rank 1: killed by SIGKILL",
    "fails": "rank 1: OSError: this disk is full",
    "hangs": "rank 1: no word; it was killed, hangs, or still waits for the others",
}


def run(folder: Path, fault: str) -> tuple[str, int]:
    """What the run says on its standard error, and its exit code."""
    folder.mkdir(exist_ok=True)
    here = Path(__file__).parent
    command = [sys.executable, str(here / "ending_ranks.py"), str(folder), fault]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    try:
        return process.communicate(timeout=300)[1], process.wait()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("whole")
    said, code = run(folder, "none")
    assert code == 0, said[-3000:]
    return read(folder)


@pytest.mark.parametrize("fault", LOST)
def test_the_others_end_and_say_why_and_the_same_command_goes_on(tmp_path, whole, fault):
    said, code = run(tmp_path, fault)
    assert code == 1 and LOST[fault] in said, said[-3000:]
    assert latest(tmp_path).name == "step-0000004.ckpt"
    assert all(gone(int((tmp_path / f"pid{rank}").read_text())) for rank in range(2)), "a process was left behind"

    if fault != "killed":
        return  # they go on as after a kill
    said, code = run(tmp_path, "none")
    assert code == 0, said[-3000:]
    resumed = read(tmp_path)
    assert resumed["global_step"] == whole["global_step"] == 8
    for name, weight in whole["state_dict"].items():
        assert torch.equal(weight, resumed["state_dict"][name]), name


def gone(process: int) -> bool:
    """Whether it ends within moments."""
    for _ in range(100):
        try:
            os.kill(process, 0)
            zombie = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True
        if zombie:
            return True
        time.sleep(0.1)
    return False


def test_patience_is_checked():
    with pytest.raises(ValueError, match="patience=0"):
        LostRanks(0)
