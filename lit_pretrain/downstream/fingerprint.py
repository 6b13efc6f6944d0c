"""Hashes of what a result depends on, so that it is reused exactly as long as nothing of that changed."""

import hashlib
import json
from dataclasses import fields
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.types import Ragged

SAMPLED = 8  # batches that stand for a data set


def digest(*values: Any) -> str:
    """16 hexadecimal digits of anything made of parts, dicts, lists, numbers and strings."""
    tree = json.dumps([spec(value) for value in values], sort_keys=True)
    return hashlib.blake2b(tree.encode(), digest_size=8).hexdigest()


def of_weights(module: nn.Module) -> str:
    """Architecture and weights."""
    found = hashlib.blake2b(digest(module).encode(), digest_size=8)
    for name, weight in module.state_dict().items():
        found.update(name.encode() + _bytes(weight))
    return found.hexdigest()


def of_data(data: DataModule) -> str:
    """How the data are made, what goes with them, their size, and the first batches of the training split.

    The test split is not touched.
    """
    loader = data.loader("train", shuffle=False, labelled=True)
    named = (data.class_names, data.label_names, data.unit_names, data.target_names, data.pair_names, data.side_names)
    names = [list(names) for names in named if names]
    found = hashlib.blake2b(digest(data, data.artifacts(), *names, len(loader)).encode(), digest_size=8)
    for batch in islice(loader, SAMPLED):
        for field in fields(batch):
            value = getattr(batch, field.name)
            if isinstance(value, Ragged):
                found.update(repr(value.lengths).encode())
                value = value.values
            if isinstance(value, Tensor):
                found.update(field.name.encode() + _bytes(value))
    return found.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
