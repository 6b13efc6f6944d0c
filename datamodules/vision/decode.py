"""From the file of an image to an array of bytes, or a reason why not."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.retry import patiently
from lit_pretrain.datamodules.unreadable import Unreadable, reason

SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
GREY = ("1", "L", "LA", "La", *SIXTEEN_BITS)


@dataclass(frozen=True)
class Decoder:
    """Decodes with Pillow, upright as its EXIF orientation says.

    Palettes, CMYK and other colour spaces become RGB; an alpha channel is dropped; of 16 bits the upper 8 are kept.

    Args:
        channels: 1 (grey) or 3 (RGB); None: as the file has it.
        side: a JPEG that is much larger may be decoded at a fraction of its size, its shorter side no less than this;
            None: never.
        max_pixels: larger images are unreadable.
    """

    channels: int | None = None
    side: int | None = None
    max_pixels: int = 178_956_970  # Pillow's own limit

    def __call__(self, file: Path | bytes, name: str) -> np.ndarray:
        """(H, W, C) uint8.

        Raises:
            Unreadable: the file is missing, no image, damaged, too large, or has pixels without a known range.
            DataLost: the disk or the folder is gone, and does not come back.
        """
        try:
            return patiently(lambda: self._read(file, name), name)
        except (Unreadable, DataLost):
            raise
        except Exception as error:  # Pillow's readers raise nearly everything on damaged files
            raise Unreadable(name, reason(error)) from error

    def _read(self, file: Path | bytes, name: str) -> np.ndarray:
        with warnings.catch_warnings(), Image.open(BytesIO(file) if isinstance(file, bytes) else file) as image:
            warnings.simplefilter("ignore")  # of damaged metadata, which do not matter
            return self.array(image, name)

    def array(self, image: Image.Image, name: str) -> np.ndarray:
        """(H, W, C) uint8 of an image that is open."""
        if image.width * image.height > self.max_pixels:
            raise Unreadable(name, f"{image.width} x {image.height} pixels, more than max_pixels={self.max_pixels}")
        if image.mode == "F":
            raise Unreadable(name, "pixels are floating-point numbers, whose range is not known")
        channels = self.channels or (1 if image.mode in GREY else 3)
        if self.side is not None and image.format == "JPEG":
            image.draft("L" if channels == 1 else "RGB", (self.side, self.side))
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode in SIXTEEN_BITS:
            image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
        array = np.array(image.convert("L" if channels == 1 else "RGB"))
        return array.reshape(*array.shape[:2], channels)
