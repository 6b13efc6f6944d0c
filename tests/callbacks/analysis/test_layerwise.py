"""What was planted in the layers is found in them, and the run is that of a run without it."""

import json
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from jsonargparse import ArgumentParser
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from lit_pretrain.callbacks.analysis.layerwise import LayerwiseAnalysis
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.callbacks.report import Report
from lit_pretrain.callbacks.summary import Summary
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.io.checkpoint import latest
from lit_pretrain.probes.logistic import LogisticProbe
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout, Ragged

CLASSES = 5


class Coded(DataModule):
    """Noise of 8 x 8, in whose first column the class stands, small: one an example or, `by_unit`, one a row."""

    class_names = tuple("abcde")

    def __init__(self, by_unit: bool = False, labels: bool = True):
        super().__init__()
        self.by_unit, self.labels = by_unit, labels

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        def collate(numbers):
            draw = torch.Generator().manual_seed(sum(numbers) + len(split))
            images = torch.randn(len(numbers), 1, 8, 8, generator=draw)
            codes = torch.randint(CLASSES, (len(numbers), 8 if self.by_unit else 1), generator=draw)
            images[:, 0, :, 0] = codes / 100
            found = codes.flatten() if self.labels else None
            if self.by_unit:
                codes[:, 0] = -1  # the first unit of each example has no label
                return ImageBatch(images, unit_labels=Ragged(codes.flatten(), (8,) * len(numbers)))
            return ImageBatch(images, labels=found, index=torch.tensor(numbers))

        return ResumableLoader(range(400), lambda _: torch.arange(400)[:limit].split(50), collate)


class Planted(Encoder):
    """The rows of an image; their rotation; the class that stands in them; and something that is learned."""

    dim, num_layers = 16, 3

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 16)])
        turn = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0))).Q
        self.register_buffer("turn", turn)

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        x = inputs.images.reshape(-1, 8)
        said = F.one_hot((100 * x[:, 0]).round().long().clamp(0, CLASSES - 1), CLASSES).float()
        named = {"embedding": x, "block00": x @ self.turn + 3, "block01": said, "block02": self.blocks[0](x).relu()}
        layout = Layout((8,) * len(inputs.images), x.device)
        units = named["block02"]
        return Encoded(units.unflatten(0, (-1, 8)).mean(1), units, layout, named if layers else {})


def plant(module):
    module.encoder = Planted()


def test_what_was_planted_is_found(tmp_path, fit):
    analysis = LayerwiseAnalysis(Coded(), limit=400, clusters=10, on_error="raise")
    _, trainer, _ = fit(tmp_path, [analysis, Summary()], prepare=plant, max_steps=40)
    before, after = analysis.history
    assert (before["step"], after["step"]) == (0, 40)
    assert list(after["similarity_to_first"]) == ["embedding", "block00", "block01", "block02"]

    first = after["similarity_to_first"]
    assert first["embedding"] == pytest.approx(1, abs=1e-6) and first["block00"] == pytest.approx(1, abs=1e-4)
    assert first["block01"] < 0.2, "the class is too small in the first layer to be among its main directions"

    assert all(value == pytest.approx(1, abs=1e-4) for value in before["similarity_to_start"].values())
    kept = after["similarity_to_start"]
    assert all(kept[layer] == pytest.approx(1, abs=1e-4) for layer in ("embedding", "block00", "block01"))
    assert kept["block02"] < 0.99, "it has been learned since"

    for measure in ("accuracy", "information_share"):
        assert after[measure]["block01"] == pytest.approx(1, abs=1e-6)
        assert max(after[measure]["embedding"], after[measure]["block00"]) < 0.4
    assert 1.5 < after["mutual_information"]["block01"] <= np.log(CLASSES) + 1e-6

    assert float(trainer.callback_metrics["layers/accuracy/block01"]) == 1
    kept = json.loads((tmp_path / "summary.json").read_text())["layers"]
    assert kept["history"][1]["similarity_to_first"] == first and kept["protocol"]["rows"] == 400 * 5
    assert kept["protocol"]["k"] == 20 and kept["protocol"]["validation_rows"] == 400


def test_units_with_labels_of_their_own(tmp_path, fit):
    analysis = LayerwiseAnalysis(Coded(by_unit=True), limit=100, units=8, clusters=10, on_error="raise",
                                 probe=LogisticProbe((1e-3,)))  # fmt: skip
    fit(tmp_path, [analysis], prepare=plant, max_steps=1)
    row, protocol = analysis.history[-1], analysis.protocol()
    assert (protocol["rows"], protocol["validation_rows"]) == (800, 700), "the first unit of each example has no label"
    assert row["accuracy"]["block01"] == pytest.approx(1) and row["information_share"]["block01"] == pytest.approx(1)
    assert row["information_share"]["block02"] < 0.2 and protocol["l2"] == (1e-3,)


