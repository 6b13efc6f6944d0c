"""The page shows the batch that training begins with, and no batch of the run is consumed for it."""

import random
import re
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from lit_pretrain.callbacks.sample_viewer import SampleViewer, write_samples
from lit_pretrain.cli import main
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.io.checkpoint import latest
from lit_pretrain.types import Batch, ImageBatch, Pixels


class Noise(DataModule):
    """Random images in two views, in a new order each epoch."""

    class_names = ("left <b>", "right")

    def __init__(self, num_workers: int = 0):
        super().__init__()
        self.num_workers = num_workers

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        def plan(epoch):
            order = torch.randperm(24, generator=torch.Generator().manual_seed(epoch)) if shuffle else torch.arange(24)
            return [part.tolist() for part in order[:limit].split(6)]

        def collate(numbers):
            x = torch.stack([torch.full((1, 8, 8), number / 24) for number in numbers])
            return ImageBatch(x, (1 - x[..., :4, :4],), pixels=Pixels((0.0,), (1.0,)), index=torch.tensor(numbers),
                              labels=torch.tensor(numbers) % 2)  # fmt: skip

        return ResumableLoader(range(24), plan, collate, num_workers=self.num_workers)


@dataclass
class Words(Batch):
    """What no one can draw."""

    lengths: tuple[int, ...]

    @property
    def num_examples(self):
        return len(self.lengths)

    num_units = num_examples


class Poems(DataModule):
    """Batches that their datamodule can describe."""

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        return ResumableLoader(range(3), lambda _: [[0, 1, 2]], lambda numbers: Words((4, 9, 2)))

    def describe(self, batch):
        return [f"a poem of {length} <words>" for length in batch.lengths]


class Recorder(SampleViewer):
    """Notes the numbers of the samples of each step."""

    def __init__(self):
        super().__init__(examples=4)
        self.steps = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.steps.append(batch.index.tolist())


def test_it_shows_the_batch_of_the_first_step(tmp_path, fit, capsys):
    watch = Recorder()
    fit(tmp_path, [watch], data=Noise(), max_steps=2)
    assert f"what the model sees: {tmp_path}/samples.html" in capsys.readouterr().out
    page = (tmp_path / "samples.html").read_text()
    shown = re.findall(r"<figcaption>(.*?), sample (\d+)</figcaption><img", page)
    assert [int(number) for _, number in shown] == watch.steps[0][:4] != [0, 1, 2, 3]
    assert [name for name, _ in shown] == [("left &lt;b&gt;", "right")[n % 2] for n in watch.steps[0][:4]]
    assert "The first of 4 training batches of an epoch: 6 examples, 480 units." in page
    drawn = np.asarray(Image.open(tmp_path / "samples.png"))
    assert abs(int(drawn[5, 5, 0]) - 255 * watch.steps[0][0] / 24) <= 1


def test_it_says_what_the_numbers_are(tmp_path):
    page = write_samples(tmp_path, Noise()).read_text()
    rows = {
        cells[0]: cells[1:] for row in re.findall("<tr>(.*?)</tr>", page) if (cells := re.findall("<td>(.*?)</td>", row))
    }
    batch = next(iter(Noise().loader("train", shuffle=True)))
    x, index = batch.images, batch.index.double()
    assert rows["images"][:2] == ["6 x 1 x 8 x 8", "float32"] and rows["views[0]"][0] == "6 x 1 x 4 x 4"
    assert [float(v) for v in rows["images"][2:]] == pytest.approx(
        [float(x.min()), float(x.max()), float(x.mean()), float(x.std(correction=0))], rel=1e-3
    )
    assert rows["index"][1] == "int64" and float(rows["index"][4]) == pytest.approx(float(index.mean()), rel=1e-3)
    assert {rows["left &lt;b&gt;"][0], rows["right"][0]} == {str(int((batch.labels == i).sum())) for i in (0, 1)}
    assert "class_path: " in page and "Noise" in page
    assert not re.search(r"https?:|<link|<script|url\(", page)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_no_batch_of_the_run_is_consumed(tmp_path, fit, num_workers):
    plain, _, _ = fit(tmp_path / "plain", [], data=Noise(num_workers))
    after = random.getstate(), torch.get_rng_state().tolist()
    shown, _, _ = fit(tmp_path / "shown", [SampleViewer()], data=Noise(num_workers))
    assert (random.getstate(), torch.get_rng_state().tolist()) == after
    for (name, a), b in zip(plain.state_dict().items(), shown.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    fit(tmp_path / "cut", [SampleViewer()], data=Noise(num_workers), max_steps=4)
    (tmp_path / "cut/samples.html").unlink()
    resumed, _, _ = fit(tmp_path / "cut", [SampleViewer()], data=Noise(num_workers), resume=latest(tmp_path / "cut"))
    assert not (tmp_path / "cut/samples.html").exists(), "the first step lies behind"
    for (name, a), b in zip(plain.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_what_cannot_be_drawn_is_described(tmp_path):
    page = write_samples(tmp_path, Poems(), examples=2).read_text()
    assert re.findall("<figcaption>(.*?)</figcaption><pre>(.*?)</pre>", page) == [
        ("sample 0", "a poem of 4 &lt;words&gt;"), ("sample 1", "a poem of 9 &lt;words&gt;"),
    ]  # fmt: skip
    assert "<td>lengths</td><td>3</td><td>int64</td><td>2</td><td>9</td><td>5</td>" in page
    assert not (tmp_path / "samples.png").exists()


def test_other_data_are_no_fault(tmp_path):
    class Trainer:
        global_step, is_global_zero, datamodule, should_stop, default_root_dir = 0, True, None, False, tmp_path

    with pytest.warns(UserWarning, match="shows nothing"):
        SampleViewer().on_train_start(Trainer(), torch.nn.Identity())
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="examples=0"):
        SampleViewer(examples=0)


def test_the_command_shows_and_does_not_train(tmp_path, monkeypatch, capfd):
    from lit_pretrain.objectives.vision.mae import MAE

    steps = []
    monkeypatch.setattr(MAE, "training_step", lambda self, *args: steps.append(1))
    line = f"view --config conf/vision/mae.yaml --trainer.accelerator cpu --data.batch_size 7 --run_dir {tmp_path}/v"
    assert main(line.split()) == 0
    assert sorted(p.name for p in (tmp_path / "v").iterdir()) == ["samples.html", "samples.png"] and not steps
    assert f"what the model sees: {tmp_path}/v/samples.html" in capfd.readouterr().out
    assert "<td>7 x 1 x 16 x 16</td>" in (tmp_path / "v/samples.html").read_text()
    assert main(["view", "--config", "conf/vision/mae.yaml", "--data.batch_siz", "7"]) == 2
    assert "nearest: batch_size" in capfd.readouterr().err
