"""A run whose data are lost saves its last step, and goes on as if nothing had been once they are back."""

import lightning as L
import pytest
import torch
from torch.utils.data import Dataset

from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.io.checkpoint import latest
from tests.callbacks.conftest import Digits, DigitsSource


class Losing(Dataset):
    """Digits that are gone after so many have been read."""

    def __init__(self, samples: int):
        self.digits, self.left = DigitsSource(), samples

    def __getitem__(self, i: int):
        self.left -= 1
        if self.left < 0:
            raise DataLost(f"digit {i} is gone")
        return self.digits[i]


class LosingDigits(Digits):
    def __init__(self, samples: int):
        super().__init__()
        self.samples = samples

    def setup(self, stage=None):
        self.source = Losing(self.samples)


def train(fit, folder, **more):
    return fit(folder, [], **{"max_steps": 14, "limit_val_batches": 0} | more)[0]


# An epoch has 10 batches of 40; a checkpoint is due every four steps.
@pytest.mark.parametrize("step", [1, 4, 6, 10, 11])
def test_the_last_step_is_saved_and_the_run_goes_on_from_it(tmp_path, fit, step):
    whole = train(fit, tmp_path / "whole")
    with pytest.raises(DataLost, match="is gone"):
        train(fit, tmp_path / "cut", data=LosingDigits(40 * step + 7))
    assert latest(tmp_path / "cut").name == f"step-{step:07d}.ckpt"
    module = train(fit, tmp_path / "cut", resume=latest(tmp_path / "cut"))
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), whole.state_dict().values(), strict=True))


def test_accumulated_gradients_are_not_saved(tmp_path, fit):
    """In the middle of a window of micro-batches the newest checkpoint is what goes on."""
    whole = train(fit, tmp_path / "whole", accumulate_grad_batches=2)
    with pytest.raises(DataLost):
        train(fit, tmp_path / "cut", data=LosingDigits(40 * 13), accumulate_grad_batches=2)
    assert latest(tmp_path / "cut").name == "step-0000004.ckpt"
    module = train(fit, tmp_path / "cut", resume=latest(tmp_path / "cut"), accumulate_grad_batches=2)
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), whole.state_dict().values(), strict=True))


def test_what_validation_finds_is_not_left_out(tmp_path, fit):
    """A step is not saved before the validation that follows it, which a resumed run would not repeat."""
    with pytest.raises(DataLost):
        train(fit, tmp_path, data=LosingDigits(40 * 4 + 30), limit_val_batches=None)
    assert latest(tmp_path) is None


class Failing(L.Callback):
    def on_train_epoch_end(self, trainer, module):
        raise ValueError("no such table")


def test_an_epoch_that_is_ending_is_not_saved(tmp_path, fit):
    """Lightning would resume it with an epoch too many."""
    with pytest.raises(ValueError, match="no such table"):
        fit(tmp_path, [Failing()], max_steps=14, limit_val_batches=0)
    assert latest(tmp_path).name == "step-0000008.ckpt"
