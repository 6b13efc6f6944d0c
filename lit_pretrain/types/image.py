"""Images in one or several views. Legend: B images, K views, C channels, H rows, W columns, T tags."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from lit_pretrain.types.batch import Batch


@dataclass(frozen=True)
class Pixels:
    """How pixels became numbers: (value - mean) / std, by channel, of values between 0 and 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def restore(self, images: Tensor) -> Tensor:
        """(..., C, H, W) as an encoder gets them -> between 0 and 1, as they are shown."""
        mean, std = (images.new_tensor(x)[:, None, None] for x in (self.mean, self.std))
        return (images * std + mean).clamp(0, 1)


def stretched(values: Tensor) -> Tensor:
    """From 0 at the smallest to 1 at the largest."""
    return (values - values.min()) / (values.max() - values.min()).clamp(min=1e-12)


@dataclass
class ImageBatch(Batch):
    """Images of one size, in one or several views.

    Args:
        images: (B, C, H, W) float, normalised; the first view.
        views: further views of the same examples, each (B, C, h, w); smaller ones (local crops) come last.
        tags: (B, T) bool, the tags that each image carries; None: untagged.
        pixels: how they were normalised; the loader attaches it.
    """

    upright: ClassVar[bool] = True

    images: Tensor
    views: tuple[Tensor, ...] = ()
    tags: Tensor | None = None
    pixels: Pixels | None = None

    @property
    def all_views(self) -> tuple[Tensor, ...]:
        return (self.images, *self.views)

    def view(self, i: int) -> "ImageBatch":
        """The batch with one view only. Raises ValueError if there are not so many."""
        if i >= len(self.all_views):
            raise ValueError(f"this objective needs {i + 1} views of each image and the data give {len(self.all_views)}: add"
                             " views to the datamodule, such as `copies: 2` of one")  # fmt: skip
        return replace(self, images=self.all_views[i], views=())

    def preview(self) -> Tensor:
        """(B, K, C, H, W): the K views as they are shown, between 0 and 1; NaN around those that are smaller."""
        shown = []
        for view in self.all_views:
            view = stretched(view.float()) if self.pixels is None else self.pixels.restore(view.float())
            down, right = (whole - side for whole, side in zip(self.images.shape[2:], view.shape[2:], strict=True))
            around = (right // 2, right - right // 2, down // 2, down - down // 2)
            shown.append(torch.nn.functional.pad(view, around, value=torch.nan))
        return torch.stack(shown, 1)

    @property
    def num_examples(self) -> int:
        return len(self.images)

    @property
    def num_units(self) -> int:
        return sum(view.shape[0] * view.shape[2] * view.shape[3] for view in self.all_views)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        return replace(super().to(device, non_blocking), views=tuple(v.to(device, non_blocking=non_blocking)
                                                                     for v in self.views))  # fmt: skip

    def pin_memory(self) -> Self:
        return replace(super().pin_memory(), views=tuple(v.pin_memory() for v in self.views))
