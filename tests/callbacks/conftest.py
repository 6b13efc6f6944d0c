"""A small objective on digits, with all that a run needs."""

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import Dataset

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.optim.schedule import Constant
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout, Losses

SPLITS = {"train": range(0, 400), "validation": range(400, 600), "test": range(600, 700)}


class DigitsSource(Dataset):
    def __init__(self):
        x, y = load_digits(return_X_y=True)
        self.x, self.y = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(y)

    def __getitem__(self, i: int):
        return i, self.x[i], self.y[i]


class Digits(DataModule):
    """scikit-learn's digits; `asked` lists the splits that were read."""

    class_names = tuple(map(str, range(10)))

    def __init__(self, labels: bool = True):
        super().__init__()
        self.labels, self.asked, self.adopted = labels, [], None

    def adopt(self, pretraining):
        self.adopted = pretraining

    def setup(self, stage=None):
        self.source = DigitsSource()

    def loader(self, split, *, shuffle, labelled=False, limit=None):
        self.asked.append((split, labelled))
        numbers = torch.tensor(SPLITS[split])[:limit]

        def plan(epoch):
            order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(epoch))
            order = numbers[order] if shuffle else numbers
            return [part.tolist() for part in order.split(40)]

        def collate(samples):
            index, x, y = zip(*samples, strict=True)
            found = torch.stack(y) if labelled and self.labels else None
            return ImageBatch(torch.stack(x), labels=found, index=torch.tensor(index))

        return ResumableLoader(self.source, plan, collate)


class PixelEncoder(Encoder):
    """Each pixel row is a unit: 8 units an example."""

    def __init__(self, dim: int = 16):
        super().__init__()
        self.dim, self.num_layers = dim, 2
        self.embedding = nn.Linear(8, dim)
        self.blocks = nn.ModuleList([nn.Linear(dim, dim), nn.Linear(dim, dim)])
        self.dropout = nn.Dropout(0.1)

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        b = len(inputs.images)
        x = self.embedding(inputs.images.reshape(b * 8, 8))
        named = {"embedding": x}
        for i, block in enumerate(self.blocks):
            x = named[f"block{i:02d}"] = self.dropout(torch.relu(block(x)))
        pooled = x.reshape(b, 8, self.dim).flatten(1)
        return Encoded(pooled, x, Layout((8,) * b, x.device), named if layers else {})


class Denoise(PretrainModule):
    """Pixels from noisy pixels, so that random draws matter."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder, self.decoder = encoder, nn.Linear(encoder.dim, 8)
        self.norm = nn.BatchNorm1d(8)  # has buffers that a careless observer would change

    def loss(self, batch: ImageBatch) -> Losses:
        clean = batch.images
        noise = torch.randn(clean.shape, generator=self.generator, device=clean.device)
        noisy = ImageBatch(clean + 0.3 * noise + 0.1 * torch.randn_like(clean))
        said = self.norm(self.decoder(self.encoder(noisy).units))
        return {"pixels": F.mse_loss(said, clean.reshape(-1, 8))}


@pytest.fixture
def digits():
    return Digits()


@pytest.fixture
def fit():
    """(folder, callbacks, ...) -> (module, trainer, data) after fitting."""

    def run(folder, callbacks, *, max_steps=8, resume=None, data=None, prepare=None, **settings):
        torch.manual_seed(0)
        module = Denoise(PixelEncoder())
        module.optim = AdamW(1e-2, schedule=Constant(warmup=0))
        if prepare:
            prepare(module)
        data = data or Digits()
        defaults = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "log_every_n_steps": 2,
                    "enable_model_summary": False, "num_sanity_val_steps": 0, "val_check_interval": 4,
                    "check_val_every_n_epoch": None, "gradient_clip_val": 1.0}  # fmt: skip
        trainer = L.Trainer(default_root_dir=folder, max_steps=max_steps, **defaults | settings,
                            callbacks=[*callbacks, Checkpoint(every_n_steps=4)])  # fmt: skip
        trainer.fit(module, datamodule=data, ckpt_path=resume)
        return module, trainer, data

    return run
