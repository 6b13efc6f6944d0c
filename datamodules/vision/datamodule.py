"""Images for pretraining, in one or several views, and labelled images for probes and fine-tuning."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.draws import run_seed
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.order import balanced
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.unreadable import UnreadableSamples, limit_of
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.resampling import SquareRoot
from lit_pretrain.datamodules.vision.samples import Collate, Collated, Decoded, Finish, Preparation, Samples
from lit_pretrain.datamodules.vision.source.base import Images, Source
from lit_pretrain.datamodules.vision.views import View
from lit_pretrain.types import ImageBatch, Pixels

CPU = torch.device("cpu")
CLEAN = View()


class VisionDataModule(DataModule):
    """Images as batches of views.

    Workers read and decode. Augmentations of whole batches and the normalisation run there too when the training device
    is the CPU, and on the device itself otherwise. All random draws of a sample depend on the seed, the epoch and its
    number alone. An unreadable image is replaced by the next readable one, or left out of a labelled view.

    Args:
        source: where images come from.
        views: what a batch holds of each image, the smaller views last; None: the clean image.
        image_size: the side of the clean image; None, as with the next three: taken over from the pretraining data.
        channels: 1 (grey) or 3 (RGB, the default).
        mean, std: of each channel, of values between 0 and 1; by default 0.5.
        batch_size: images of a batch.
        num_workers: processes that read.
        labelled_view: how the images of a shuffled labelled loader are augmented, for fine-tuning; None: clean.
        max_unreadable: the most unreadable images of a split: a number, or a share of them (then at least 10).
        max_pixels: an image with more pixels counts as unreadable.
        resampling: draw images with rare tags more often in training; None: each once an epoch.
        drop_last: leave the rest of an epoch out that does not fill a batch, in the shuffled loader without labels.
    """

    def __init__(
        self,
        source: Source,
        views: list[View] | None = None,
        *,
        image_size: int | None = None,
        channels: int | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        batch_size: int = 256,
        num_workers: int = 0,
        labelled_view: View | None = None,
        max_unreadable: int | float = 0.01,
        max_pixels: int = Decoder.max_pixels,
        resampling: SquareRoot | None = None,
        drop_last: bool = True,
    ):
        super().__init__()
        if channels not in (None, 1, 3):
            raise ValueError(f"channels={channels} must be 1 (grey) or 3 (RGB)")
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} must be at least 1")
        self.source, self.views = source, list(views or [CLEAN])
        self.image_size, self.channels, self.mean, self.std = image_size, channels, mean, std
        self.batch_size, self.num_workers, self.labelled_view = batch_size, num_workers, labelled_view
        self.max_unreadable, self.max_pixels, self.drop_last = max_unreadable, max_pixels, drop_last
        self.resampling = resampling
        self._images: dict[str, Images] = {}
        self._unreadable: dict[str, UnreadableSamples] = {}

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names

    @property
    def tag_names(self) -> tuple[str, ...]:
        return self.source.tag_names

    @property
    def pixels(self) -> Pixels:
        self._settle()
        return Pixels(tuple(self.mean), tuple(self.std))

    def adopt(self, pretraining: DataModule) -> None:
        if not isinstance(pretraining, VisionDataModule):
            return
        pretraining._settle()
        for name in ("image_size", "channels", "mean", "std"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(pretraining, name))

    def artifacts(self) -> dict[str, str]:
        """How to prepare an image for the encoder, in the words of `transformers`."""
        self._settle()
        content = {
            "image_processor_type": "CLIPImageProcessor",  # shorter side, middle, normalisation: any model's processor
            "do_resize": True,
            "resample": 2,  # linear
            "size": {"shortest_edge": self.image_size},
            "do_center_crop": True,
            "crop_size": {"height": self.image_size, "width": self.image_size},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "do_convert_rgb": self.channels == 3,
        }
        return {"preprocessor_config.json": json.dumps(content, indent=2) + "\n"}

    def prepare_data(self) -> None:
        for split in SPLITS:
            self.images(split)

    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() | {"the number of images": len(self.images("train"))}

    def images(self, split: str) -> Images:
        """The images of a split, opened once."""
        if split not in SPLITS:
            raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
        if split not in self._images:
            self._images[split] = self.source.images(split, self.decoder())
        return self._images[split]

    def decoder(self) -> Decoder:
        """Reads images in the wanted channels, those that are much too large at a fraction of their size."""
        self._settle()
        # Twice the size leaves the resizing something to average over; a random crop takes a part and needs more.
        views = [*self.views, *([self.labelled_view] if self.labelled_view else [])]
        spare = 2 if all(view.transforms is None for view in views) else 4
        return Decoder(self.channels, spare * self.image_size, self.max_pixels)

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        images = self.images(split)
        chosen = self._chosen(split, images, labelled, limit, seed)
        views = ([self.labelled_view or CLEAN] if shuffle else [CLEAN]) if labelled else self.views
        rank, world = (0, 1) if labelled else self._ranks()
        allowed = limit_of(self.max_unreadable, len(images))
        collate, attach = self._finishing(
            views, self._unreadable.setdefault(split, UnreadableSamples("images", split, allowed))
        )
        drop_last = self.drop_last and shuffle and not labelled
        resampling = self.resampling if shuffle and not labelled else None
        if resampling is not None and images.tags is None:
            raise ValueError(f"resampling draws by tags, and the images of {type(self.source).__name__} have none")

        def of_epoch(epoch: int) -> list[list[int]]:
            order = chosen
            if shuffle:
                rng = np.random.default_rng([run_seed(), epoch])
                order = epoch * len(images) + chosen
                if resampling is not None:  # each copy counts as an epoch of its own, so that it draws views of its own
                    counts = resampling.counts(images.tags, rng)[chosen]
                    copy = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
                    order = (epoch * resampling.most(images.tags) + copy) * len(images) + np.repeat(chosen, counts)
                order = rng.permutation(order)
            if drop_last:
                whole = len(order) // (self.batch_size * world) * world  # batches of all ranks
                if not whole:
                    raise ValueError(f"{len(order)} images of {split!r} do not fill a batch of batch_size={self.batch_size}"
                                     f" on each of {world} ranks: lower it, or set drop_last to false")  # fmt: skip
                order = order[: whole * self.batch_size]
            return [order[k : k + self.batch_size].tolist() for k in range(0, len(order), self.batch_size)]

        return ResumableLoader(
            Samples(images, Preparation(views, self.image_size, self.channels), replace_unreadable=not labelled,
                    limit=allowed),
            of_epoch,
            collate,
            attach=attach,
            num_workers=self.num_workers,
            pin_memory=self._device.type == "cuda",
            rank=rank,
            ranks=world,
        )  # fmt: skip

    @property
    def _device(self) -> torch.device:
        """Where the trainer computes."""
        return getattr(getattr(self.trainer, "strategy", None), "root_device", CPU)

    def _ranks(self) -> tuple[int, int]:
        """This rank and the number of all."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _finishing(
        self, views: list[View], met: UnreadableSamples
    ) -> tuple[Collate, Callable[[Collated], ImageBatch | None]]:
        """The second half of the work, in the workers or on the trainer's device; unreadable images end up in `met`."""
        finish, device = Finish(views, self.pixels), self._device
        folder = None if self.trainer is None else Path(self.trainer.default_root_dir)

        def attach(collated: Collated) -> ImageBatch | None:
            content, unreadable = collated
            met.meet(unreadable, folder)
            return finish(content.to(device)) if isinstance(content, Decoded) else content

        return Collate(finish if device.type == "cpu" else None), attach

    def _chosen(self, split: str, images: Images, labelled: bool, limit: int | None, seed: int) -> np.ndarray:
        """The numbers of the images of a loader, in source order."""
        numbers = np.arange(len(images))
        if labelled:
            numbers = numbers[:0] if images.labels is None else np.flatnonzero(images.labels >= 0)
            if not len(numbers):
                raise ValueError(f"{type(self.source).__name__} has no labelled images in {split!r}")
        if limit is None:
            return numbers
        labels = np.zeros(len(numbers), np.int64) if images.labels is None else images.labels[numbers]
        return numbers[balanced(labels, limit, seed)]

    def _settle(self) -> None:
        """Fill in what is neither given nor taken over."""
        if self.image_size is None:
            raise ValueError("VisionDataModule has no image_size: give one, or let it adopt() the pretraining data's")
        self.channels = self.channels or 3
        for name in ("mean", "std"):
            value = getattr(self, name) or [0.5] * self.channels
            if len(value) != self.channels:
                raise ValueError(f"{name}={list(value)} must have a number for each of {self.channels} channels")
            setattr(self, name, value)
