"""Vectors of examples, computed once for each encoder, layer and split.

Legend: N examples, U units of a batch, B examples of a batch, D width.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.fingerprint import digest, of_weights
from lit_pretrain.types import Encoder

POOLED = "pooled"  # among names of layers: the encoder's own pooled vector
ALL = "all"  # the same, and every named layer


class Features(NamedTuple):
    """Vectors (N, D) float32 and labels (N,), on the CPU."""

    vectors: Tensor
    labels: Tensor


@torch.no_grad()
def extract(
    encoder: Encoder,
    data: DataModule,
    split: str,
    limit: int | None = None,
    seed: int = 0,
    layers: Sequence[str] = (POOLED,),
) -> dict[str, Features]:
    """Features of a labelled split in source order by layer, in eval mode, of one pass; modes and random states are as
    before afterwards.

    Args:
        encoder: on any device.
        data: set up.
        split, limit, seed: see `DataModule.loader`.
        layers: the mean over an example's units of each of these named layers; "pooled": the pooled vector.

    Raises:
        ValueError: there is no such layer.
    """
    device, inner = next(encoder.parameters()).device, any(layer != POOLED for layer in layers)
    vectors: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    labels = []
    with in_eval_mode(encoder):
        for batch in data.loader(split, shuffle=False, labelled=True, limit=limit, seed=seed):
            encoded = encoder(batch.to(device), layers=inner)
            for layer, found in vectors.items():
                found.append(encoded.pool(None if layer == POOLED else layer).cpu())
            labels.append(batch.labels.cpu())
    return {layer: Features(torch.cat(found), torch.cat(labels)) for layer, found in vectors.items()}


@torch.no_grad()
def layers_of(encoder: Encoder, data: DataModule) -> tuple[str, ...]:
    """The names of an encoder's layers, from bottom to top, and "pooled"."""
    device = next(encoder.parameters()).device
    with in_eval_mode(encoder):
        batch = next(iter(data.loader("validation", shuffle=False, labelled=True)))
        return (*encoder(batch.to(device), layers=True).layers, POOLED)


@contextmanager
def in_eval_mode(encoder: Encoder) -> Iterator[None]:
    """Each module is in its own mode again afterwards."""
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


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
        self,
        encoder: Encoder,
        split: str,
        limit: int | None = None,
        seed: int = 0,
        layers: Sequence[str] = (POOLED,),
    ) -> dict[str, Features]:
        """See `extract`."""
        choice, weights = None if limit is None else (limit, seed), of_weights(encoder)  # all are no choice of a seed's
        paths = {
            layer: self.folder / f"{digest(weights, self.data_hash, split, choice, layer)}.safetensors" for layer in layers
        }
        if missing := [layer for layer, path in paths.items() if not path.exists()]:
            self.folder.mkdir(parents=True, exist_ok=True)
            for layer, found in extract(encoder, self.data, split, limit, seed, missing).items():
                partial = paths[layer].with_suffix(f".{os.getpid()}.partial")
                save_file(found._asdict(), partial)
                os.replace(partial, paths[layer])
        return {layer: Features(**load_file(path)) for layer, path in paths.items()}
