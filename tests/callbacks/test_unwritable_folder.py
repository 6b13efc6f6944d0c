"""Where a run folder cannot be written any more, what watches the run warns and goes on."""

import shutil
from types import SimpleNamespace

import lightning as L
import numpy as np
import pytest

from lit_pretrain.callbacks.canvas import write
from lit_pretrain.callbacks.logbook import Logbook
from lit_pretrain.callbacks.summary import Summary


@pytest.fixture
def folder(tmp_path):
    """A file stands where it should be, so that not even root can write into it."""
    (tmp_path / "run").touch()
    return tmp_path / "run"


def test_an_event_is_told_in_the_warning(folder):
    with pytest.warns(UserWarning, match=r'logbook.jsonl lacks {"step": 3}'):
        Logbook(folder / "logbook.jsonl").write(step=3)


def test_an_event_after_the_folder_was_deleted_is_written(tmp_path):
    book = Logbook(tmp_path / "deleted/logbook.jsonl")
    book.write(step=3)
    assert book.rows() == [{"step": 3}]


def test_pictures_are_left_out(folder):
    trainer = SimpleNamespace(default_root_dir=folder, global_step=3, loggers=[])
    with pytest.warns(UserWarning, match="pictures were not written"):
        write(trainer, {"probe: map": np.zeros((2, 2, 4), np.uint8)})


def test_a_summary_hides_no_error(tmp_path, fit):
    class Break(L.Callback):
        def on_train_batch_start(self, trainer, *args):
            if trainer.global_step == 5:
                shutil.rmtree(tmp_path / "run")
                (tmp_path / "run").touch()

    with (pytest.warns(UserWarning, match="the summary was not written"),
          pytest.raises(OSError, match="step 8 was not saved")):  # fmt: skip
        fit(tmp_path / "run", [Summary(), Break()])
