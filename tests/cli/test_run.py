"""A run and its folder: written, resumed, finished, refused, started anew."""

import csv
import fcntl
import subprocess
import sys

import pytest
import torch
import yaml

from lit_pretrain.config.run_folder import LOCK
from lit_pretrain.io.checkpoint import latest, read

BASE = "fit --config c.yaml --trust user_file "


def test_folder_is_named_by_the_configuration(command, here):
    assert command(BASE)[0] == 0
    (first,) = (here / "runs").iterdir()
    assert first.name.startswith("objective-") and latest(first).name == "step-0000002.ckpt"
    assert list(first.glob("tensorboard/events*")) and (first / "csv/from_step_0/metrics.csv").exists()
    assert command(BASE + "--trainer.max_steps 3")[0] == 0, "a longer run is the same run"
    assert command(BASE + "--data.dim 5")[0] == 0
    assert len(list((here / "runs").iterdir())) == 2


def test_resumes_finishes_and_starts_anew(command, here):
    assert command(BASE + "--run_dir r")[0] == 0
    code, out, _ = command(BASE + "--run_dir r")
    assert code == 0 and "is finished" in out
    code, out, _ = command(BASE + "--run_dir r --trainer.max_steps 5")
    assert code == 0 and "step-0000002.ckpt" in out and read(here / "r")["global_step"] == 5
    rows = list(csv.DictReader((here / "r/csv/from_step_2/metrics.csv").open()))
    assert rows[0]["step"] == "2", "logged from where it went on"
    assert (here / "r/csv/from_step_0/metrics.csv").exists()
    code, out, _ = command(BASE + "--run_dir r --fresh true")
    assert code == 0 and "new weights" in out and read(here / "r-2")["global_step"] == 2


def test_refuses_the_folder_of_another_run(command, here):
    assert command(BASE + "--run_dir r")[0] == 0
    code, _, err = command(BASE + "--run_dir r --model.scale 3")
    assert code == 2 and "model.init_args.scale (1.0 there, 3.0 here)" in err
    assert "--run_dir" in err and "--fresh true" in err


def test_two_processes_do_not_write_one_folder(command, here):
    assert command(BASE + "--run_dir r")[0] == 0
    with open(here / "r" / LOCK, "a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        code, _, err = command(BASE + "--run_dir r --trainer.max_steps 5")
        assert code == 2 and "r is being written by process" in err and "--fresh true" in err
        assert read(here / "r")["global_step"] == 2
    assert command(BASE + "--run_dir r --trainer.max_steps 5")[0] == 0, "a lock ends with its process"


def test_other_devices_are_the_same_run(command, here):
    assert command(BASE + "--run_dir r --trainer.devices 1")[0] == 0
    assert command(BASE + "--run_dir r --trainer.devices auto --trainer.max_steps 3")[0] == 0


def test_saved_configuration_makes_the_same_run(command, here):
    assert command(BASE + "--run_dir r --data.dim 3 --optim SGD --optim.lr 0.5")[0] == 0
    saved = yaml.safe_load((here / "r/config.yaml").read_text())
    assert saved["run_dir"] is None and saved["optim"]["init_args"]["lr"] == 0.5
    code, out, _ = command("fit --config r/config.yaml --trust user_file --run_dir r")
    assert code == 0 and "is finished" in out
    assert read(here / "r")["lit_pretrain"]["optim"]["init_args"]["lr"] == 0.5, "the recipe reached the module"


def test_evaluates_the_newest_checkpoint(command, here):
    assert command(BASE + "--run_dir r")[0] == 0
    for verb in ("validate", "test"):
        code, out, _ = command(f"{verb} --config r/config.yaml --trust user_file --run_dir r")
        assert code == 0 and "step-0000002.ckpt" in out and "loss" in out
    assert not list((here / "r/csv").glob("version*"))


def test_writes_predictions(command, here):
    code, out, err = command("predict --config c.yaml --trust user_file --run_dir r")
    assert code == 0 and "predictions.pt: 10 batches" in out, err
    assert torch.load(here / "r/predictions.pt", weights_only=True)[0].shape == (4, 8)


def test_no_logger_and_no_checkpoint_on_request(command, here):
    assert command(BASE + "--run_dir r --trainer.logger false --trainer.enable_checkpointing false")[0] == 0
    assert sorted(p.name for p in (here / "r").iterdir() if p.name != LOCK) == ["config.yaml"]


def test_fast_dev_run_leaves_nothing(command, here):
    assert command(BASE + "--trainer.fast_dev_run true")[0] == 0
    assert not (here / "runs").exists()


def test_compiles_the_blocks(command, monkeypatch):
    import lit_pretrain.run as run

    compiled = []
    monkeypatch.setattr(run, "compile_blocks", lambda module: compiled.append(type(module).__name__))
    assert command(BASE + "--compile true --trainer.fast_dev_run true")[0] == 0
    assert compiled == ["Objective"]


def test_typed_class_needs_no_trust(here, user_folder, command):
    """In a process of its own, from a folder whose file no one has imported; its encoder is then taken away."""
    (here / "mine.py").write_text((user_folder / "user_file.py").read_text())
    line = "fit --model mine.Objective --model.encoder mine.Tiny --data mine.Data --run_dir r --trainer.max_steps 1"
    done = subprocess.run([sys.executable, "-m", "lit_pretrain.cli", *line.split(), "--trainer.accelerator", "cpu"],
                          cwd=here, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    code, _, err = command("export r --to out")
    assert code == 2 and err.count("\n") == 1 and "--trust mine" in err


@pytest.mark.parametrize("line", ["--help", "list", "show KNNProbe"])
def test_answers_without_torch(line):
    code = ("import sys; from lit_pretrain.cli import main; code = main(sys.argv[1:]);"
            "sys.exit(code or ('torch' in sys.modules) * 3 or ('lightning' in sys.modules) * 4)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, *line.split()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_diverged_run_ends_with_a_line_and_a_code_of_its_own(command, here):
    guard = "--trainer.callbacks+=lit_pretrain.callbacks.instability_guard.InstabilityGuard --trainer.callbacks.patience 3"
    code, _, err = command(BASE + f"--run_dir r --model.scale 1e300 --trainer.max_steps 9 {guard}")
    assert code == 3, err
    assert "3 skipped steps in a row by step 2: the run has diverged" in err and "r/logbook.jsonl" in err
    assert len((here / "r/logbook.jsonl").read_text().splitlines()) == 3


def test_killed_while_the_configuration_is_written(command, here, monkeypatch):
    """What is half written is not taken for the configuration of another run."""
    from lightning.pytorch.cli import LightningArgumentParser

    save = LightningArgumentParser.save

    def killed(self, config, path, **options):
        save(self, config, path, **options)
        path.write_text(path.read_text()[:7])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LightningArgumentParser, "save", killed)
        assert command(BASE + "--run_dir r")[0] == 1
    assert command(BASE + "--run_dir r")[0] == 0 and read(here / "r")["global_step"] == 2
