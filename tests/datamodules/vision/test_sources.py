"""Every source but the shards: splits, labels, tags, and mistakes that are named."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import STL10, EuroSAT

from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Arrays
from lit_pretrain.datamodules.vision.source.digits import NAMES, PROPERTIES, Digits
from lit_pretrain.datamodules.vision.source.folder import Folder
from lit_pretrain.datamodules.vision.source.hub import Hub
from lit_pretrain.datamodules.vision.source.torchvision_set import Opened, TorchvisionSet


def picture(value: int, size: tuple[int, int] = (6, 4)) -> Image.Image:
    return Image.new("RGB", size, (value, 10, 20))


def values(images) -> list[int]:
    return [int(images[i][0, 0, 0]) for i in range(len(images))]


# ---- digits -----------------------------------------------------------------------------------------------------------


def test_digits_are_split_without_overlap():
    parts = {split: Digits().images(split) for split in ("train", "validation", "test")}
    assert {split: len(images) for split, images in parts.items()} == {"train": 1200, "validation": 297, "test": 300}
    everything = np.concatenate([images.array.reshape(-1, 64) for images in parts.values()])
    assert len(np.unique(everything, axis=0)) == 1797
    assert parts["train"].array.max() == 255 and parts["train"][0].shape == (8, 8, 1)
    assert np.array_equal(parts["train"].array, Digits().images("train").array)
    assert set(parts["test"].labels) == set(range(10))


def test_hashtags_belong_to_the_digit():
    images, clean = Digits(0.2).images("train"), Digits(0.0).images("train")
    assert images.tags.shape == (1200, 16) and Digits().tag_names[:10] == NAMES
    assert np.array_equal(clean.tags[:, :10], np.eye(10, dtype=bool)[clean.labels])
    for column, digits in enumerate(PROPERTIES.values(), 10):
        assert np.array_equal(clean.tags[:, column], np.isin(clean.labels, digits))
    kept = (images.tags & clean.tags).sum() / clean.tags.sum()
    new = (images.tags & ~clean.tags).sum() / clean.tags.sum()
    assert 0.78 < kept < 0.84 and 0.05 < new < 0.1  # a fifth is wrong, half of which is replaced, at times by a true one
    with pytest.raises(ValueError, match="tag_noise=2"):
        Digits(2)


# ---- torchvision ------------------------------------------------------------------------------------------------------


def test_fashion_mnist(data_dir):
    source = TorchvisionSet("FashionMNIST", str(data_dir / "vision"), validation_fraction=0.2)
    train, validation, test = (source.images(split) for split in ("train", "validation", "test"))
    assert isinstance(train, Arrays) and train[0].shape == (28, 28, 1)
    assert len(validation) == round(0.2 * (len(train) + len(validation))) and len(test) > 0
    assert source.class_names[0] == "T-shirt/top" and train.labels.max() == 9
    assert len(np.unique(np.concatenate([train.array[:500], validation.array[:500]]), axis=0)) > 990
    assert source.fingerprint("train") != source.fingerprint("test")


def test_sets_that_read_files(tmp_path):
    for name in ("A", "B"):
        (tmp_path / "eurosat/2750" / name).mkdir(parents=True)
        for i in range(3):
            picture(i * 10 + ord(name)).save(tmp_path / f"eurosat/2750/{name}/{i}.png")
    found = Opened(EuroSAT(str(tmp_path)), np.array([4, 0]), np.array([1, 0]), Decoder(3))
    assert values(found) == [10 + ord("B"), ord("A")] and found.name(0) == "EuroSAT 4"
    (tmp_path / "eurosat/2750/A/0.png").write_bytes(b"broken")
    with pytest.raises(Unreadable, match="cannot identify"):
        found[1]


def test_a_set_with_named_splits(tmp_path):
    """STL10: channels first, a split without labels, and names in a file of their own."""
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(256, size=(5, 3, 96, 96), dtype=np.uint8)
    for name in ("train", "test", "unlabeled"):
        pixels.tofile(folder / f"{name}_X.bin")
        np.array([1, 2, 3, 4, 10], np.uint8).tofile(folder / f"{name}_y.bin")
    (folder / "class_names.txt").write_text("\n".join(f"c{i}" for i in range(10)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STL10, "_check_integrity", lambda self: True)
        source = TorchvisionSet("STL10", str(tmp_path), train="unlabeled", validation="train")
        train, validation = source.images("train"), source.images("validation")
        assert np.array_equal(train.array[3], pixels[3].transpose(2, 1, 0))  # the file has columns first
        assert source.class_names[9] == "c9"
        assert train.labels is None and validation.labels.tolist() == [0, 1, 2, 3, 9]


def test_torchvision_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="no 'FashionMnist'; did you mean FashionMNIST"):
        TorchvisionSet("FashionMnist")
    with pytest.raises(ValueError, match=rf"root='{tmp_path}'.*download: true"):
        TorchvisionSet("CIFAR10", str(tmp_path)).images("train")
    with pytest.raises(ValueError, match="EuroSAT is not divided into splits"):
        TorchvisionSet("EuroSAT", str(tmp_path)).images("train")
    with pytest.raises(ValueError, match="CIFAR10 has no split 'val'"):
        TorchvisionSet("CIFAR10", str(tmp_path), validation="val").images("train")


# ---- folders ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path) -> Path:
    """root/train and root/val with classes, one of them nested, and what is no image."""
    for split, count in (("train", 4), ("val", 2)):
        for number, name in enumerate(("cat", "dog")):
            folder = tmp_path / split / name / ("deeper" if name == "dog" else "")
            folder.mkdir(parents=True)
            for i in range(count):
                picture(100 * number + i).save(folder / f"{i}.png")
        (tmp_path / split / "notes.txt").write_text("no image")
        (tmp_path / split / "cat/.hidden.png").write_text("no image")
    return tmp_path


def test_folders_are_classes(tree):
    source = Folder(str(tree))
    assert source.class_names == ("cat", "dog")
    train, validation = source.images("train"), source.images("validation")
    assert values(train) == [0, 1, 2, 3, 100, 101, 102, 103] and train.labels.tolist() == [0] * 4 + [1] * 4
    assert values(validation) == [0, 1, 100, 101] and len(source.images("test")) == 0
    assert train.name(4).endswith("train/dog/deeper/0.png") and train.tags is None
    assert values(Folder(train=str(tree / "val"), test=str(tree / "train")).images("test")) == values(train)


def test_a_part_of_the_training_folder_is_held_out(tree):
    source = Folder(train=str(tree / "train"), validation_fraction=0.25)
    train, validation = source.images("train"), source.images("validation")
    assert len(train) == 6 and len(validation) == 2
    assert sorted(values(train) + values(validation)) == [0, 1, 2, 3, 100, 101, 102, 103]
    assert [v >= 100 for v in values(train)] == [label == 1 for label in train.labels]


def test_unlabelled_folders(tree, tmp_path):
    source = Folder(str(tree), labelled=False)
    assert source.class_names == () and source.images("train").labels is None and len(source.images("train")) == 8
    flat = tmp_path / "flat"
    flat.mkdir()
    picture(1).save(flat / "a.jpg")
    source = Folder(str(flat))
    assert source.images("train").labels is None and len(source.images("train")) == 1
    before = source.fingerprint("train")
    picture(2).save(flat / "b.JPG")
    assert len(Folder(str(flat)).images("train")) == 2 and Folder(str(flat)).fingerprint("train") != before


def test_metadata_give_tags(tree):
    rows = [{"file_name": "cat/0.png", "tags": ["soft", "red"]}, {"file_name": "dog/deeper/1.png", "tags": ["red"]}]
    (tree / "train/metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (tree / "val/metadata.jsonl").write_text(json.dumps({"file_name": "cat/1.png", "tags": ["red", "new"]}))
    source = Folder(str(tree))
    assert source.tag_names == ("red", "soft")
    assert np.argwhere(source.images("train").tags).tolist() == [[0, 0], [0, 1], [5, 0]]
    assert np.argwhere(source.images("validation").tags).tolist() == [[1, 0]]
    (tree / "train/metadata.jsonl").write_text('{"file_name": "a.png"}\n{"tags": []}\n')
    with pytest.raises(ValueError, match="line 2"):
        Folder(str(tree)).images("train")


def test_folder_mistakes_are_named(tree):
    with pytest.raises(ValueError, match="root or train"):
        Folder()
    with pytest.raises(ValueError, match="is no folder"):
        Folder(str(tree / "nowhere")).images("train")
    (tree / "empty").mkdir()
    with pytest.raises(ValueError, match="hold no file that ends in"):
        Folder(str(tree / "empty")).images("train")
    (tree / "val/bird").mkdir()
    picture(0).save(tree / "val/bird/a.png")
    with pytest.raises(ValueError, match="label 'bird' does not occur in the training split"):
        Folder(str(tree)).images("validation")
    with pytest.raises(ValueError, match="validation_fraction=1"):
        Folder(train=str(tree / "train"), validation_fraction=1.5).images("train")


# ---- hub --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path) -> str:
    features = datasets.Features(
        {
            "img": datasets.Image(),
            "y": datasets.ClassLabel(names=["bad", "good"]),
            "words": datasets.Sequence(datasets.Value("string")),
        }
    )
    rows = {
        "img": [picture(i) for i in range(3)] + [None],
        "y": [0, 1, -1, None],
        "words": [["a"], ["b", "a"], None, []],
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": made, "test": made.select([1])}).save_to_disk(str(tmp_path / "set"))
    return str(tmp_path / "set")


def test_a_set_on_disk(saved):
    source = Hub(saved, image_field="img", label_field="y", tags_field="words")
    images = source.images("train")
    assert source.class_names == ("bad", "good") and images.labels.tolist() == [0, 1, -1, -1]
    assert source.tag_names == ("a", "b") and np.argwhere(images.tags).tolist() == [[0, 0], [1, 0], [1, 1]]
    assert [int(images[i][0, 0, 0]) for i in range(3)] == [0, 1, 2]
    with pytest.raises(Unreadable, match="the row has no image"):
        images[3]
    assert values(source.images("test")) == [1] and len(source.images("validation")) == 0
    assert source.fingerprint("train") != source.fingerprint("test")
    parts = [Hub(saved, image_field="img", validation_fraction=0.5).images(split) for split in ("train", "validation")]
    assert [len(part) for part in parts] == [2, 2] and parts[0].labels is None


def test_labels_without_numbers(tmp_path):
    made = datasets.Dataset.from_dict({"image": [picture(i) for i in range(3)], "y": ["x", None, "a"]})
    made.cast_column("image", datasets.Image()).save_to_disk(str(tmp_path / "one"))
    source = Hub(str(tmp_path / "one"), label_field="y", test=None)
    assert source.class_names == ("a", "x") and source.images("train").labels.tolist() == [1, -1, 0]


def test_hub_mistakes_are_named(saved):
    with pytest.raises(ValueError, match=r"no column 'image'; it has \['img', 'words', 'y'\]"):
        Hub(saved).images("train")
    with pytest.raises(ValueError, match="column 'y' holds no images"):
        Hub(saved, image_field="y").images("train")
    with pytest.raises(ValueError, match="split 'dev', cannot be loaded"):
        Hub(saved, image_field="img", validation="dev").images("validation")
