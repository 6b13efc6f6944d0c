"""A run is not resumed with other training data than it was begun with, unless it is told to."""

import lightning as L
import pytest

from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.source.base import Document, Source
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from tests.datamodules.test_loader import Cut, Model, fit


class Numbers(Source):
    def __init__(self, count: int = 40):
        self.count = count

    def documents(self, split):
        return (Document(f"{i} " * (i % 7 + 1)) for i in range(self.count if split == "train" else 3))

    def fingerprint(self, split):
        return f"{self.count} numbers"


def data(count: int = 40) -> TextDataModule:
    return TextDataModule(Numbers(count), Bytes(), max_length=30, tokens_per_batch=90)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "cut.ckpt"
    fit(data(), Cut(4, path), max_epochs=2)  # of the six batches of an epoch
    return path


@pytest.mark.parametrize("count", [39, 41])
def test_other_data_are_refused_in_one_line_that_says_what_changed(checkpoint, count):
    with pytest.raises(ValueError, match=f"was 40 numbers and is {count} numbers; .* --accept_changed_data true") as error:
        fit(data(count), ckpt_path=checkpoint, max_epochs=2)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("count", [10, 80], ids=["fewer than the run has seen", "more"])
def test_other_data_may_be_accepted_and_the_next_epoch_is_theirs(checkpoint, count):
    changed = data(count)
    changed.accept_changes = True
    with pytest.warns(UserWarning, match="have changed since the checkpoint"):
        seen = fit(changed, ckpt_path=checkpoint, max_epochs=2)
    fresh = fit(data(count), max_epochs=2)
    assert [batch for epoch, batch in seen if epoch == 1] == [batch for epoch, batch in fresh if epoch == 1]


def test_a_checkpoint_is_evaluated_whatever_became_of_its_training_data(checkpoint):
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
    assert trainer.validate(Model(), data(41), ckpt_path=checkpoint, weights_only=False) == [{}]


def test_a_checkpoint_knows_its_data_even_if_they_are_gone_when_it_is_written():
    begun = data()
    begun.setup("fit")
    begun.source.fingerprint = lambda split: 1 / 0
    assert begun.state_dict()["fingerprint"] == {"the fingerprint of the source": "40 numbers"}
