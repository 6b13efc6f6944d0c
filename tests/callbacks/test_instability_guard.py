"""Bad steps are found before they change a weight, written down, and met again by nobody."""

import sys
from pathlib import Path

import lightning as L
import pytest
import torch
from two_ranks import run_two_ranks

from lit_pretrain.callbacks.instability_guard import WARMUP, Diverged, InstabilityGuard
from lit_pretrain.callbacks.logbook import Logbook
from lit_pretrain.callbacks.spikes import Spikes
from lit_pretrain.io.checkpoint import latest, read


class Fault(L.Callback):
    """Multiplies the images of some steps, so that loss and gradient explode or are not finite.

    It stands before the guard, as data do."""

    def __init__(self, steps, factor: float):
        self.steps, self.factor, self.index, self.trace = set(steps), factor, {}, {}

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step in self.steps:
            batch.images.mul_(self.factor)
            self.index.setdefault(trainer.global_step, []).extend(batch.index.tolist())
            self.trace.setdefault(trainer.global_step, state(trainer, pl_module))

    def on_train_batch_end(self, trainer, pl_module, *args):
        if (before := self.trace.pop(trainer.global_step - 1, None)) is not None:
            self.trace["after"] = before, state(trainer, pl_module)


def state(trainer, module) -> list[torch.Tensor]:
    """Weights, buffers and moments."""
    optimizer = trainer.optimizers[0]
    moments = [v for s in optimizer.state.values() for v in s.values()]
    return [x.detach().clone() for x in (*module.state_dict().values(), *moments)]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def events(folder: Path) -> list[dict]:
    return Logbook(folder / "logbook.jsonl").rows()


@pytest.mark.parametrize("settings", [{}, {"accumulate_grad_batches": 2}], ids=str)
def test_without_an_event_it_changes_nothing(tmp_path, fit, settings):
    plain, _, _ = fit(tmp_path / "plain", [], **settings)
    guarded, _, _ = fit(tmp_path / "guarded", [InstabilityGuard()], **settings)
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), guarded.state_dict().values(), strict=True))
    assert not (tmp_path / "guarded/logbook.jsonl").exists()


@pytest.mark.parametrize("settings", [{}, {"accumulate_grad_batches": 2}], ids=str)
def test_a_step_that_is_not_finite_changes_nothing_and_the_next_one_does(tmp_path, fit, settings):
    bad = Fault([3], float("nan"))
    module, trainer, _ = fit(tmp_path, [bad, InstabilityGuard()], **settings)
    before, after = bad.trace["after"]
    assert equal(before, after), "weights, running statistics and moments are those before the step"
    (event,) = events(tmp_path)
    assert (event["step"], event["kind"], event["action"], event["loss"]) == (3, "not_finite", "skip", None)
    assert event["samples"] == bad.index[3]
    assert trainer.global_step == 8, "the step is counted"
    assert not equal(after, state(trainer, module))
    assert all(x.isfinite().all() for x in module.state_dict().values())


def test_unguarded_the_same_fault_ends_in_nan(tmp_path, fit):
    module, _, _ = fit(tmp_path, [Fault([3], float("nan"))])
    assert not all(x.isfinite().all() for x in module.state_dict().values())


def test_nothing_that_follows_a_step_follows_a_skipped_one(tmp_path, fit):
    """Teachers and queues are updated in `after_step`."""
    steps = []

    def prepare(module):
        module.after_step = lambda: steps.append(module.trainer.global_step)

    fit(tmp_path, [Fault([3], float("inf")), InstabilityGuard()], prepare=prepare)
    assert len(steps) == 7


SPIKE = WARMUP + 4


def spike(tmp_path, fit, on_spike, steps=(SPIKE,), **options):
    bad, guard = Fault(steps, 30.0), InstabilityGuard(on_spike, **options)
    module, trainer, _ = fit(tmp_path, [bad, guard], max_steps=WARMUP + 8)
    return module, trainer, bad, guard


def test_a_spike_is_skipped(tmp_path, fit):
    _, _, bad, _ = spike(tmp_path, fit, "skip")
    assert equal(*bad.trace["after"])
    (event,) = events(tmp_path)
    assert event["step"] == SPIKE and event["kind"] == "loss_spike" and event["loss"] > 10 * event["usual"]["loss"]


def test_a_spike_is_only_logged(tmp_path, fit):
    logged, _, _, _ = spike(tmp_path / "log", fit, "log")
    plain, _, _ = fit(tmp_path / "plain", [Fault([SPIKE], 30.0)], max_steps=WARMUP + 8)
    assert events(tmp_path / "log")[0]["action"] == "log"
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), logged.state_dict().values(), strict=True))


