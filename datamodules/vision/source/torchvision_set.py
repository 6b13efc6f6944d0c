"""The data sets that torchvision can read."""

import difflib
import inspect
from functools import cached_property

import numpy as np
import torchvision
from torchvision.datasets import VisionDataset

from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.retry import patiently
from lit_pretrain.datamodules.split import digest, held_out
from lit_pretrain.datamodules.unreadable import Unreadable, reason
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Arrays, Images, Source, no_images


class TorchvisionSet(Source):
    """A data set of torchvision.datasets by its name: MNIST, FashionMNIST, CIFAR10, CIFAR100, STL10, SVHN, Food101, ...

    Args:
        name: its class.
        root: the folder that holds it, as torchvision lays it out.
        download: fetch what is missing.
        train, validation, test: what the data set calls its splits, where it has an argument `split` (STL10:
            `train: unlabeled`). Without `validation`, a part of the training images serves.
        validation_fraction: that part.
    """

    def __init__(
        self,
        name: str,
        root: str = "data",
        *,
        download: bool = False,
        train: str = "train",
        validation: str | None = None,
        test: str | None = "test",
        validation_fraction: float = 0.1,
    ):
        known = {k for k, v in vars(torchvision.datasets).items() if inspect.isclass(v) and issubclass(v, VisionDataset)}
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.4)
            raise ValueError(f"torchvision.datasets has no {name!r}; did you mean {' or '.join(near) or sorted(known)}?")
        self.name, self.root, self.download, self.validation_fraction = name, root, download, validation_fraction
        self.splits = {"train": train, "validation": validation, "test": test}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        found = self._open("train")
        if not (names := getattr(found, "classes", None)):
            labels = _labels(found)
            names = () if labels is None else range(labels.max() + 1)
        return tuple(map(str, names))

    def images(self, split: str, decoder: Decoder = Decoder()) -> Images:
        cut = split != "test" and self.splits["validation"] is None  # both are parts of the training images
        if self.splits[split] is None and not cut:
            return no_images()
        found = self._open("train" if cut else split)
        own = held_out(len(found), self.validation_fraction, split) if cut else np.arange(len(found))
        labels = _labels(found)
        labels = None if labels is None else labels[own]
        array = _array(found)
        return Opened(found, own, labels, decoder) if array is None else Arrays(array[own], labels)

    def fingerprint(self, split: str) -> str:
        return digest(self.name, split, self.splits, self.validation_fraction)

    def _open(self, split: str) -> VisionDataset:
        kind = getattr(torchvision.datasets, self.name)
        taken = inspect.signature(kind.__init__).parameters
        if "split" in taken:
            which = {"split": self.splits[split]}
        elif "train" in taken:
            if self.splits["validation"] is not None:
                raise ValueError(f"{self.name} has no split {self.splits['validation']!r}: leave `validation` out, so that"
                                 " a part of the training images serves")  # fmt: skip
            which = {"train": split == "train"}
        else:
            raise ValueError(
                f"{self.name} is not divided into splits: unpack it and name its folders with the source Folder"
            )
        if "download" in taken:
            which["download"] = self.download
        try:
            return kind(self.root, **which)
        except Exception as error:  # each data set has its own way of missing files
            advice = "" if self.download else ", or set download: true" if "download" in taken else ""
            raise ValueError(f"{self.name} cannot be read from root={self.root!r} ({reason(error)}): name the folder that"
                             f" holds it{advice}") from error  # fmt: skip


class Opened(Images):
    """Images of a torchvision data set that reads them one by one.

    Args:
        found: the data set.
        own: the numbers of its images that belong to the split.
        labels: theirs.
        decoder: for what the data set has opened.
    """

    def __init__(self, found: VisionDataset, own: np.ndarray, labels: np.ndarray | None, decoder: Decoder):
        self.found, self.own, self.labels, self.decoder = found, own, labels, decoder

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, i: int) -> np.ndarray:
        try:
            return self.decoder.array(patiently(lambda: self.found[int(self.own[i])][0], self.name(i)), self.name(i))
        except (Unreadable, DataLost):
            raise
        except Exception as error:  # the data set opens the file, and Pillow's readers raise nearly everything
            raise Unreadable(self.name(i), reason(error)) from error

    def name(self, i: int) -> str:
        return f"{type(self.found).__name__} {self.own[i]}"


def _array(found: VisionDataset) -> np.ndarray | None:
    """(N, H, W, C) of a data set that holds all of its images in memory."""
    if not hasattr(found, "data") or getattr(found.data, "ndim", 0) not in (3, 4):
        return None
    array = np.asarray(found.data)
    if array.ndim == 3:
        return array[..., None]
    return array if array.shape[3] in (1, 3) else array.transpose(0, 2, 3, 1)


def _labels(found: VisionDataset) -> np.ndarray | None:
    """The first of the names that torchvision's data sets give to one label for each image."""
    for name in ("targets", "labels", "_labels", "y"):
        if (labels := getattr(found, name, None)) is not None:
            labels = np.asarray(labels)
            if labels.shape == (len(found),) and labels.dtype.kind in "iu" and (labels >= 0).any():
                return labels.astype(np.int64)
    return None