def test_without_classes_layers_are_compared_only(tmp_path, fit):
    analysis = LayerwiseAnalysis(Coded(labels=False), limit=200, on_error="raise")
    fit(tmp_path, [analysis], prepare=plant, max_steps=1)
    assert set(analysis.history[-1]) == {"step", "epoch", "seconds", "similarity_to_first", "similarity_to_start"}


def test_stages_of_other_resolutions_are_compared_as_means(tmp_path, fit):
    class Staged(Planted):
        def forward(self, inputs, **settings):
            encoded = super().forward(inputs, **settings)
            if encoded.layers:
                encoded.layers["block00"] = encoded.layers["embedding"].unflatten(0, (-1, 2)).mean(1) @ self.turn
            return encoded

    def stage(module):
        module.encoder = Staged()

    analysis = LayerwiseAnalysis(Coded(), limit=300, on_error="raise")
    fit(tmp_path, [analysis], prepare=stage, max_steps=1)
    assert analysis.protocol()["rows"] == 300
    assert analysis.history[0]["similarity_to_first"]["block00"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("settings", [{}, {"precision": "bf16-mixed", "accumulate_grad_batches": 2}], ids=str)
def test_weights_are_those_of_a_run_without(tmp_path, fit, settings):
    plain, _, _ = fit(tmp_path / "plain", [], **settings)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    analysis = LayerwiseAnalysis(every_n_steps=5, limit=100, clusters=10, on_error="raise")
    watched, _, data = fit(tmp_path / "watched", [analysis], **settings)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == after
    assert [m.training for m in watched.modules()] == [m.training for m in plain.modules()]
    assert [row["step"] for row in analysis.history] == [0, 5, 8]
    assert not any(split == "test" for split, _ in data.asked)


def test_a_resumed_run_knows_the_start(tmp_path, fit):
    def made():
        return LayerwiseAnalysis(every_n_steps=4, limit=100, clusters=10, on_error="raise")

    whole, resumed = made(), made()
    fit(tmp_path / "whole", [whole])
    fit(tmp_path / "cut", [made()], max_steps=4)
    fit(tmp_path / "cut", [resumed], resume=latest(tmp_path / "cut"))
    strip = [[{k: v for k, v in row.items() if k != "seconds"} for row in a.history] for a in (whole, resumed)]
    assert strip[0] == strip[1] and len(strip[0]) == 3 and strip[0][2]["similarity_to_start"]["block00"] < 1
    (tmp_path / "cut/layers_start.pt").unlink()
    fit(tmp_path / "cut", [gone := made()], max_steps=12, resume=latest(tmp_path / "cut"))
    assert "similarity_to_start" in gone.history[2] and "similarity_to_start" not in gone.history[3]

    other = LayerwiseAnalysis(limit=80, clusters=10, on_error="raise")
    with pytest.raises(ValueError, match=r"layers_start\.pt has 500 rows of each layer and there are 400 now"):
        fit(tmp_path / "whole", [other], max_steps=12, resume=latest(tmp_path / "whole"))


def test_curves_are_in_files_tensorboard_and_the_report(tmp_path, fit):
    logger = TensorBoardLogger(tmp_path, name="", version="tb")
    analysis = LayerwiseAnalysis(every_n_steps=4, limit=100, clusters=10, on_error="raise")
    fit(tmp_path, [analysis, Report(map_points=0)], logger=logger)
    drawn = sorted((tmp_path / "pictures").glob("*/*.png"))
    assert [str(path.relative_to(tmp_path / "pictures")) for path in drawn] == [
        f"step-{step:07d}/layers.png" for step in (0, 4, 8)
    ]
    pixels = [np.asarray(Image.open(path)) for path in drawn]
    assert all(np.ptp(shown[..., 3]) > 0 for shown in pixels) and not np.array_equal(pixels[1], pixels[2])
    logged = EventAccumulator(str(tmp_path / "tb"), size_guidance={"images": 0}).Reload()
    assert [event.step for event in logged.Images("pictures/layers")] == [0, 4, 8]
    values = [event.value for event in logged.Scalars("layers/accuracy/block01")]
    assert values == pytest.approx([row["accuracy"]["block01"] for row in analysis.history])
    assert "Layers: from the first to the last" in (tmp_path / "report.html").read_text()


def test_the_configuration_can_name_it():
    parser = ArgumentParser()
    parser.add_argument("--callback", type=Measurement)
    given = {"class_path": "lit_pretrain.callbacks.analysis.layerwise.LayerwiseAnalysis",
             "init_args": {"every_n_steps": 250, "probe": "lit_pretrain.probes.logistic.LogisticProbe"}}  # fmt: skip
    made = parser.instantiate(parser.parse_object({"callback": given})).callback
    assert isinstance(made, LayerwiseAnalysis) and isinstance(made.probe, LogisticProbe) and made.name == "layers"
    with pytest.raises(ValueError, match="clusters=1"):
        LayerwiseAnalysis(clusters=1)
