"""Ranks that are not of one run find it out before the first step."""

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch.utils._pytree import tree_flatten_with_path

from lit_pretrain.callbacks.summary import versions
from lit_pretrain.part import class_path, spec

SHOWN = 3  # differences in one message


class Agreement(L.Callback):
    """Ends a fit whose ranks disagree, on all of them with the same error, which says what differs and where.

    Compared are, before weights are exchanged: the configuration, versions, and the code of lit_pretrain and of the
    classes of module and data. Before the first step: the step to go on from, the numbers of batches and samples, the
    order of the epoch and the position in it. With one rank it does nothing.

    Args:
        config: the resolved configuration; None: how module and data were made.

    Raises:
        ValueError: when the fit begins and the ranks disagree.
    """

    def __init__(self, config: dict[str, Any] | None = None):
        self.config = config

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if stage == "fit" and trainer.world_size > 1:
            made = {"model": spec(pl_module), "data": spec(trainer.datamodule), "max_steps": trainer.max_steps}
            _compare(_flat(self.config or made) | versions() | _code(pl_module, trainer.datamodule))

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.world_size > 1:
            _compare(_position(trainer))


def _compare(own: dict[str, Any]) -> None:
    """Raise ValueError on all ranks unless all have the same facts, which travel only where their digests differ."""
    ranks = torch.distributed.get_world_size()
    own = {key: str(value) for key, value in own.items()}
    digests: list[Any] = [None] * ranks
    torch.distributed.all_gather_object(digests, _digest(sorted(own.items())))
    if len(set(digests)) == 1:
        return
    facts: list[Any] = [None] * ranks
    torch.distributed.all_gather_object(facts, own)
    keys = [key for key in dict.fromkeys(key for each in facts for key in each) if len({f.get(key) for f in facts}) > 1]
    said = "; ".join(_difference(key, [each.get(key, "absent") for each in facts]) for key in keys[:SHOWN])
    more = f"; and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    raise ValueError(f"the ranks disagree, so nothing was trained: {said}{more}")


def _difference(key: str, values: list[str]) -> str:
    """Such as 'torch is 2.14 on ranks 0, 2 and 2.13 on rank 1'."""
    holders = {value: [str(rank) for rank, other in enumerate(values) if other == value] for value in values}
    said = [f"{value} on rank{'s' * (len(ranks) > 1)} {', '.join(ranks)}" for value, ranks in holders.items()]
    return f"{key} is {' and '.join(said)}"


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    """Dotted key -> plain value."""
    leaves, _ = tree_flatten_with_path(tree)
    return {".".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path): leaf for path, leaf in leaves}


def _code(*parts: object) -> dict[str, str]:
    """Digests of the sources of lit_pretrain and of the files that hold these objects' classes."""
    packages = [import_module(name) for name in ("lit_pretrain", "lit_pretrain.callbacks", "lit_pretrain.datamodules")]
    sources = sorted(file for package in packages for file in Path(package.__path__[0]).rglob("*.py"))
    kinds = {type(part): getattr(sys.modules[type(part).__module__], "__file__", None) for part in parts}
    return {
        "the code of lit_pretrain": _digest([file.read_bytes() for file in sources]),
        **{f"the code of {class_path(kind)}": _digest(Path(file).read_bytes()) for kind, file in kinds.items() if file},
    }


def _position(trainer: L.Trainer) -> dict[str, Any]:
    loader = trainer.train_dataloader
    found = {"the step": trainer.global_step, "the number of batches": trainer.num_training_batches,
             "the number of validation batches": trainer.num_val_batches}  # fmt: skip
    if getattr(loader, "ranks", None) == trainer.world_size:  # a loader that divides one plan among the ranks
        found |= {"the number of samples": len(loader.dataset) if hasattr(loader.dataset, "__len__") else None,
                  "the order of samples": _digest([list(map(int, batch)) for batch in loader.plan(loader.epoch)]),
                  "the position in the data": loader.state_dict()}  # fmt: skip
    return found


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]
