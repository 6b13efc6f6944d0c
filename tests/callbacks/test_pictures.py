"""Pictures leave the run as it was, show the same examples each time, and show what is there."""

import base64
import random
import re
from io import BytesIO

import lightning as L
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from lit_pretrain.callbacks.attention import attention_maps
from lit_pretrain.callbacks.canvas import GAP, SIDE, heat, sheet
from lit_pretrain.callbacks.pictures import Pictures
from lit_pretrain.callbacks.report import Report
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.mixer.own_position import OwnPositionAttention
from lit_pretrain.nn.position.relative_2d import Relative2D
from lit_pretrain.nn.position.rotary_2d import Rotary2D
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.optim.schedule import Constant
from lit_pretrain.types import ImageBatch, Layout, Pixels

PIXELS = Pixels((0.4, 0.5, 0.6), (0.2, 0.2, 0.2))


class Noise(DataModule):
    """Random images of 8 x 8 with a second view of 8 x 8 and a local one of 4 x 4."""

    class_names = ("left", "right")

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        def collate(numbers):
            draw = torch.Generator().manual_seed(sum(numbers))
            n = len(numbers)
            first, second = (torch.randn(n, 3, 8, 8, generator=draw) for _ in range(2))
            return ImageBatch(first, (second, second[:, :, :4, :4]), pixels=PIXELS, index=torch.tensor(numbers),
                              labels=torch.arange(n) % 2)  # fmt: skip

        return ResumableLoader(range(24), lambda _: torch.arange(24)[:limit].split(6), collate)


class Guess(PretrainModule):
    """The mean of an image; draws from all generators in training and in its pictures."""

    def __init__(self, encoder: ViT):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.BatchNorm1d(encoder.dim), nn.Dropout(0.1), nn.Linear(encoder.dim, 1))

    def loss(self, batch):
        noise = torch.randn(batch.images.shape, generator=self.generator) + torch.randn_like(batch.images)
        said = self.head(self.encoder(ImageBatch(batch.images + 0.1 * noise * random.random())).pooled)
        return {"mean": F.mse_loss(said[:, 0], batch.images.mean((1, 2, 3)))}

    def pictures(self, batch):
        assert not self.training and not torch.is_grad_enabled()
        self.head(self.encoder(batch).pooled)  # would move the running mean in training mode
        hidden = torch.rand(batch.images.shape, generator=self.generator) < torch.rand(()) * np.random.rand()
        shown = PIXELS.restore(batch.images)
        return {"guess: hidden, original": torch.stack([shown.masked_fill(hidden, 0), shown], 1)}


def fit(folder, callbacks, prepare=None, **settings):
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    module = Guess(ViT(8, 4, 3, 16, 2, 2, dropout=0.1))
    module.optim = AdamW(1e-2, schedule=Constant(warmup=0))
    if prepare:
        prepare(module)
    given = {"max_steps": 4, "logger": False, "accelerator": "cpu", "enable_checkpointing": False,
             "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0,
             "log_every_n_steps": 1, "val_check_interval": 2, "check_val_every_n_epoch": None}  # fmt: skip
    trainer = L.Trainer(default_root_dir=folder, callbacks=callbacks, **given | settings)
    trainer.fit(module, datamodule=Noise())
    return module, trainer