def test_a_spike_is_clipped_to_the_usual_norm(tmp_path, fit):
    norms = []

    class After(L.Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            grads = [p.grad for p in pl_module.parameters()]
            norms.append(float(torch.nn.utils.get_total_norm(grads)))

    guard = InstabilityGuard("clip")
    fit(tmp_path, [Fault([SPIKE], 30.0), guard, After()], max_steps=WARMUP + 8)
    (event,) = events(tmp_path)
    assert event["gradient_norm"] > 2 * event["usual"]["gradient_norm"]
    assert norms[SPIKE] == pytest.approx(event["usual"]["gradient_norm"], rel=1e-4)


def test_the_rate_is_lowered_for_all_later_steps_also_of_a_resumed_run(tmp_path, fit):
    _, trainer, _, _ = spike(tmp_path, fit, "lower_rate", factor=0.25)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.25 * 1e-2)
    _, trainer, _ = fit(tmp_path, [InstabilityGuard("lower_rate", factor=0.25)], max_steps=WARMUP + 12,
                        resume=latest(tmp_path))  # fmt: skip
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.25 * 1e-2)


def test_weights_return_to_an_older_checkpoint_and_data_go_on(tmp_path, fit):
    found = {}

    class After(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            if trainer.global_step == SPIKE + 1:
                found.update({k: v.clone() for k, v in pl_module.state_dict().items()})

    old = {}

    class Keep(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, *args):
            if trainer.global_step == SPIKE - 4:  # a checkpoint every four steps
                old.update({k: v.clone() for k, v in pl_module.state_dict().items()})

    guard = InstabilityGuard("roll_back", back=4)
    _, trainer, _ = fit(tmp_path, [Fault([SPIKE], 30.0), Keep(), guard, After()], max_steps=WARMUP + 8)
    assert old.keys() == found.keys() and all(torch.equal(old[k], found[k]) for k in old)
    assert trainer.global_step == WARMUP + 8 and guard.returns == 1


def test_persistent_faults_end_the_run_and_keep_the_last_good_checkpoint(tmp_path, fit):
    with pytest.raises(Diverged, match=r"3 skipped steps in a row by step 7.*step-0000004\.ckpt.*logbook\.jsonl"):
        fit(tmp_path, [Fault(range(5, 99), float("nan")), InstabilityGuard(patience=3)])
    assert len(events(tmp_path)) == 3
    assert all(x.isfinite().all() for x in read(tmp_path)["state_dict"].values())


def test_a_resumed_run_decides_as_the_uncut_one(tmp_path, fit):
    """The memory of good steps is in the checkpoint, and events of steps that are gone through again stand there once."""
    faults = (SPIKE, SPIKE + 5)
    whole, _, _, _ = spike(tmp_path / "whole", fit, "skip", faults)
    fit(tmp_path / "cut", [Fault(faults, 30.0), InstabilityGuard("skip")], max_steps=SPIKE + 2)  # leaves a checkpoint
    for path in (tmp_path / "cut/checkpoints").glob(f"step-{SPIKE + 2:07d}*"):
        path.unlink()  # killed before it was written
    assert len(events(tmp_path / "cut")) == 1
    cut, _, _ = fit(tmp_path / "cut", [Fault(faults, 30.0), InstabilityGuard("skip")], max_steps=WARMUP + 8,
                    resume=latest(tmp_path / "cut"))  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), cut.state_dict().values(), strict=True))
    assert events(tmp_path / "cut") == events(tmp_path / "whole")


def test_two_ranks_skip_the_same_step():
    run_two_ranks(__file__)


def test_a_spike_is_far_above_the_median():
    spikes = Spikes(threshold=10.0, window=50, warmup=20)
    for i in range(19):
        spikes.keep(1 + 0.01 * (i % 5))
    assert spikes.bound == float("inf"), "too few values"
    spikes.keep(100.0)  # one wild value moves neither median nor deviation far
    assert 1.1 < spikes.bound < 1.5
    for _ in range(50):
        spikes.keep(-2.0)
    assert spikes.bound == pytest.approx(-2.0 + 10 * 0.02)


def test_options_are_checked():
    with pytest.raises(ValueError, match="window=3"):
        InstabilityGuard(window=3)


def _rank() -> None:
    """One of two ranks, of which only the second sees NaN."""
    sys.path.insert(0, str(Path(__file__).parent))
    import tempfile

    from conftest import Denoise, Digits, PixelEncoder

    torch.manual_seed(0)
    module, folder = Denoise(PixelEncoder()), Path(tempfile.mkdtemp())
    guard = InstabilityGuard()

    class Seldom(Fault):
        def on_train_batch_start(self, trainer, *args):
            if trainer.global_rank == 1:
                super().on_train_batch_start(trainer, *args)

    seen = []

    class Watch(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            seen.append([p.detach().clone() for p in pl_module.parameters()])

    trainer = L.Trainer(accelerator="cpu", strategy="ddp", devices=2, max_steps=4, logger=False, default_root_dir=folder,
                        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                        callbacks=[Seldom([2], float("nan")), guard, Watch()])  # fmt: skip
    trainer.fit(module, Digits())
    assert all(torch.equal(a, b) for a, b in zip(seen[1], seen[2], strict=True)), "step 2 changed a weight"
    assert not all(torch.equal(a, b) for a, b in zip(seen[2], seen[3], strict=True))
    assert all(p.isfinite().all() for p in module.parameters())
    if trainer.is_global_zero:
        (event,) = events(folder)
        assert event["step"] == 2 and len(event["samples"]) == 80


if __name__ == "__main__":
    _rank()
