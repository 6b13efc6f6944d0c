"""From sample numbers to batches: read and decoded in workers, augmented and normalised where training computes.

Legend: B images, C channels, H rows, W columns, N images of the split.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as F

from lit_pretrain.datamodules.draws import fold, run_seed
from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.datamodules.vision.colour import grey
from lit_pretrain.datamodules.vision.source.base import Arrays, Images
from lit_pretrain.datamodules.vision.views import View
from lit_pretrain.datamodules.watched import reading
from lit_pretrain.types import ImageBatch, Pixels


@dataclass
class Decoded:
    """What a worker has read: bytes, which travel fast.

    Args:
        index, seeds: (B,) int64.
        base: (B, C, H, W) uint8 in the data's image_size; None: every view has transforms of its own.
        own: of each copy of a view with transforms, (B, C, h, w) uint8.
        labels: (B,) int64 or None.
        tags: (B, T) bool or None.
        unreadable: (name, reason) of what could not be decoded.
    """

    index: Tensor
    seeds: Tensor
    base: Tensor | None
    own: list[Tensor]
    labels: Tensor | None = None
    tags: Tensor | None = None
    unreadable: tuple[tuple[str, str], ...] = ()

    def to(self, device: torch.device) -> "Decoded":
        return self._map(lambda x: x.to(device, non_blocking=True))

    def pin_memory(self) -> "Decoded":
        return self._map(Tensor.pin_memory)

    def _map(self, move: Callable[[Tensor], Tensor]) -> "Decoded":
        moved = {f.name: move(x) for f in fields(self) if isinstance(x := getattr(self, f.name), Tensor)}
        return replace(self, **moved, own=[move(x) for x in self.own])


class Preparation:
    """The first half: from decoded images to bytes of the right sizes, in the workers.

    Args:
        views: what will be made of the images.
        image_size: the side of the base image, which views without transforms share.
        channels: 1 or 3.
    """

    def __init__(self, views: Sequence[View], image_size: int, channels: int):
        self.views, self.image_size, self.channels = views, image_size, channels
        self.alone = any(view.transforms is not None for view in views)  # images must be taken one by one
        self.shared = any(view.transforms is None for view in views)

    def all(self, arrays: np.ndarray) -> Tensor:
        """(B, H, W, C) uint8 -> the base images (B, C, H, W)."""
        return self._fitted(self._colours(torch.from_numpy(arrays).permute(0, 3, 1, 2)), self.image_size).contiguous()

    def one(self, array: np.ndarray, seed: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """(H, W, C) uint8 -> the base image, if any view needs it, and the transformed ones; each (C, h, w)."""
        image = self._colours(torch.from_numpy(array).permute(2, 0, 1))
        own = [self._fitted(view.transformed(image, int(fold(seed, v, copy))), view.size)
               for v, view in enumerate(self.views) if view.transforms is not None
               for copy in range(view.copies)]  # fmt: skip
        return ([self._fitted(image, self.image_size)] if self.shared else []), own

    def _colours(self, image: Tensor) -> Tensor:
        """(..., C, H, W) uint8 in the wanted number of channels."""
        if image.shape[-3] == self.channels:
            return image
        if self.channels == 3:
            return image.expand(*image.shape[:-3], 3, *image.shape[-2:])
        return grey(image.float()).round().to(torch.uint8)

    def _fitted(self, images: Tensor, size: int | None) -> Tensor:
        """(..., C, H, W) uint8 -> (..., C, size, size): the shorter side resized, the middle taken; None: as it is."""
        height, width = images.shape[-2:]
        if size is None or (height, width) == (size, size):
            return images
        scale = size / min(height, width)
        wanted = [max(size, round(height * scale)), max(size, round(width * scale))]
        return F.center_crop(F.resize(images, wanted, antialias=True), [size, size])


class Samples(Dataset):
    """The images of a split by ordinals: epoch * N + i is image i as epoch `epoch` draws it.

    Args:
        images: the N images.
        prepare: what to do with them.
        replace_unreadable: take the next readable image instead; otherwise leave it out.
        limit: stop looking for readable images after so many unreadable ones.
    """

    def __init__(self, images: Images, prepare: Preparation, *, replace_unreadable: bool, limit: int):
        self.images, self.prepare, self.replace_unreadable, self.limit = images, prepare, replace_unreadable, limit

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, ordinals: list[int]) -> Decoded:
        """All samples of a batch; DataLoader asks for them together."""
        numbers = torch.tensor(ordinals)
        epochs, index = numbers // len(self), numbers % len(self)
        seeds = fold(torch.tensor(run_seed()), epochs, index)
        if isinstance(self.images, Arrays) and not self.prepare.alone:
            return self._labelled(Decoded(index, seeds, self.prepare.all(self.images.array[index.numpy()]), []))
        places, found, prepared, unreadable = [], [], [], {}
        for place, i in enumerate(index.tolist()):
            while len(unreadable) <= self.limit:
                reading(self.images.name(i))
                try:
                    prepared.append(self.prepare.one(self.images[i], seeds[place]))
                except Unreadable as problem:
                    unreadable[problem.name] = problem.reason
                    if not self.replace_unreadable:
                        break
                    i = (i + 1) % len(self)
                else:
                    places.append(place)
                    found.append(i)
                    break
        decoded = Decoded(torch.tensor(found, dtype=torch.int64), seeds[places], *stacked(prepared))
        decoded.unreadable = tuple(unreadable.items())
        return self._labelled(decoded)

    def _labelled(self, decoded: Decoded) -> Decoded:
        index, labels, tags = decoded.index.numpy(), self.images.labels, self.images.tags
        if labels is not None and (labels[index] >= 0).all():
            decoded.labels = torch.from_numpy(labels[index])
        if tags is not None:
            decoded.tags = torch.from_numpy(tags[index])
        return decoded


def stacked(prepared: list[tuple[list[Tensor], list[Tensor]]]) -> tuple[Tensor | None, list[Tensor]]:
    """`base` and `own` of a batch from what `Preparation.one` gave for each image.

    Raises:
        ValueError: a view's transforms leave the images at different sizes.
    """
    bases, own = [base for base, _ in prepared], [views for _, views in prepared]
    base = [torch.stack(images) for images in zip(*bases, strict=True)]
    for images in zip(*own, strict=True):
        if len(sizes := {tuple(image.shape[1:]) for image in images}) > 1:
            raise ValueError(f"a view's transforms give images of different sizes, such as {sorted(sizes)[:2]}: add"
                             " RandomResizedCrop or CenterCrop to them, or set the view's size")  # fmt: skip
    return (base[0] if base else None), [torch.stack(images) for images in zip(*own, strict=True)]


class Finish:
    """The second half: from bytes to normalised views, on the device where the bytes are.

    Args:
        views: see `Samples`.
        pixels: the normalisation.
    """

    def __init__(self, views: Sequence[View], pixels: Pixels):
        self.views, self.pixels = views, pixels

    def __call__(self, decoded: Decoded) -> ImageBatch:
        own, finished = iter(decoded.own), []
        base = None if decoded.base is None else decoded.base.float() / 255
        for v, view in enumerate(self.views):
            for copy in range(view.copies):
                images = base if view.transforms is None else next(own).float() / 255
                finished.append(self.normalised(view.augmented(images, fold(decoded.seeds, v, copy))))
        return ImageBatch(finished[0], tuple(finished[1:]), decoded.tags, self.pixels, labels=decoded.labels,
                          index=decoded.index)  # fmt: skip

    def normalised(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(x)[:, None, None] for x in (self.pixels.mean, self.pixels.std))
        return (images - mean) / std


class Collate:
    """What a worker hands over: a finished batch or the bytes of one, None where nothing was readable; and the problems.

    Args:
        finish: makes the batch; None: that is left to the device.
    """

    def __init__(self, finish: Finish | None):
        self.finish = finish

    def __call__(self, decoded: Decoded) -> "Collated":
        unreadable, decoded.unreadable = decoded.unreadable, ()
        if not len(decoded.index):
            return None, unreadable
        return (decoded if self.finish is None else self.finish(decoded)), unreadable


Collated = tuple[ImageBatch | Decoded | None, tuple[tuple[str, str], ...]]
