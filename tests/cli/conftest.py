"""A user's folder: a file with an objective, an encoder and data of their own, and a configuration that names them."""

import sys
from pathlib import Path

import pytest

from lit_pretrain.cli import main

SOURCE = """
import lightning as L
import torch
from torch import nn

from lit_pretrain import PretrainModule
from lit_pretrain.part import Part, Recorded


class Tiny(Part):
    def __init__(self, dim: int = 8, dropout: float = 0.0, mode: str = "plain"):
        super().__init__()
        if dim < 1:
            raise ValueError(f"dim={dim} must be at least 1")
        self.dim, self.dropout, self.mode = dim, dropout, mode
        self.blocks = nn.ModuleList([nn.Linear(dim, dim)])

    def forward(self, x):
        return self.blocks[0](x)


class Objective(PretrainModule):
    def __init__(self, encoder: Tiny, scale: float = 1.0):
        super().__init__()
        self.encoder, self.scale = encoder, scale

    def loss(self, batch):
        return {"square": self.scale * self.encoder(batch.x).square().mean()}

    def predict_step(self, batch, batch_idx):
        return self.encoder(batch.x)


class Other(PretrainModule):
    def __init__(self, encoder: Tiny, width: int = 3):
        super().__init__()
        self.encoder, self.width = encoder, width

    def loss(self, batch):
        return {"size": self.encoder(batch.x).abs().mean()}


class Batch:
    def __init__(self, x):
        self.x, self.num_examples, self.num_units = x, len(x), len(x)

    def to(self, *args, **kwargs):
        return self


class Data(Recorded, L.LightningDataModule):
    def __init__(self, dim: int = 8, name: str = "a"):
        super().__init__()
        self.dim, self.name = dim, name

    def train_dataloader(self):
        rows = torch.ones(40, self.dim)
        return torch.utils.data.DataLoader(rows, batch_size=4, collate_fn=lambda some: Batch(torch.stack(some)))

    val_dataloader = test_dataloader = predict_dataloader = train_dataloader
"""

CONFIG = """
model:
  class_path: user_file.Objective
  init_args:
    encoder:
      class_path: user_file.Tiny
      init_args: {dim: "${data.init_args.dim}"}
data:
  class_path: user_file.Data
trainer: {max_steps: 2, accelerator: cpu, enable_progress_bar: false, log_every_n_steps: 1, limit_val_batches: 1}
"""


@pytest.fixture(scope="session")
def user_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    (folder / "user_file.py").write_text(SOURCE)
    sys.path.append(str(folder))  # its tests run in folders of their own, in one process
    return folder


@pytest.fixture
def here(user_folder, tmp_path, monkeypatch) -> Path:
    """A fresh working folder with `c.yaml`."""
    (tmp_path / "c.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(here, capfd):
    """Run a command line; gives exit code, output, errors."""

    def run(line: str) -> tuple[int, str, str]:
        code = main(line.split())
        out, err = capfd.readouterr()
        return code, out, err

    return run
