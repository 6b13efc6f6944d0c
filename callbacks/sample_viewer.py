"""What a model is about to see, on one page, before a long run is spent on it.

Legend: B examples, K panels of each, C channels, H rows, W columns.
"""

from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from lit_pretrain.callbacks.canvas import png, sheet
from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.callbacks.report_page import folded, page, picture, quote, section, table
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.types import Batch

MOST_CLASSES = 20  # in the table of labels


class SampleViewer(Observer):
    """Writes `samples.html` and `samples.png` into the run folder before the first step.

    They show the first training batch as the objective gets it: all views of its examples with their classes where the
    batch has a method `preview() -> (B, K, C, H, W)` between 0 and 1, otherwise what the datamodule says of each example by
    `describe(batch) -> list[str]`, and of every tensor its shape, type, range, mean and spread. The batch is read by a
    loader of its own, so the run is that of a run without it.

        lit-pretrain fit --config C --trainer.callbacks+=lit_pretrain.callbacks.sample_viewer.SampleViewer
        lit-pretrain view --config C       # the page alone

    Args:
        examples: the most that are shown.
        then_stop: do not train.
    """

    name = "samples"

    def __init__(self, examples: int = 32, then_stop: bool = False):
        if examples < 1:
            raise ValueError(f"examples={examples}: show at least one")
        self.examples, self.then_stop = examples, then_stop

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or self.then_stop
        if trainer.global_step or not trainer.is_global_zero:
            return
        if not isinstance(trainer.datamodule, DataModule):
            rank_zero_warn("SampleViewer needs a datamodule of lit_pretrain and shows nothing")
            return
        with self.observing(pl_module):
            path = write_samples(Path(trainer.default_root_dir), trainer.datamodule, self.examples)
        print(f"what the model sees: {path}", flush=True)


def write_samples(folder: Path, data: DataModule, examples: int = 32) -> Path:
    """Write `folder/samples.html`, and `samples.png` where there is something to draw, of the first training batch."""
    loader = data.loader("train", shuffle=True)  # not `train_dataloader`, which may remember the loader as the run's
    batch = next(iter(loader)).to("cpu")
    folder.mkdir(parents=True, exist_ok=True)
    captions = _captions(batch, data.class_names)[:examples]
    figures = []
    if hasattr(batch, "preview"):
        panels = batch.preview()[:examples]  # (B, K, C, H, W)
        (folder / "samples.png").write_bytes(png(sheet(panels), "the first training batch"))
        figures = [picture(c, png(sheet(x[None]), c)) for c, x in zip(captions[: len(panels)], panels, strict=True)]
    elif hasattr(data, "describe"):
        figures = [quote(c, said) for c, said in zip(captions, data.describe(batch)[:examples], strict=True)]
    sections = [
        section("Examples", f"The first {len(figures)} of the batch, as the objective gets them.", *figures),
        "<section><h2>Numbers</h2><p>Of the whole batch, as they reach the model.</p>",
        table("", [_row(name, values) for name, values in _tensors(batch)]),
        table("Labels", _classes(batch, data.class_names)) if batch.labels is not None else "",
        folded("Data", yaml.safe_dump(spec(data), sort_keys=False)),
        "</section>",
    ]
    facts = (f"The first of {len(loader):,} training batches of an epoch: {batch.num_examples:,} examples,"
             f" {batch.num_units:,} units.")  # fmt: skip
    path = folder / "samples.html"
    drawn = page("What the model sees", f"{type(batch).__name__} of {type(data).__name__}", facts, [], sections)
    path.write_bytes(drawn.encode())
    return path


def _captions(batch: Batch, class_names: tuple[str, ...]) -> list[str]:
    """Class and number of each example, as far as they are known."""
    labels = [""] * batch.num_examples if batch.labels is None else _label_names(batch.labels, class_names)
    numbers = range(batch.num_examples) if batch.index is None else batch.index.tolist()
    return [
        f"{label}, sample {number}" if label else f"sample {number}" for label, number in zip(labels, numbers, strict=True)
    ]


def _label_names(labels: Tensor, class_names: tuple[str, ...]) -> list[str]:
    if labels.ndim > 1:
        return [", ".join(f"{x:g}" for x in row) for row in labels.tolist()]
    is_class = not labels.is_floating_point()
    return [class_names[x] if is_class and 0 <= x < len(class_names) else f"{x:g}" for x in labels.tolist()]


def _classes(batch: Batch, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
    counted = Counter(_label_names(batch.labels, class_names)).most_common(MOST_CLASSES)
    return [{"class": name, "examples": count} for name, count in counted]


def _tensors(batch: Batch) -> list[tuple[str, Tensor]]:
    """All numbers of a batch by their names."""
    found = []
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            found.append((field.name, value))
        elif isinstance(value, tuple) and value and all(isinstance(x, Tensor) for x in value):
            found += [(f"{field.name}[{i}]", x) for i, x in enumerate(value)]
        elif isinstance(value, tuple) and value and all(isinstance(x, (int, float)) for x in value):
            found.append((field.name, torch.tensor(value)))
    return found


def _row(name: str, values: Tensor) -> dict[str, Any]:
    row = {"tensor": name, "shape": " x ".join(map(str, values.shape)), "type": str(values.dtype).removeprefix("torch.")}
    x = values.double()
    if x.numel():
        row |= {"min": float(x.min()), "max": float(x.max()), "mean": float(x.mean()), "std": float(x.std(correction=0))}
    return row
