"""Batches of views: the same draws however they are read, exact resume, what is unreadable, and the labelled view."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torchvision.transforms.v2 import functional as F

from lit_pretrain.datamodules.vision.augment.affine import Affine
from lit_pretrain.datamodules.vision.augment.color_jitter import ColorJitter
from lit_pretrain.datamodules.vision.augment.random_resized_crop import RandomResizedCrop
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Arrays, Source
from lit_pretrain.datamodules.vision.source.digits import Digits
from lit_pretrain.datamodules.vision.source.folder import Folder
from lit_pretrain.datamodules.vision.source.torchvision_set import TorchvisionSet
from lit_pretrain.datamodules.vision.views import View
from lit_pretrain.part import build, spec
from lit_pretrain.types import ImageBatch

CONF = Path(__file__).parents[3] / "conf"


class Squares(Source):
    """Image i has the value i; a part is unlabelled."""

    class_names = ("even", "odd")

    def images(self, split, decoder=Decoder()):
        count = 50 if split == "train" else 7
        array = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 6, 8, 3))
        labels = np.arange(count) % 2
        labels[3 : count // 5] = -1
        return Arrays(array, labels)

    def fingerprint(self, split):
        return split


def multi_crop() -> list[View]:
    """Two views that share a base image, and two with transforms of their own."""
    shared = View(augment=[RandomResizedCrop(scale=(0.3, 1)), ColorJitter()], copies=2)
    return [shared, View([{"RandomResizedCrop": {"size": 4}}, {"RandomHorizontalFlip": {}}], [Affine()], copies=2)]


def squares(views=None, batch_size=8, num_workers=0, **more) -> VisionDataModule:
    return VisionDataModule(Squares(), views, image_size=6, batch_size=batch_size, num_workers=num_workers, **more)


def by_index(batches: list[ImageBatch]) -> dict[int, list[torch.Tensor]]:
    return {int(i): [view[k] for view in batch.all_views] for batch in batches for k, i in enumerate(batch.index)}


def flat(batch: ImageBatch) -> torch.Tensor:
    return torch.cat([batch.index.float(), *(view.flatten() for view in batch.all_views)])


# ---- the clean view ---------------------------------------------------------------------------------------------------


def test_a_clean_view_is_normalised_resized_and_in_source_order(data_dir):
    source = TorchvisionSet("FashionMNIST", str(data_dir / "vision"))
    data = VisionDataModule(source, image_size=20, channels=1, mean=[0.3], std=[0.4], batch_size=16)
    batch = next(iter(data.loader("test", shuffle=False)))
    pixels = torch.from_numpy(source.images("test").array[:16]).permute(0, 3, 1, 2)
    expected = F.normalize(F.resize(pixels, [20, 20], antialias=True) / 255, [0.3], [0.4])
    torch.testing.assert_close(batch.images, expected)
    assert batch.index.tolist() == list(range(16)) and batch.labels.tolist() == source.images("test").labels[:16].tolist()
    assert batch.views == () and batch.tags is None and batch.images.is_contiguous()
    torch.testing.assert_close(batch.pixels.restore(batch.images), F.resize(pixels, [20, 20], antialias=True) / 255)


def test_the_middle_of_wide_images_is_taken(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    data = VisionDataModule(Folder(str(tmp_path)), image_size=10, batch_size=1)
    restored = (batch := next(iter(data.loader("train", shuffle=False)))).pixels.restore(batch.images) * 255
    assert batch.images.shape == (1, 3, 10, 10) and (restored[..., 2:8] > 199).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_made_equal(channels, tmp_path):
    Image.new("RGB", (6, 6), (255, 0, 0)).save(tmp_path / "a.png")
    Image.new("L", (6, 6), 76).save(tmp_path / "b.png")
    data = VisionDataModule(Folder(str(tmp_path)), image_size=6, channels=channels, batch_size=2)
    batch = next(iter(data.loader("train", shuffle=False)))
    assert batch.images.shape == (2, channels, 6, 6)
    if channels == 1:
        torch.testing.assert_close(batch.images[0], batch.images[1], atol=1e-6, rtol=0)
    grey = VisionDataModule(Squares(), image_size=6, channels=1, batch_size=50).loader("train", shuffle=False)
    images = next(iter(grey)).images
    torch.testing.assert_close((images[:, 0, 0, 0] + 1) / 2 * 255, torch.arange(50.0), atol=1e-3, rtol=0)


def test_digits_come_with_tags():
    batch = next(iter(VisionDataModule(Digits(), image_size=16, channels=1, batch_size=4).train_dataloader()))
    assert batch.images.shape == (4, 1, 16, 16) and batch.tags.shape == (4, 16) and batch.tags.dtype == torch.bool


# ---- draws, order and resume ------------------------------------------------------------------------------------------


def test_draws_belong_to_the_sample():
    """Whatever batch and worker an image is in; and each view, copy, epoch and seed has its own."""
    reference = by_index(list(squares(multi_crop(), batch_size=50).loader("train", shuffle=True)))
    assert len(reference) == 50 and [v.shape[-1] for v in reference[0]] == [6, 6, 4, 4]
    for batch_size, num_workers in ((7, 0), (10, 2)):
        data = squares(multi_crop(), batch_size, num_workers, drop_last=False)
        found = by_index(list(data.loader("train", shuffle=True)))
        for i, views in reference.items():
            for view, other in zip(views, found[i], strict=True):
                torch.testing.assert_close(view, other, atol=1e-6, rtol=0)


def test_views_copies_and_epochs_differ():
    source = VisionDataModule(Digits(), [View(augment=[Affine()], copies=2)], image_size=16, channels=1, batch_size=1200)
    loader = source.loader("train", shuffle=True)
    first, second = (by_index(list(loader)) for _ in range(2))
    assert not torch.equal(first[5][0], first[5][1]) and not torch.equal(first[5][0], second[5][0])
    assert list(first) != list(second) and sorted(first) == sorted(second)


def test_seed_everything_decides(monkeypatch):
    runs = []
    for seed in ("0", "0", "1"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        runs.append(next(iter(squares(multi_crop()).loader("train", shuffle=True))))
    assert torch.equal(flat(runs[0]), flat(runs[1])) and not torch.equal(flat(runs[0]), flat(runs[2]))


def test_validation_draws_the_same_each_time():
    loader = squares(multi_crop()).val_dataloader()
    first, second = list(loader), list(loader)
    assert len(first) == 1 and torch.equal(flat(first[0]), flat(second[0]))


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("cut", [1, 4, 6, 8])
def test_cut_and_resumed_equals_uncut(num_workers, cut):
    def run(loader, batches):
        found = []
        while len(found) < batches:
            for batch in loader:
                found.append(flat(batch))
                if len(found) == batches:
                    break
        return found

    whole = run(squares(multi_crop()).train_dataloader(), 13)
    loader = squares(multi_crop(), num_workers=num_workers).train_dataloader()
    seen, state = run(loader, cut), loader.state_dict()
    resumed = squares(multi_crop(), num_workers=num_workers).train_dataloader()
    resumed.load_state_dict(state)
    for found, expected in zip(seen + run(resumed, 13 - cut), whole, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("drop_last", [True, False])
def test_two_ranks_partition_the_data(drop_last):
    shares = []
    for rank in range(2):
        data = squares(drop_last=drop_last)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2, default_root_dir=".")
        shares.append([batch.index.tolist() for batch in data.loader("train", shuffle=True)])
        labelled = [i for batch in data.loader("train", shuffle=False, labelled=True) for i in batch.index.tolist()]
        assert len(labelled) == 43, "probes see all of the data on each rank"
    sizes = [[len(batch) for batch in share] for share in shares]
    indices = [i for share in shares for batch in share for i in batch]
    assert len(sizes[0]) == len(sizes[1]) and len(indices) == len(set(indices)) == (48 if drop_last else 50)
    assert not drop_last or {*sizes[0], *sizes[1]} == {8}


def test_a_set_too_small_for_a_batch_is_refused():
    with pytest.raises(ValueError, match=r"50 images of 'train' do not fill a batch of batch_size=64.*drop_last"):
        len(squares(batch_size=64).train_dataloader())
    with pytest.raises(ValueError, match="split='val'"):
        squares().loader("val", shuffle=False)


# ---- labelled ---------------------------------------------------------------------------------------------------------


def test_the_labelled_view_is_clean_and_complete():
    batches = list(squares(multi_crop()).loader("train", shuffle=False, labelled=True))
    index = torch.cat([batch.index for batch in batches])
    assert index.tolist() == [i for i in range(50) if not 3 <= i < 10]
    assert torch.cat([batch.labels for batch in batches]).tolist() == (index % 2).tolist()
    assert all(batch.views == () for batch in batches)
    pixels = torch.cat([batch.pixels.restore(batch.images) for batch in batches]) * 255
    torch.testing.assert_close(pixels, index.float()[:, None, None, None].expand_as(pixels), atol=1e-3, rtol=0)


def test_a_limit_is_balanced_and_seeded():
    data = VisionDataModule(Digits(), image_size=8, channels=1)
    labels, index = zip(*((b.labels, b.index) for b in data.loader("train", shuffle=False, labelled=True, limit=30)),
                        strict=True)  # fmt: skip
    assert torch.cat(labels).bincount().tolist() == [3] * 10
    other = next(iter(data.loader("train", shuffle=False, labelled=True, limit=30, seed=1)))
    assert not torch.equal(torch.cat(index), other.index)
    assert sum(b.num_examples for b in data.loader("validation", shuffle=False, limit=20)) == 20


def test_fine_tuning_augments_and_probes_do_not():
    data = VisionDataModule(Digits(), image_size=8, channels=1, labelled_view=View(augment=[Affine()]))
    clean, tuned = (by_index(list(data.loader("train", shuffle=s, labelled=True))) for s in (False, True))
    assert sorted(clean) == sorted(tuned) == list(range(1200))
    assert not torch.equal(clean[7][0], tuned[7][0])
    plain = VisionDataModule(Digits(), image_size=8, channels=1)
    assert torch.equal(by_index(list(plain.loader("train", shuffle=True, labelled=True)))[7][0], clean[7][0])


def test_unlabelled_images_have_no_labelled_view(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    data = VisionDataModule(Folder(str(tmp_path)), image_size=4)
    with pytest.raises(ValueError, match="Folder has no labelled images in 'train'"):
        data.loader("train", shuffle=False, labelled=True)
    assert data.class_names == () and len(data.val_dataloader()) == 0


def test_adopts_what_was_left_open():
    pretraining = VisionDataModule(Digits(), image_size=16, channels=1, mean=[0.3])
    data = VisionDataModule(Squares(), mean=[0.2])
    with pytest.raises(ValueError, match="no image_size"):
        data.train_dataloader()
    data.adopt(pretraining)
    assert (data.image_size, data.channels, data.mean, data.std) == (16, 1, [0.2], [0.5])
    with pytest.raises(ValueError, match=r"mean=\[0.2\] must have a number for each of 3 channels"):
        squares(mean=[0.2]).train_dataloader()


# ---- unreadable images ------------------------------------------------------------------------------------------------


@pytest.fixture
def odd(tmp_path) -> Path:
    """Twelve good images, four odd ones that can be read and four that cannot, in two classes."""
    folder = tmp_path / "images"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    for i in range(12):
        Image.new("RGB", (20, 16), (i, i, i)).save(folder / "ab"[i % 2] / f"good{i:02d}.png")
    Image.new("L", (16, 16)).save(folder / "a/odd_grey.png")
    Image.new("CMYK", (16, 16)).save(folder / "a/odd_cmyk.jpg")
    Image.new("RGB", (1, 1)).save(folder / "b/odd_single.png")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(folder / "b/odd_deep.png")
    Image.new("RGBA", (16, 16)).save(folder / "a/odd_alpha.png")
    (folder / "a/zz_corrupt.jpg").write_bytes(b"no image")
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a/whole.jpg")
    (folder / "b/zz_truncated.jpg").write_bytes((folder / "a/whole.jpg").read_bytes()[:900])
    Image.new("1", (400, 400)).save(folder / "a/zz_huge.png")
    return folder


UNREADABLE = {"zz_corrupt.jpg", "zz_truncated.jpg", "zz_huge.png"}


def odd_data(folder: Path, run: Path | None, views=None, **more) -> VisionDataModule:
    arguments = {"image_size": 8, "batch_size": 4, "max_pixels": 100_000} | more
    data = VisionDataModule(Folder(str(folder)), views, **arguments)
    if run is not None:
        data.trainer = SimpleNamespace(global_rank=0, world_size=1, default_root_dir=str(run))
    return data


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("views", [None, [View([{"RandomResizedCrop": {"size": 8}}], copies=2)]], ids=["clean", "own"])
def test_unreadable_images_are_replaced_counted_and_named(odd, tmp_path, views, num_workers):
    data = odd_data(odd, tmp_path / "run", views, num_workers=num_workers)
    loader = data.train_dataloader()
    with pytest.warns(UserWarning, match="unreadable and are left out") as warned:
        batches = [batch for _ in range(3) for batch in loader]
    assert len(batches) == 15 and all(batch.num_examples == 4 for batch in batches)  # 21 images, 3 of them unreadable
    assert len([w for w in warned if "unreadable" in str(w.message)]) == 1
    files = data.source.files("train")
    assert not {Path(files[i]).name for batch in batches for i in batch.index} & UNREADABLE
    for batch in batches:
        assert batch.labels.tolist() == [int(files[i].startswith("b")) for i in batch.index]
    lines = [line.split("\t") for line in (tmp_path / "run/unreadable.txt").read_text().splitlines()]
    assert {Path(name).name for name, _ in lines} == UNREADABLE and len(lines) == 3
    assert "truncated" in dict((Path(n).name, r) for n, r in lines)["zz_truncated.jpg"]


def test_a_resumed_run_names_each_image_once(odd, tmp_path):
    for _ in range(2):
        with pytest.warns(UserWarning):
            list(odd_data(odd, tmp_path).loader("train", shuffle=False))
    assert len((tmp_path / "unreadable.txt").read_text().splitlines()) == 3


def test_the_labelled_view_leaves_them_out(odd):
    data = odd_data(odd, None, batch_size=1)
    with pytest.warns(UserWarning, match="zz_corrupt"):
        batches = list(data.loader("train", shuffle=False, labelled=True))
    names = [Path(data.source.files("train")[batch.index]).name for batch in batches]
    assert len(names) == 18 and not set(names) & UNREADABLE
    assert {"odd_grey.png", "odd_cmyk.jpg", "odd_single.png", "odd_deep.png", "odd_alpha.png"} <= set(names)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_too_many_stop_the_run_with_the_list(odd, tmp_path, num_workers):
    data = odd_data(odd, tmp_path, num_workers=num_workers, max_unreadable=2)
    with pytest.raises(ValueError, match=r"3 images of 'train' are unreadable, more than the 2 that max_unreadable") as stop:
        [batch for _ in range(3) for batch in data.loader("train", shuffle=True)]
    assert all(name in str(stop.value) for name in UNREADABLE)
    for file in odd.rglob("*.*"):
        file.write_bytes(b"")
    data = odd_data(odd, tmp_path, num_workers=num_workers, max_unreadable=0.1)
    with pytest.raises(ValueError, match="11 images of 'train' are unreadable, more than the 10"):
        list(data.loader("train", shuffle=True))


def test_images_of_different_sizes_need_a_crop(odd):
    with pytest.raises(ValueError, match="different sizes"):
        list(odd_data(odd, None, [View([{"RandomHorizontalFlip": {}}])]).loader("train", shuffle=False))
    sized = odd_data(odd, None, [View([{"RandomHorizontalFlip": {}}], size=8)])
    assert next(iter(sized.loader("train", shuffle=False))).images.shape == (4, 3, 8, 8)


# ---- on an accelerator, in checkpoints, on disk -------------------------------------------------------------------------


def test_finished_on_the_device_or_in_the_workers_is_the_same(monkeypatch):
    """A device that is not the CPU gets bytes and finishes them; here it is the CPU under another name."""
    expected = next(iter(squares(multi_crop()).train_dataloader()))
    data = squares(multi_crop(), num_workers=2)
    device = SimpleNamespace(type="other")
    moved = []
    monkeypatch.setattr("lit_pretrain.datamodules.vision.samples.Decoded.to",
                        lambda self, to: moved.append((to, self.base.dtype)) or self)  # fmt: skip
    data.trainer = SimpleNamespace(global_rank=0, world_size=1, default_root_dir=".",
                                   strategy=SimpleNamespace(root_device=device))  # fmt: skip
    found = next(iter(data.train_dataloader()))
    assert moved == [(device, torch.uint8)]
    torch.testing.assert_close(flat(found), flat(expected), atol=1e-6, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_draws_on_cuda_are_those_of_the_cpu():
    expected = next(iter(squares(multi_crop()).train_dataloader()))
    data = squares(multi_crop(), num_workers=2)
    data.trainer = SimpleNamespace(global_rank=0, world_size=1, default_root_dir=".",
                                   strategy=SimpleNamespace(root_device=torch.device("cuda", 0)))  # fmt: skip
    found = next(iter(data.train_dataloader()))
    assert (found.images.is_cuda and found.labels is None) or found.labels.is_cuda
    torch.testing.assert_close(flat(found.to("cpu")), flat(expected), atol=1e-4, rtol=0)


def test_a_checkpoint_rebuilds_it():
    data = VisionDataModule(Digits(0.1), multi_crop(), image_size=16, channels=1, labelled_view=View(augment=[Affine()]))
    again = build(spec(data))
    assert spec(again) == spec(data)
    first, second = (next(iter(d.train_dataloader())) for d in (data, again))
    assert torch.equal(flat(first), flat(second)) and torch.equal(first.tags, second.tags)


def test_changed_images_are_noticed(odd):
    state = odd_data(odd, None).state_dict()
    odd_data(odd, None).load_state_dict(state)
    whole = (odd / "a/whole.jpg").read_bytes()
    (odd / "a/whole.jpg").write_bytes(whole + b"more")
    with pytest.raises(ValueError, match="have changed since the checkpoint: the fingerprint"):
        odd_data(odd, None).load_state_dict(state)
    (odd / "a/whole.jpg").write_bytes(whole)
    (odd / "a/whole.jpg").unlink()
    with pytest.raises(ValueError, match=r"have changed since the checkpoint.*the number of images was"):
        odd_data(odd, None).load_state_dict(state)


def test_transformers_prepares_images_as_we_do(tmp_path):
    transformers = pytest.importorskip("transformers")
    for i in range(3):
        noise = np.random.default_rng(i).integers(256, size=(40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    data = VisionDataModule(Folder(str(tmp_path)), image_size=16, mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6])
    for name, text in data.artifacts().items():
        (tmp_path / name).write_text(text)
    processor = transformers.AutoImageProcessor.from_pretrained(str(tmp_path))
    images = [Image.open(tmp_path / f"{i}.png") for i in range(3)]
    expected = next(iter(data.loader("train", shuffle=False))).images
    torch.testing.assert_close(processor(images, return_tensors="pt")["pixel_values"], expected, atol=0.02, rtol=0)


FILES = sorted(path.name for path in (CONF / "data/vision").glob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_configurations_build(name, tmp_path):
    text = (CONF / "data/vision" / name).read_text()
    tree = yaml.safe_load(text)["data"]
    assert text.startswith("#") and "lit-pretrain fit" in text.split("data:")[0]
    tree["init_args"]["source"].setdefault("init_args", {}).update(
        {"folder.yaml": {"root": "."}, "hub.yaml": {"name": "x"}, "shards.yaml": {"train": "x.tar"}}.get(name, {})
    )
    data = build(tree)
    shapes = {"digits.yaml": [16], "digits_two_views.yaml": [16, 16], "digits_multi_crop.yaml": [32, 32, 16, 16, 16, 16]}
    if name in shapes:
        batch = next(iter(data.train_dataloader()))
        assert [view.shape for view in batch.all_views] == [(128, 1, side, side) for side in shapes[name]]


def test_photographs(data_dir):
    source = Folder(str(data_dir / "vision/hymenoptera_data"))
    data = VisionDataModule(source, image_size=32, batch_size=16, labelled_view=View([{"RandomResizedCrop": {"size": 32}}]))
    assert data.class_names == ("ants", "bees") and len(data.images("train")) > 200
    for shuffle in (False, True):
        batch = next(iter(data.loader("validation", shuffle=shuffle, labelled=True, limit=16)))
        assert batch.images.shape == (16, 3, 32, 32) and batch.labels.bincount().tolist() == [8, 8]
        assert batch.images.std() > 0.2
