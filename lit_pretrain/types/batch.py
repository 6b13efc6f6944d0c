"""What every modality's batch has. Legend: B examples, U units, D width, N numbers of all examples."""

import hashlib
from abc import abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from lit_pretrain.types.layout import Layout, Ragged


@dataclass
class Batch:
    """What every modality's batch has. A batch is clean: corruption belongs to the objective, on the device.

    A batch with a picture has a method `preview() -> (B, K, C, H, W)` between 0 and 1. `upright` says that rows and columns
    of a grid of units are rows and columns of that picture, so that maps of units can be laid over it.
    """

    upright: ClassVar[bool] = False

    labels: Tensor | None = field(default=None, kw_only=True)  # (B,) int64 classes (-1: none) or numbers; None: unlabelled
    index: Tensor | None = field(default=None, kw_only=True)  # (B,) int64 number of each sample in its source
    unit_labels: Ragged | None = field(default=None, kw_only=True)  # int64, of equal stretches of each example; -1: none
    target: Ragged | None = field(default=None, kw_only=True)  # int64, a sequence to be produced, such as a transcript
    pairs: Tensor | None = field(default=None, kw_only=True)  # (P, 2) int64 numbers of units that may belong together
    pair_labels: Tensor | None = field(default=None, kw_only=True)  # (P,) int64, 1: they do, 0: they do not

    @property
    @abstractmethod
    def num_examples(self) -> int: ...

    @property
    @abstractmethod
    def num_units(self) -> int:
        """Units of the modality (tokens, pixels, samples, nodes) without padding, for throughput."""

    @property
    def counterparts(self) -> tuple[Self, Self] | None:
        """Two batches of equally many examples (0 or more), of which the i-th belong together and neither holds the other:
        what asks, and what answers it. Examples without one of them are left out. None: examples have one side only."""
        return None

    def split(self, size: int) -> list[Self]:
        """Batches of `size` examples each, in order, and one of the rest."""
        raise ValueError(f"{type(self).__name__} cannot be divided into batches of {size} examples")

    def contents(self) -> list[bytes]:
        """Of each example a hash of what is in it, without its labels and its number: equal where examples are equal."""
        hashes = [hashlib.blake2b(digest_size=16) for _ in range(self.num_examples)]
        known = {f.name for f in fields(Batch)}
        for name, value in ((f.name, getattr(self, f.name)) for f in fields(self) if f.name not in known):
            lengths = getattr(self, "lengths", ())
            if isinstance(value, Ragged):
                parts = value.split()
            elif isinstance(value, Tensor) and len(value) == self.num_examples:
                parts = value.split(1)
            elif isinstance(value, Tensor) and len(value) == sum(lengths):
                parts = value.split(lengths)
            else:
                continue
            for found, part in zip(hashes, parts, strict=True):
                found.update(f"{name}{tuple(part.shape)}".encode() + part.cpu().contiguous().numpy().tobytes())
        return [found.digest() for found in hashes]

    @property
    def symbols(self) -> Tensor | None:
        """(U,) int64 what stands at each unit, where units are symbols of an alphabet, such as the ids of a tokenizer."""
        return None

    @property
    def delimiters(self) -> Tensor | None:
        """(U,) bool, true at units that hold nothing of their own and part or end what does; None: it is not known."""
        return None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        moved = {
            f.name: value.to(device, non_blocking=non_blocking)
            for f in fields(self)
            if hasattr(value := getattr(self, f.name), "to")
        }
        return replace(self, **moved)

    def pin_memory(self) -> Self:
        found = {f.name: v for f in fields(self) if isinstance(v := getattr(self, f.name), (Tensor, Ragged))}
        return replace(self, **{name: value.pin_memory() for name, value in found.items()})


@dataclass
class UnitBatch(Batch):
    """Units that are vectors already: `units` (U, D) with their `boundaries`, for decoders on top of an encoder."""

    units: Tensor
    boundaries: Layout

    @property
    def num_examples(self) -> int:
        return self.boundaries.num_examples

    @property
    def num_units(self) -> int:
        return len(self.units)

    @property
    def layout(self) -> Layout:
        return self.boundaries
