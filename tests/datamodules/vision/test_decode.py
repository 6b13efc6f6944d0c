"""The eight odd images: each is converted, or unreadable with a reason."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.datamodules.vision.decode import Decoder

ODD = ("grey", "cmyk", "single", "rgba", "deep", "palette")  # these can be read


@pytest.fixture
def folder(tmp_path) -> Path:
    """Odd images, and in `truth.png` the picture that they all show."""
    rows, columns = np.mgrid[:40, :60]
    truth = np.stack([rows * 6, columns * 4, 250 - rows * 3], 2).astype(np.uint8)
    image = Image.fromarray(truth)
    image.save(tmp_path / "truth.png")
    image.convert("L").save(tmp_path / "grey.png")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    image.crop((5, 5, 6, 6)).save(tmp_path / "single.png")
    image.convert("RGBA").save(tmp_path / "rgba.png")
    Image.fromarray((np.asarray(image.convert("L")).astype(np.uint16) << 8) + 77).save(tmp_path / "deep.png")
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.gif")
    (tmp_path / "corrupt.jpg").write_bytes(b"\xff\xd8\xff this is no photograph" * 9)
    image.save(tmp_path / "whole.jpg")
    (tmp_path / "truncated.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:700])
    (tmp_path / "empty.png").touch()
    Image.new("1", (3000, 3000)).save(tmp_path / "huge.png")
    return tmp_path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ODD)
def test_odd_images_show_the_picture(folder, name, channels):
    file = next(folder.glob(f"{name}.*"))
    found = Decoder(channels)(file, name)
    truth = Decoder(channels)(folder / "truth.png", "truth")
    if name == "single":
        truth = truth[5:6, 5:6]
    elif channels == 3 and name in ("grey", "deep"):
        truth = np.repeat(Decoder(1)(folder / "truth.png", "truth"), 3, 2)
    assert found.dtype == np.uint8 and found.shape == truth.shape
    assert np.abs(found.astype(int) - truth).mean() < 4
    assert np.array_equal(found, Decoder(channels)(file.read_bytes(), name))


def test_channels_as_the_file_has_them(folder):
    assert Decoder()(folder / "deep.png", "").shape == (40, 60, 1)
    assert Decoder()(folder / "palette.gif", "").shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("corrupt.jpg", "cannot identify"),
        ("truncated.jpg", "truncated"),
        ("empty.png", "cannot identify"),
        ("huge.png", "3000 x 3000 pixels, more than max_pixels=1000000"),
        ("missing.png", "FileNotFoundError"),
    ],
)
def test_unreadable_images_say_why(folder, file, reason):
    with pytest.raises(Unreadable, match=reason) as found:
        Decoder(3, max_pixels=10**6)(folder / file, file)
    assert found.value.name == file and "\n" not in found.value.reason


def test_floating_point_pixels_are_unreadable(tmp_path):
    Image.new("F", (4, 4)).save(tmp_path / "float.tiff")
    with pytest.raises(Unreadable, match="range is not known"):
        Decoder()(tmp_path / "float.tiff", "float")


def test_turned_as_the_camera_was(folder):
    image = Image.open(folder / "truth.png")
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    image.save(folder / "turned.png", exif=exif)
    assert np.array_equal(Decoder()(folder / "turned.png", ""), np.rot90(np.asarray(image), -1))


def test_large_photographs_are_read_at_a_fraction(tmp_path):
    Image.linear_gradient("L").resize((1600, 1200)).convert("RGB").save(tmp_path / "large.jpg")
    assert Decoder(3)(tmp_path / "large.jpg", "").shape == (1200, 1600, 3)
    small = Decoder(3, side=128)(tmp_path / "large.jpg", "")
    assert small.shape == (150, 200, 3) and abs(int(small[75].mean()) - 127) < 3
