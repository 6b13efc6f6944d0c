"""A run that is cut anywhere and resumed equals the uncut run bit for bit; damaged files are passed over."""

import json
import os
import resource
import shutil
import threading
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.io.checkpoint import (
    KEY,
    checkpoints,
    fault,
    latest,
    load,
    load_encoder,
    manifest,
    read,
    remove,
    score,
    step_of,
    write,
)
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.objectives.text.mlm import MLM
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.types import TextBatch, Vocabulary

VOCAB = Vocabulary(40, torch.arange(40) < 5, torch.ones(40, dtype=torch.bool), mask=4)


class Documents(Dataset):
    """100 documents; document i is a function of i."""

    def __getitem__(self, i: int) -> tuple[int, torch.Tensor]:
        generator = torch.Generator().manual_seed(i)
        length = 3 + i % 7
        return i, torch.randint(5, 40, (length,), generator=generator)


def collate(samples) -> TextBatch:
    index, tokens = zip(*samples, strict=True)
    return TextBatch(torch.cat(tokens), tuple(map(len, tokens)), index=torch.tensor(index))


class Data(DataModule):
    """Batches of four of these documents."""

    def __init__(self, num_workers: int = 2):
        super().__init__()
        self.num_workers = num_workers

    def plan(self, epoch: int) -> list[list[int]]:
        return np.random.default_rng(epoch).permutation(36).reshape(-1, 4).tolist()

    def loader(self, split, *, shuffle, labelled=False, limit=None) -> ResumableLoader:
        from dataclasses import replace

        return ResumableLoader(Documents(), self.plan, collate, attach=lambda b: replace(b, vocab=VOCAB),
                               num_workers=self.num_workers)  # fmt: skip


