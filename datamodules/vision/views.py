"""How one image becomes one or several views of it.

Legend: B images, C channels, H rows, W columns.
"""

import difflib
import inspect
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lit_pretrain.datamodules.draws import Draws
from lit_pretrain.datamodules.vision.augment.base import Augmentation
from lit_pretrain.datamodules.vision.augment.resample import resize
from lit_pretrain.part import Recorded


class View(Recorded):
    """A way to look at an image: on the workers one by one, then on the device all at once.

    Args:
        transforms: transforms of torchvision.transforms.v2 by name with their arguments, in order, such as
            `[{RandomResizedCrop: {size: 96}}, {RandomHorizontalFlip: {}}]`. They run on each image at its full size, on
            the workers. Empty: the image's shorter side is resized to the data's image_size and its middle is taken.
        augment: changes of the whole batch after that.
        size: the side of the result, which is brought to it where it differs; None: as it comes out.
        copies: so many views are made this way, each with its own draws.

    Raises:
        ValueError: a transform or one of its arguments does not exist.
    """

    def __init__(
        self,
        transforms: list[dict[str, dict]] | None = None,
        augment: list[Augmentation] | None = None,
        *,
        size: int | None = None,
        copies: int = 1,
    ):
        if copies < 1:
            raise ValueError(f"copies={copies} must be at least 1")
        self.transforms = nn.Sequential(*(transform(t) for t in transforms)) if transforms else None
        self.augment, self.size, self.copies = list(augment or ()), size, copies

    def transformed(self, image: Tensor, seed: int) -> Tensor:
        """(C, H, W) uint8 through the transforms, with draws that depend on `seed` alone."""
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()
        try:
            torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which would seed accelerators too
            random.seed(seed)
            np.random.seed(seed % 2**32)
            return _as_bytes(self.transforms(image))
        finally:
            torch.set_rng_state(states[0])
            random.setstate(states[1])
            np.random.set_state(states[2])

    def augmented(self, images: Tensor, seeds: Tensor) -> Tensor:
        """(B, C, H, W) float in [0, 1] through the augmentations; seeds (B,) int64."""
        draws = Draws(seeds)
        for change in self.augment:
            images = change(images, draws)
        return images if self.size is None else resize(images, self.size)


def transform(named: dict[str, Any]) -> nn.Module:
    """A transform of torchvision.transforms.v2 from {name: arguments}; arguments may hold such transforms.

    Raises:
        ValueError: there is no such transform or argument, or the datamodule's own work is asked for.
    """
    from torchvision.transforms import InterpolationMode, v2

    if len(named) != 1:
        raise ValueError(f"a transform is one name with its arguments, such as {{RandomHorizontalFlip: {{}}}}, not {named}")
    ((name, arguments),) = named.items()
    if name == "Normalize":
        raise ValueError("transforms: Normalize is done by the datamodule, last of all: set its mean and std")
    known = {k: v for k, v in vars(v2).items() if inspect.isclass(v) and issubclass(v, nn.Module)}
    if name not in known:
        raise ValueError(f"transforms: torchvision.transforms.v2 has no {name!r}{_nearest(name, known)}")
    taken = inspect.signature(known[name]).parameters
    made = dict(arguments or {})
    for key, value in made.items():
        if key not in taken:
            raise ValueError(f"transforms: {name} has no argument {key!r}{_nearest(key, taken)} ({name} takes"
                             f" {', '.join(taken)})")  # fmt: skip
        if key == "interpolation" and isinstance(value, str):
            made[key] = InterpolationMode(value)
        elif key == "transforms" or (key == "transform" and isinstance(value, dict)):
            made[key] = [transform(t) for t in value] if isinstance(value, list) else transform(value)
    try:
        return known[name](**made)
    except (TypeError, ValueError) as error:
        raise ValueError(f"transforms: {name} does not accept {arguments}: {error}") from error


def _as_bytes(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round().to(torch.uint8) if image.is_floating_point() else image


def _nearest(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), 3, 0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""
