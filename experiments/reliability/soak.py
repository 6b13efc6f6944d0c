"""Ends runs at random moments, gives the same command again to their end, and compares them with an undisturbed one.

    OMP_NUM_THREADS=1 python -m experiments.reliability.soak --trials 50 --out experiments/reliability

Each trial is a run of its own: a fault, then the same command, until it comes to its end. Equal means: all weights and the
moments of the optimiser are equal bit for bit, each step saw the samples of the undisturbed run and had its loss, and a step
that was gone through twice did both times.

Runs are forked from a process that has imported everything, so that a trial takes seconds.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import lightning as L
import torch
from rich.progress import track

from lit_pretrain.cli import main as lit_pretrain
from lit_pretrain.io.checkpoint import read

CONFIGS = {
    "text": "text/mlm",
    "vision": "vision/mae",
    "speech": "speech/tera",
    "graph": "graph/infograph",
    "code": "code/mlm",
}
SMALL = {  # so that a trial takes seconds
    "text": ("--data.tokens_per_batch", "512", "--model.encoder.num_layers", "1"),
    "vision": ("--data.batch_size", "16"),
    "speech": ("--data.seconds_per_batch", "8"),
    "graph": (),
    "code": ("--data.tokens_per_batch", "512", "--model.encoder.num_layers", "1"),
}
STEPS = 10
FAULTS = ("SIGKILL", "SIGTERM", "SIGINT", "killed while it writes a checkpoint", "a worker is killed")
CONF = Path(__file__).parents[2] / "conf"


class Record(L.Callback):
    """A line for each step, written at once: its number, its samples and its loss."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        line = [trainer.global_step, batch.index.tolist(), float(outputs["loss"])]
        with open(Path(trainer.default_root_dir) / "record.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")


def words(modality: str, folder: Path) -> list[str]:
    return ["fit", "--config", str(CONF / f"{CONFIGS[modality]}.yaml"), "--config", str(CONF / "trainer/smoke.yaml"),
            "--trainer.accelerator", "cpu", "--trainer.precision", "32-true", "--trainer.max_steps", str(STEPS),
            "--trainer.val_check_interval", "5", "--data.num_workers", "1", *SMALL[modality], "--trainer.callbacks",
            "[{class_path: lit_pretrain.callbacks.checkpoint.Checkpoint, init_args: {every_n_steps: 2}},"
            " {class_path: experiments.reliability.soak.Record}]",
            "--trust", "experiments", "--run_dir", str(folder)]  # fmt: skip


def begin(modality: str, folder: Path) -> int:
    """The number of a process that trains."""
    if pid := os.fork():
        return pid
    os.setsid()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "output.txt", "ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    try:
        code = lit_pretrain(words(modality, folder))
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    os._exit(code)


def ended(pid: int) -> int | None:
    """The exit code; None: it goes on."""
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def workers(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


def disturb(pid: int, folder: Path, fault: str, delay: float) -> str:
    """Bring the fault about; what the process ended with, or that it was finished before."""
    deadline, number = time.monotonic() + delay, getattr(signal, fault, signal.SIGKILL)
    while (code := ended(pid)) is None:
        partial = fault.startswith("killed") and any(folder.glob("checkpoints/.*.partial"))
        working = workers(pid) if fault.startswith("a worker") else []
        if time.monotonic() > deadline and (fault.startswith("SIG") or partial or working):
            if working:
                os.kill(working[0], signal.SIGKILL)
            else:
                os.killpg(pid, number)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            return f"exit code {code}"
        time.sleep(0.0005 if fault.startswith("killed") else 0.005)
    return "finished before" if code == 0 else f"exit code {code}"


def finish(modality: str, folder: Path) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(begin(modality, folder), 0)[1])


def steps(folder: Path) -> dict[int, list]:
    """Step -> samples and loss.

    Raises:
        ValueError: a step was gone through twice, differently.
    """
    found: dict[int, list] = {}
    for line in (folder / "record.jsonl").read_text().splitlines():
        step, *what = json.loads(line)
        if found.setdefault(step, what) != what:
            raise ValueError(f"step {step} was repeated with other samples or another loss")
    return found


def difference(folder: Path, whole: Path) -> str:
    """What is not as in the undisturbed run; empty: nothing."""
    if not (folder / "record.jsonl").exists():
        return "it never began to train"
    try:
        if steps(folder) != steps(whole):
            return "samples or losses"
    except ValueError as error:
        return str(error)
    a, b = read(folder), read(whole)
    if a["global_step"] != STEPS or a["state_dict"].keys() != b["state_dict"].keys():
        return "steps"
    if not all(torch.equal(value, b["state_dict"][name]) for name, value in a["state_dict"].items()):
        return "weights"
    moments = [[v for s in x["optimizer_states"][0]["state"].values() for v in s.values()] for x in (a, b)]
    return "" if all(torch.equal(x, y) for x, y in zip(*moments, strict=True)) else "moments"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modalities", nargs="+", choices=[*CONFIGS], default=[*CONFIGS])
    parser.add_argument("--trials", type=int, default=50, help="of each modality")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/soak"), help="folder of soak.csv, which is added to")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / "soak.csv"
    done = {(row["modality"], int(row["trial"])) for row in csv.DictReader(table.open())} if table.exists() else set()
    if not table.exists():
        table.write_text("modality,trial,fault,delay_s,ended_with,restarts,difference\n")
    for modality in options.modalities:
        with tempfile.TemporaryDirectory() as base:
            whole = Path(base) / "whole"
            assert finish(modality, whole) == 0, (whole / "output.txt").read_text()[-2000:]  # fills caches, too
            shutil.rmtree(whole)
            began = time.monotonic()
            assert finish(modality, whole) == 0
            seconds = time.monotonic() - began
            for trial in track(range(options.trials), modality):
                if (modality, trial) in done:
                    continue
                draw = random.Random(f"{options.seed} {modality} {trial}")
                fault, delay = FAULTS[trial % len(FAULTS)], draw.uniform(0, 0.95 * seconds)
                folder = Path(base) / "cut"
                what, restarts = disturb(begin(modality, folder), folder, fault, delay), 1
                while finish(modality, folder) != 0 and restarts < 3:
                    restarts += 1
                row = [modality, trial, fault, f"{delay:.2f}", what, restarts, difference(folder, whole)]
                with table.open("a", newline="") as file:
                    csv.writer(file).writerow(row)
                if row[-1]:
                    shutil.copytree(folder, options.out / f"failed-{modality}-{trial}")
                shutil.rmtree(folder)
    rows = [*csv.DictReader(table.open())]
    for modality in dict.fromkeys(row["modality"] for row in rows):
        own = [row for row in rows if row["modality"] == modality]
        print(f"{modality}: {sum(not row['difference'] for row in own)} of {len(own)} equal")


if __name__ == "__main__":
    main()