class Recorder(L.Callback):
    """What the run saw."""

    def __init__(self, stop_at: int | None = None):
        self.stop_at, self.seen, self.losses = stop_at, [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen.append(batch.index.tolist())
        self.losses.append(float(outputs["loss"]))
        if self.stop_at is not None and len(self.seen) == self.stop_at:
            raise KeyboardInterrupt


def run(folder, stop_at=None, resume=None, num_workers=2, max_steps=11, background=False, callbacks=(), **retention):
    torch.manual_seed(1 if resume else 0)  # a resumed process starts from another state
    model = MLM(BERT(40, 16, 2, 2, dropout=0.1, max_length=16), TransformHead(16, 40))
    model.optim = AdamW(1e-2)
    recorder = Recorder(stop_at)
    trainer = L.Trainer(default_root_dir=folder, max_steps=max_steps, accumulate_grad_batches=2, accelerator="cpu",
                        callbacks=[recorder, *callbacks, Checkpoint(2, 2, background, **retention)],
                        logger=False,
                        enable_checkpointing=True, enable_progress_bar=False, enable_model_summary=False,
                        limit_val_batches=0, gradient_clip_val=1.0)  # fmt: skip
    try:
        trainer.fit(model, datamodule=Data(num_workers), ckpt_path=resume)
    except (KeyboardInterrupt, SystemExit):
        assert stop_at is not None
    return model, recorder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


# Nine batches an epoch, so windows of two end with one of one: 5 steps an epoch, checkpoints after steps 2, 4, 6, ...
@pytest.mark.parametrize("stop_at, step", [(5, 2), (9, 4), (10, 4), (14, 6), (16, 8)])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_cut_and_resumed_equals_uncut(tmp_path, whole, stop_at, step, num_workers):
    run(tmp_path, stop_at)
    assert latest(tmp_path).name == f"step-{step:07d}.ckpt"
    model, resumed = run(tmp_path, resume=latest(tmp_path), num_workers=num_workers)
    assert len(resumed.seen) == len(whole[1].seen) - (step // 5 * 9 + step % 5 * 2)  # none lost, none repeated
    assert resumed.seen == whole[1].seen[-len(resumed.seen) :]
    assert resumed.losses == whole[1].losses[-len(resumed.losses) :]
    for (name, a), b in zip(model.state_dict().items(), whole[0].state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_a_checkpoint_rebuilds_itself(tmp_path):
    model, _ = run(tmp_path, max_steps=2)
    again = load(tmp_path)
    assert type(again) is MLM
    for (name, a), b in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    encoder = load_encoder(latest(tmp_path))
    assert torch.equal(encoder.token_table(), model.encoder.token_table())


def test_damaged_files_are_named_and_passed_over(tmp_path):
    run(tmp_path, max_steps=4)
    older, newer = checkpoints(tmp_path)
    content = bytearray(newer.read_bytes())
    content[len(content) // 2] ^= 1
    newer.write_bytes(content)
    assert "SHA-256" in fault(newer)
    with pytest.warns(UserWarning, match=newer.name):
        assert latest(tmp_path) == older
    newer.write_bytes(content[:100])
    assert "bytes" in fault(newer)
    manifest(newer).unlink()
    assert "manifest" in fault(newer)
    with pytest.raises(ValueError, match=newer.name):
        load(newer)


class Meanwhile(L.Callback):
    """Does something before a step, and something else before a later one."""

    def __init__(self, actions):
        self.actions = dict(actions)

    def on_train_batch_start(self, trainer, *args):
        self.actions.pop(trainer.global_step, lambda: None)()


def no_more_than(size: int) -> None:
    """Files of this process end at this size, as on a full disk; -1: they do not."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.mark.parametrize("background", [False, True])
def test_a_full_disk_keeps_the_last_and_the_next_is_written(tmp_path, background):
    full = Meanwhile({3: lambda: no_more_than(20_000), 5: lambda: no_more_than(-1)})
    with pytest.warns(UserWarning, match=r"step-0000004.ckpt was not written .*File too large.*the last one is kept"):
        _, recorder = run(tmp_path, num_workers=0, max_steps=7, background=background, callbacks=[full])
    assert len(recorder.seen) == 13 and latest(tmp_path).name == "step-0000007.ckpt"
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir() if "partial" in p.name) == []
    assert [step_of(p) for p in checkpoints(tmp_path)] == [6, 7]


def test_if_the_last_cannot_be_written_the_run_does_not_end_well(tmp_path):
    with pytest.raises(OSError, match=r"step 6 was not saved; give the same command again"):
        run(tmp_path, num_workers=0, max_steps=6, callbacks=[Meanwhile({3: lambda: block(tmp_path)})])
    unblock(tmp_path)
    assert latest(tmp_path).name == "step-0000002.ckpt"


def block(folder) -> None:
    """A file stands where checkpoints are to be written, so that not even root can."""
    (folder / "checkpoints").rename(folder / "aside")
    (folder / "checkpoints").touch()


def unblock(folder) -> None:
    (folder / "checkpoints").unlink()
    (folder / "aside").rename(folder / "checkpoints")


def test_a_folder_that_cannot_be_written_for_a_while(tmp_path):
    meanwhile = Meanwhile({3: lambda: block(tmp_path), 5: lambda: unblock(tmp_path)})
    with pytest.warns(UserWarning, match="step-0000004.ckpt was not written"):
        run(tmp_path, num_workers=0, max_steps=6, callbacks=[meanwhile])
    assert [step_of(p) for p in checkpoints(tmp_path)] == [2, 6]


def test_a_run_folder_that_is_deleted_meanwhile_is_made_again(tmp_path):
    run(tmp_path / "run", num_workers=0, max_steps=6, callbacks=[Meanwhile({3: lambda: shutil.rmtree(tmp_path / "run")})])
    assert [step_of(p) for p in checkpoints(tmp_path / "run")] == [4, 6]


def test_what_cannot_be_deleted_is_deleted_with_the_next(tmp_path, monkeypatch):
    asked = []

    def reluctant(path):
        asked.append(step_of(path))
        if len(asked) == 1:
            raise PermissionError("read-only")
        remove(path)

    monkeypatch.setattr("lit_pretrain.callbacks.checkpoint.remove", reluctant)
    with pytest.warns(UserWarning, match="step-0000002.ckpt was not deleted"):
        run(tmp_path, num_workers=0, max_steps=8)
    assert asked == [2, 2, 4] and [step_of(p) for p in checkpoints(tmp_path)] == [6, 8]


class Killed(BaseException):
    """Nothing that comes after is done."""


def test_whenever_it_is_killed_one_is_whole(tmp_path, monkeypatch):
    """Also between saving and deleting; and what was left is deleted with the next."""
    callback, operations = Checkpoint(keep=1), (os.replace, os.unlink, os.fsync)
    names = []
    for moment in range(100):
        folder, done = tmp_path / str(moment), []

        def until_killed(operation, moment=moment, done=done):
            def operate(*args, **kwargs):
                if len(done) == moment:
                    raise Killed
                operation(*args, **kwargs)
                done.append(operation.__name__)

            return operate

        callback._write({KEY: 1}, folder / "checkpoints/step-0000001.ckpt", {})
        with monkeypatch.context() as patch:
            for operation in operations:
                patch.setattr(os, operation.__name__, until_killed(operation))
            try:
                callback._write({KEY: 2}, folder / "checkpoints/step-0000002.ckpt", {})
            except Killed:
                pass
            else:
                names = done
                break
        assert latest(folder) is not None, done
        callback._write({KEY: 3}, folder / "checkpoints/step-0000003.ckpt", {})
        left = [p.name for p in (folder / "checkpoints").iterdir() if "partial" not in p.name]
        assert sorted(left) == ["step-0000003.ckpt", "step-0000003.ckpt.json"], done
    assert names.count("replace") == 2 and names.count("unlink") >= 2, "it was killed between all of them"


def test_it_is_renamed_within_one_file_system(tmp_path, monkeypatch):
    """So it is atomic wherever temporary files may be."""
    replace = os.replace

    def within(source, target):
        assert Path(source).parent == Path(target).parent
        replace(source, target)

    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    monkeypatch.setattr(os, "replace", within)
    write({KEY: 1}, tmp_path / "checkpoints/step-0000001.ckpt")
    assert fault(latest(tmp_path)) is None


class Plant(L.Callback):
    """Logs a score after each step; None: nothing."""

    def __init__(self, scores):
        self.scores = scores

    def on_train_batch_end(self, trainer, *args):
        if (value := self.scores.get(trainer.global_step)) is not None:
            trainer.callback_metrics["score"] = torch.tensor(value)


SCORES = {2: 5.0, 4: 1.0, 6: 7.0, 8: float("nan"), 10: 1.0, 12: 3.0, 14: 2.0, 16: 9.0}


@pytest.mark.parametrize("best, mode, kept", [(0, "min", [14, 16]), (1, "min", [4, 14, 16]), (2, "min", [4, 10, 14, 16]),
                                              (2, "max", [6, 14, 16]), (3, "max", [2, 6, 14, 16])])  # fmt: skip
def test_the_best_are_kept_beside_the_newest(tmp_path, best, mode, kept):
    """Not one without a number; of equals the older one; as many that are among the newest are kept once."""
    run(tmp_path, num_workers=0, max_steps=16, callbacks=[Plant(SCORES)], best=best, monitor="score", mode=mode)
    assert [step_of(p) for p in checkpoints(tmp_path)] == kept
    assert all(fault(p) is None for p in checkpoints(tmp_path))


def test_a_resumed_run_keeps_the_best_of_all(tmp_path):
    best = {"best": 1, "monitor": "score"}
    run(tmp_path, stop_at=14, num_workers=0, callbacks=[Plant(SCORES)], **best)
    run(tmp_path, resume=latest(tmp_path), num_workers=0, max_steps=16, callbacks=[Plant(SCORES)], **best)
    assert [step_of(p) for p in checkpoints(tmp_path)] == [4, 14, 16]
    assert score(checkpoints(tmp_path)[0], "score") == 1.0
    assert load(checkpoints(tmp_path)[0]) is not None, "it is a checkpoint as any other"


def test_a_metric_that_nobody_logs_is_named(tmp_path):
    with pytest.warns(UserWarning, match="before 'scor' is logged; logged is: score"):
        run(tmp_path, num_workers=0, max_steps=2, callbacks=[Plant(SCORES)], best=1, monitor="scor")


def test_retention_is_checked():
    with pytest.raises(ValueError, match="keep=0"):
        Checkpoint(keep=0)
    with pytest.raises(ValueError, match="mode='low'"):
        Checkpoint(best=1, mode="low")


def test_in_the_background_the_copy_is_of_its_step(tmp_path, whole, monkeypatch):
    """Training goes on while the file is written, and the file holds what was there when the writing began."""
    at_once, begun, go = [], threading.Event(), threading.Event()

    def slow(*what):
        begun.set()
        assert go.wait(30)
        write(*what)

    monkeypatch.setattr("lit_pretrain.callbacks.checkpoint.write", slow)

    class Watch(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            if trainer.global_step == 3 and not go.is_set():
                assert begun.is_set() and latest(tmp_path) is None
                go.set()

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.global_step == 2 and not at_once:
                at_once.append({k: v.clone() for k, v in pl_module.state_dict().items()})

    run(tmp_path, stop_at=7, background=True, callbacks=[Watch()])
    content = read(checkpoints(tmp_path)[0])
    assert content["global_step"] == 2 and all(torch.equal(content["state_dict"][k], v) for k, v in at_once[0].items())
    model, _ = run(tmp_path, resume=latest(tmp_path), background=True)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), whole[0].parameters(), strict=True))


def test_what_fails_in_the_background_is_raised_at_the_next_save(tmp_path, monkeypatch):
    def broken(*what):
        raise RuntimeError("no such format")

    monkeypatch.setattr("lit_pretrain.callbacks.checkpoint.write", broken)
    seen = []

    class Watch(L.Callback):
        def on_train_batch_end(self, trainer, *args):
            seen.append(trainer.global_step)

    with pytest.raises(RuntimeError, match="no such format"):
        run(tmp_path, max_steps=8, background=True, callbacks=[Watch()])
    assert max(seen) == 4 and latest(tmp_path) is None


def test_only_the_newest_are_kept(tmp_path):
    run(tmp_path, max_steps=8)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-0000006.ckpt", "step-0000008.ckpt"]
    assert json.loads(manifest(checkpoints(tmp_path)[0]).read_text())["file"] == "step-0000006.ckpt"


def test_strange_weights_are_listed(tmp_path):
    run(tmp_path, max_steps=2)
    path = latest(tmp_path)
    content = torch.load(path, weights_only=True)
    del content["state_dict"]["encoder.embedding.table.weight"]
    content["state_dict"]["other"] = torch.zeros(1)
    write(content, path)
    with pytest.raises(ValueError, match=r"missing \['encoder.embedding.table.weight'\]; unexpected \['other'\]"):
        load(path)
