"""Vectors of examples, computed once for each encoder, layer and split.

Legend: N examples, U units of a batch, B examples of a batch, D width.
"""

import os
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.fingerprint import digest, of_weights
from lit_pretrain.types import Encoder


class Features(NamedTuple):
    """Vectors (N, D) float32 and labels (N,), on the CPU."""

    vectors: Tensor
    labels: Tensor


@torch.no_grad()
def extract(
    encoder: Encoder, data: DataModule, split: str, limit: int | None = None, seed: int = 0, layer: str | None = None
) -> Features:
    """Features of a labelled split in source order, in eval mode; modes and random states are as before afterwards.

    Args:
        encoder: on any device.
        data: set up.
        split, limit, seed: see `DataModule.loader`.
        layer: mean over an example's units of this named layer; None: the pooled vector.
    """
    device = next(encoder.parameters()).device
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    vectors, labels = [], []
    try:
        for batch in data.loader(split, shuffle=False, labelled=True, limit=limit, seed=seed):
            encoded = encoder(batch.to(device), layers=layer is not None)
            vectors.append(encoded.pool(layer).cpu())
            labels.append(batch.labels.cpu())
    finally:
        for module, training in modes.items():
            module.training = training
    return Features(torch.cat(vectors), torch.cat(labels))


class FeatureStore:
    """Extracts features of one data set, or reads them back from a folder by the hash of weights and data.

    Args:
        folder: where the files are.
        data: set up.
        data_hash: `fingerprint.of_data(data)`.
    """

    def __init__(self, folder: Path, data: DataModule, data_hash: str):
        self.folder, self.data, self.data_hash = folder, data, data_hash

    def get(
        self, encoder: Encoder, split: str, limit: int | None = None, seed: int = 0, layer: str | None = None
    ) -> Features:
        """See `extract`."""
        choice = None if limit is None else (limit, seed)  # without a limit the seed chooses nothing
        path = self.folder / f"{digest(of_weights(encoder), self.data_hash, split, choice, layer)}.safetensors"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            save_file(extract(encoder, self.data, split, limit, seed, layer)._asdict(), partial)
            os.replace(partial, path)
        return Features(**load_file(path))
