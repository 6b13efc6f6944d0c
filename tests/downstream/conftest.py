"""A stand-in of no modality in particular: scikit-learn's digits and an encoder of two blocks."""

import os
from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.part import trust
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout, Ragged

trust([__name__])


def collate(samples) -> ImageBatch:
    images, labels, index = (torch.stack(column) for column in zip(*samples, strict=True))
    return ImageBatch(images, labels=labels, index=index)


class Digits(DataModule):
    """1797 digits of 8 x 8; every fifth validates, every fifth tests. `asked` records which splits were read."""

    class_names = tuple("0123456789")
    collate = staticmethod(collate)

    def __init__(self, batch_size: int = 64):
        super().__init__()
        self.batch_size, self.asked = batch_size, []

    @cached_property
    def dataset(self) -> TensorDataset:
        digits = load_digits()
        images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
        return TensorDataset(images, torch.tensor(digits.target), torch.arange(len(images)))

    def numbers(self, split: str, limit: int | None, seed: int) -> list[int]:
        part = {"validation": (3,), "test": (4,), "train": (0, 1, 2)}[split]
        numbers = [i for i in range(len(self.dataset)) if i % 5 in part]
        if limit is None:
            return numbers
        labels = self.dataset.tensors[1]
        order = np.random.default_rng(seed).permutation(numbers).tolist()
        by_class = [[i for i in order if labels[i] == c] for c in range(10)]
        return [i for round_ in zip(*by_class, strict=False) for i in round_][:limit]

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0) -> ResumableLoader:
        self.asked.append(split)
        numbers = self.numbers(split, limit, seed)

        def plan(epoch: int) -> list[list[int]]:
            order = (
                np.random.default_rng([int(os.environ.get("PL_GLOBAL_SEED", "0")), epoch]).permutation(numbers).tolist()
                if shuffle
                else numbers
            )
            return [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]

        return ResumableLoader(self.dataset, plan, self.collate)


def produce(samples) -> ImageBatch:
    batch = collate(samples)
    return replace(batch, labels=None, target=Ragged(batch.labels, (1,) * len(batch.labels)))


class Produced(Digits):
    """The digit is no class but a sequence of one, to be produced."""

    class_names = ()
    target_names = tuple("0123456789")
    collate = staticmethod(produce)


class Small(Encoder):
    """Residual blocks on the pixels; an example is one unit."""

    def __init__(self, dim: int = 16, num_layers: int = 2, dropout: float = 0.1):
        super().__init__()
        self.dim, self.num_layers = dim, num_layers
        self.embedding = nn.Linear(64, dim)
        self.position = nn.Parameter(torch.zeros(1, dim), requires_grad=False)  # frozen by design
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Dropout(dropout)) for _ in range(num_layers)
        )
        self.final_norm = nn.LayerNorm(dim)

    def forward(self, inputs, *, keep=None, mask=None, layers=False) -> Encoded:
        x = self.embedding(inputs.images.flatten(1)) + self.position
        named = {"embedding": x}
        for i, block in enumerate(self.blocks):
            x = x + block(x)
            named[f"block{i:02d}"] = x
        x = self.final_norm(x)
        return Encoded(x, x, Layout((1,) * len(x)), named if layers else {})


@pytest.fixture
def digits() -> Digits:
    return Digits()


@pytest.fixture
def produced() -> Produced:
    return Produced()


@pytest.fixture
def encoder() -> Small:
    torch.manual_seed(100)  # none of the seeds of the protocols
    return Small()