@pytest.mark.parametrize("settings", [{}, {"precision": "bf16-mixed", "accumulate_grad_batches": 2}], ids=str)
def test_weights_are_those_of_a_run_without(tmp_path, settings):
    plain, _ = fit(tmp_path / "plain", [], **settings)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    drawn, _ = fit(tmp_path / "drawn", [Pictures(1, examples=4, map_points=12)], **settings)
    assert len(list((tmp_path / "drawn/pictures").glob("step-*/*.png"))) == 4 * 4
    for (name, a), b in zip(plain.state_dict().items(), drawn.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == after
    assert [m.training for m in drawn.modules()] == [m.training for m in plain.modules()]


def test_the_generator_of_the_module_is_put_back(tmp_path):
    """Training seeds it before each step, so that the weights would not show it."""
    states = []

    class Watch(Pictures):
        def draw(self, trainer, pl_module):
            states.append(pl_module.generator.get_state())
            super().draw(trainer, pl_module)
            states.append(pl_module.generator.get_state())

    fit(tmp_path, [Watch(0, examples=2, map_points=0)], max_steps=2)
    assert (tmp_path / "pictures/step-0000002/guess.png").exists() and torch.equal(*states)


def test_compiled_blocks_are_neither_run_nor_lost(tmp_path):
    runs, drawing = [], []

    def backend(graph, inputs):
        return lambda *args: (runs.append(bool(drawing)), graph(*args))[1]

    class Watch(Pictures):
        def draw(self, trainer, pl_module):
            drawing.append(1)
            super().draw(trainer, pl_module)
            drawing.clear()

    def compiled(module):
        module.encoder.blocks[-1].compile(backend=backend)

    module, _ = fit(tmp_path, [Watch(1, examples=4)], prepare=compiled, max_steps=2)
    assert runs and not any(runs) and module.encoder.blocks[-1]._compiled_call_impl is not None
    assert (tmp_path / "pictures/step-0000002/attention.png").exists()


def test_same_examples_and_draws_each_time_in_files_and_tensorboard(tmp_path):
    logger = TensorBoardLogger(tmp_path, name="", version="tb")
    fit(tmp_path, [Pictures(2, examples=4)], logger=logger, max_steps=5)
    folders = sorted((tmp_path / "pictures").iterdir())
    assert [f.name for f in folders] == ["step-0000002", "step-0000004", "step-0000005"], "and after the last step"
    for folder in folders:
        assert {p.stem for p in folder.iterdir()} == {"guess", "views", "attention", "map"}
        assert Image.open(folder / "guess.png").text["Title"] == "guess: hidden, original"
    for name in ("guess", "views"):  # neither depends on the weights
        assert len({(f / f"{name}.png").read_bytes() for f in folders}) == 1
    for name in ("attention", "map"):
        assert len({(f / f"{name}.png").read_bytes() for f in folders}) == 3
    shown = EventAccumulator(str(tmp_path / "tb"), size_guidance={"images": 0}).Reload()
    assert set(shown.Tags()["images"]) == {f"pictures/{n}" for n in ("guess", "views", "attention", "map")}
    assert [event.step for event in shown.Images("pictures/guess")] == [2, 4, 5]
    logged = np.asarray(Image.open(BytesIO(shown.Images("pictures/views")[-1].encoded_image_string)))
    assert np.array_equal(logged, np.asarray(Image.open(folders[-1] / "views.png")))


def test_the_report_holds_the_last_pictures(tmp_path):
    fit(tmp_path, [Pictures(2, examples=4), Report(map_points=12)])
    page = (tmp_path / "report.html").read_text()
    held = re.findall(r'<figcaption>([^<]*)</figcaption><img alt="[^"]*" src="data:image/png;base64,([^"]+)">', page)
    assert [title for title, _ in held] == ["Attention: original, mean of the heads, single heads",
                                            "Guess: hidden, original", "Views"]  # fmt: skip
    assert base64.b64decode(held[1][1]) == (tmp_path / "pictures/step-0000004/guess.png").read_bytes()
    assert "Examples of the validation split at step 4." in page and not re.search(r"https?:|<link|<script|url\(", page)
    assert page.count("Principal components") == 2  # caption and name of one chart: the map is not shown twice


@pytest.mark.filterwarnings("default")
def test_what_cannot_be_drawn_is_warned_of_once(tmp_path):
    def broken(module):
        module.pictures = lambda batch: {"half": 1 / 0}

    with pytest.warns(UserWarning, match=r"\(offered\) cannot be drawn.*division") as caught:
        _, trainer = fit(tmp_path, [Pictures(1, examples=2, map_points=0)], prepare=broken)
    assert sum("cannot be drawn" in str(w.message) for w in caught) == 1 and trainer.global_step == 4
    assert {p.stem for p in (tmp_path / "pictures/step-0000004").iterdir()} == {"views", "attention"}
    with pytest.raises(ValueError, match="examples=0"):
        Pictures(examples=0)


def test_nothing_to_look_at_is_no_fault(tmp_path, fit, recwarn):
    """An encoder without attention whose batches are not normalised; `fit` is that of all observers."""
    fit(tmp_path, [Pictures(4, examples=3, map_points=0)])
    assert {p.stem for p in (tmp_path / "pictures/step-0000008").iterdir()} == {"views"}
    assert not any("cannot be drawn" in str(w.message) for w in recwarn)


# ---- attention --------------------------------------------------------------------------------------------------------


def biased(backend):
    """A ViT with biases of relative positions in each block."""
    encoder = ViT(8, 2, 3, 16, 2, 2)
    for block in encoder.blocks:
        block.mixer = OwnPositionAttention(16, 2, position=Relative2D(2, (4, 4)))
        nn.init.normal_(block.mixer.position.table)
    return encoder


def rotated(backend):
    encoder = ViT(8, 2, 3, 16, 2, 2, position=Rotary2D(8))
    for block in encoder.blocks:
        block.mixer.backend = backend
    return encoder


@pytest.mark.parametrize("make", [biased, rotated])
@pytest.mark.parametrize("backend", ["dense", "each"])
def test_maps_are_those_of_the_last_block(make, backend):
    """The maps, times the values, give what the mixer gives; the values alone do not say where they come from."""
    torch.manual_seed(0)
    module = Guess(make(backend)).eval()
    batch, mixer, got = ImageBatch(torch.randn(3, 3, 8, 8)), module.encoder.blocks[-1].mixer, {}
    assert isinstance(mixer, Attention)
    nn.init.normal_(mixer.query.weight)  # far from uniform attention
    mixer.value.register_forward_hook(lambda m, args, out: got.update(value=out))
    mixer.out.register_forward_hook(lambda m, args, out: got.update(mixed=args[0]))
    with torch.no_grad():
        maps = attention_maps(module, batch)
    assert maps.shape == (3, 2, 4, 4) and maps.std() > 0.01
    value = got["value"].view(3, 17, 2, 8).transpose(1, 2)  # (B, H, L, E)
    mixed = got["mixed"].view(3, 17, 2, 8).transpose(1, 2)[:, :, 0]  # of the class token
    to_itself = 1 - maps.sum((2, 3))
    expected = torch.einsum("bhl,bhle->bhe", torch.cat([to_itself[..., None], maps.flatten(2)], 2), value)
    torch.testing.assert_close(expected, mixed, rtol=1e-4, atol=1e-5)


def test_a_query_of_zero_attends_to_all_alike():
    module = Guess(ViT(8, 2, 3, 16, 2, 2)).eval()
    nn.init.zeros_(module.encoder.blocks[-1].mixer.query.weight)
    nn.init.zeros_(module.encoder.blocks[-1].mixer.query.bias)
    maps = attention_maps(module, ImageBatch(torch.randn(2, 3, 8, 8)))
    torch.testing.assert_close(maps, torch.full((2, 2, 4, 4), 1 / 17))
    assert not module.encoder.blocks[-1]._forward_hooks and not module.encoder.blocks[-1]._forward_pre_hooks


# ---- drawing ----------------------------------------------------------------------------------------------------------


def test_a_preview_restores_pixels_and_pads_small_views():
    batch = next(iter(Noise().loader("train", shuffle=False)))
    shown = batch.preview()
    assert shown.shape == (6, 3, 3, 8, 8)
    torch.testing.assert_close(shown[:, 0], PIXELS.restore(batch.images))
    torch.testing.assert_close(shown[:, 2, :, 2:6, 2:6], PIXELS.restore(batch.views[1]))
    assert shown[:, 2].isnan().sum() == 6 * 3 * (64 - 16) and not shown[:, :2].isnan().any()
    plain = ImageBatch(torch.tensor([-3.0, 1.0, 5.0, 0.0]).view(1, 1, 2, 2)).preview()
    assert plain.flatten().tolist() == [0.0, 0.5, 1.0, 0.375]


def test_a_sheet_places_panels_and_is_clear_between_them():
    panels = torch.rand(5, 2, 1, SIDE, SIDE)
    panels[3, 1, :, 4, 7] = torch.nan
    drawn = sheet(panels)  # two groups: examples 0, 1, 2 and beside them 3, 4
    assert drawn.shape == (3 * SIDE + 2 * GAP, 2 * (2 * SIDE + GAP) + 14, 4) and drawn.dtype == np.uint8
    left, top = 2 * SIDE + GAP + 14 + SIDE + GAP, 0
    expected = (panels[3, 1, 0] * 255).round().nan_to_num(0).numpy()
    assert np.array_equal(drawn[top : top + SIDE, left : left + SIDE, 1], expected)
    assert drawn[4, left + 7, 3] == 0 and drawn[5, left + 7, 3] == 255
    assert not drawn[:, SIDE : SIDE + GAP, 3].any() and not drawn[-SIDE:, -SIDE:, 3].any()
    small = sheet(panels[:1, :1, :, :2, :2].nan_to_num(0.0))
    assert small.shape == (SIDE, SIDE, 4) and len(np.unique(small[: SIDE // 2, : SIDE // 2, 0])) == 1


def test_heat_covers_the_unit_that_it_belongs_to():
    strength = torch.zeros(2, 2)
    strength[1, 0] = 1.0
    hot = heat(torch.zeros(1, 6, 6), strength)
    assert hot.shape == (3, 6, 6) and (hot[0, 3:, :3] > 0.5).all()
    assert (hot[0].sum() - hot[0, 3:, :3].sum()) < 0.1


def test_units_without_a_grid_have_no_map():
    class Flat(ViT):
        def forward(self, inputs, **options):
            encoded = super().forward(inputs, **options)
            encoded.layout = Layout(encoded.layout.lengths)
            return encoded

    assert attention_maps(Guess(Flat(8, 4, 3, 16, 1, 2)), ImageBatch(torch.randn(2, 3, 8, 8))) is None
