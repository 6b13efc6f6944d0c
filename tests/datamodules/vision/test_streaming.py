"""Shards on disk and on a web server, and a stream that is cut anywhere and goes on with the next image."""

import io
import json
import tarfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from lit_pretrain.datamodules import retry, watched
from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.datamodules.vision.augment.affine import Affine
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.shards import Shards
from lit_pretrain.datamodules.vision.streaming import PLACES, StreamingVisionDataModule
from lit_pretrain.datamodules.vision.views import View
from lit_pretrain.part import build, spec

SIZES = (9, 5, 12, 7)  # samples of each shard


def png(value: int) -> bytes:
    Image.new("L", (6, 6), value).save(out := io.BytesIO(), "PNG")
    return out.getvalue()


def write(path: Path, files: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def sample(shard: int, place: int) -> list[tuple[str, bytes]]:
    name, value = f"part/{shard}{place:03d}", 20 * shard + place
    tags = {"tags": ["small"] if place < 3 else []}
    return [(f"{name}.png", png(value)), (f"{name}.cls", b"%d" % (shard % 2)), (f"{name}.json", json.dumps(tags).encode())]


@pytest.fixture
def folder(tmp_path) -> Path:
    for shard, size in enumerate(SIZES):
        write(tmp_path / f"train-{shard:02d}.tar", [f for place in range(size) for f in sample(shard, place)])
    return tmp_path


class Server(ThreadingHTTPServer):
    """A web server of a folder that loses the connection of its first `failures` answers in the middle."""

    failures = 0


class Handler(SimpleHTTPRequestHandler):
    """Answers without a log."""

    def log_message(self, *arguments):
        pass

    def copyfile(self, source, outputfile):
        content = source.read()
        if self.server.failures:
            self.server.failures -= 1
            content = content[: len(content) // 2]
        outputfile.write(content)


@pytest.fixture
def server(folder):
    served = Server(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    served.address = f"http://127.0.0.1:{served.server_port}"
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


def stream(source: Shards, num_workers: int = 0, steps: int = 5, **more) -> StreamingVisionDataModule:
    views = [View(augment=[Affine()], copies=2)]
    arguments = {"image_size": 6, "channels": 1, "batch_size": 4, "block": 3} | more
    return StreamingVisionDataModule(source, views, steps, num_workers=num_workers, **arguments)


def flat(batch) -> torch.Tensor:
    return torch.cat([batch.index.float(), *(view.flatten() for view in batch.all_views)])


def numbers(batches) -> list[tuple[int, int]]:
    return [divmod(int(i), PLACES) for batch in batches for i in batch.index]


# ---- shards -----------------------------------------------------------------------------------------------------------


def test_shards_in_memory(folder):
    source = Shards(
        f"{folder}/train-{{00..01}}.tar",
        validation=f"{folder}/train-0[23].tar",
        test=[f"{folder}/train-{{01,03}}.tar"],
        class_names=["x", "y"],
        tag_names=["other", "small"],
    )
    images = source.images("train")
    assert len(images) == 14 and images.labels.tolist() == [0] * 9 + [1] * 5
    assert [int(images[i][0, 0, 0]) for i in (0, 8, 9)] == [0, 8, 20] and images[0].shape == (6, 6, 1)
    assert images.tags[:, 1].tolist() == [place < 3 for size in SIZES[:2] for place in range(size)]
    assert not images.tags[:, 0].any() and images.name(9).endswith("train-01.tar/part/1000")
    assert (len(source.images("validation")), len(source.images("test"))) == (19, 12)
    batch = next(iter(VisionDataModule(source, image_size=6, batch_size=14).loader("train", shuffle=False)))
    assert batch.labels.tolist() == images.labels.tolist() and batch.tags.sum() == 6
    assert len(Shards(f"{folder}/train-*.tar").images("test")) == 0


def test_a_server_gives_the_same_and_a_lost_connection_is_taken_up_again(folder, server, monkeypatch):
    monkeypatch.setattr(retry, "PAUSE", 0.0)
    local, remote = Shards(f"{folder}/train-{{00..03}}.tar"), Shards(f"{server.address}/train-{{00..03}}.tar")
    server.failures = retry.ATTEMPTS - 1
    found, expected = remote.images("train"), local.images("train")
    assert [int(found[i][0, 0, 0]) for i in range(33)] == [int(expected[i][0, 0, 0]) for i in range(33)]
    assert server.failures == 0
    server.failures = retry.ATTEMPTS
    with pytest.raises(ValueError, match=r"train-00.tar cannot be read after \d samples"):
        remote.images("train")
    with pytest.raises(ValueError, match=r"missing.tar cannot be read after 0 samples \(HTTPError: HTTP Error 404"):
        Shards(f"{server.address}/missing.tar").images("train")


def test_a_shard_that_is_gone_is_named(folder, monkeypatch):
    monkeypatch.setattr(retry, "PAUSE", 0.0)
    images = stream(Shards(f"{folder}/train-*.tar"), num_workers=1, steps=66)
    loader = iter(images.loader("train", shuffle=True))
    next(loader)
    (folder / "train-02.tar").unlink()  # what is read ahead of it is good
    with pytest.raises(DataLost, match=r"^shard .*train-02\.tar is gone, and 5 attempts"):
        list(loader)


def test_a_server_that_is_gone_is_named(server, monkeypatch):
    monkeypatch.setattr(retry, "PAUSE", 0.0)
    remote = Shards(f"{server.address}/train-00.tar")
    server.shutdown()
    server.server_close()
    with pytest.raises(DataLost, match=r"^shard http.*train-00\.tar is gone.*[Rr]efused"):
        remote.images("train")


def test_a_worker_of_a_stream_that_hangs_is_named_with_its_image(folder, monkeypatch):
    monkeypatch.setattr(watched, "LIMIT", 1)
    monkeypatch.setattr(Decoder, "__call__", lambda self, file, name: time.sleep(60))
    with pytest.raises(DataLost, match=r"ended after 1 s at one sample: .*\.tar/part/\d+$"):
        next(iter(stream(Shards(f"{folder}/train-*.tar"), num_workers=1).loader("train", shuffle=True)))


def test_shard_mistakes_are_named(folder):
    with pytest.raises(ValueError, match="matches nothing"):
        Shards(f"{folder}/none-*.tar").images("train")
    content = (folder / "train-02.tar").read_bytes()
    for size in (9 * 1024 + 600, 9 * 1024 + 100, 9 * 1024):  # in a file, in its header, between two files
        (folder / "torn.tar").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"torn.tar cannot be read after \d samples \((ReadError|EOFError: it has)"):
            Shards(f"{folder}/torn.tar").images("train")
    with pytest.raises(ValueError, match=r"part/1000.cls holds b'1'; the 1 class_names"):
        Shards(f"{folder}/train-01.tar", class_names=["only"]).images("train")
    write(folder / "odd.tar", [("a.txt", b"words"), ("b.json", b"[]"), ("b.png", png(3))])
    with pytest.raises(ValueError, match=r"b.json is no object"):
        Shards(f"{folder}/odd.tar", tag_names=["t"]).images("train")
    images = Shards(f"{folder}/odd.tar").images("train")
    assert images.labels is None and images[1][0, 0] == 3
    with pytest.raises(Unreadable, match="none of its files ends in"):
        images[0]


# ---- the stream -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_pass_holds_every_image_once_in_a_new_order(folder, num_workers):
    data = stream(Shards(f"{folder}/train-*.tar"), num_workers, steps=66, batch_size=1)
    seen = numbers(data.loader("train", shuffle=True))
    everything = sorted((shard, place) for shard, size in enumerate(SIZES) for place in range(size))
    if num_workers == 0:
        assert sorted(seen[:33]) == sorted(seen[33:]) == everything and seen[:33] != seen[33:]
        assert seen[:33] != everything
    else:  # a worker may be done with its shards while the other still reads
        assert set(seen) == set(everything)


def test_pixels_belong_to_their_numbers(folder, server):
    source = Shards(f"{server.address}/train-{{00..03}}.tar", class_names=["x", "y"], tag_names=["small"])
    data = StreamingVisionDataModule(source, None, 4, image_size=6, channels=1, batch_size=5, num_workers=0)
    for batch in data.train_dataloader():
        values = (batch.pixels.restore(batch.images)[:, 0, 0, 0] * 255).round().int().tolist()
        assert values == [20 * shard + place for shard, place in numbers([batch])]
        assert batch.labels.tolist() == [shard % 2 for shard, _ in numbers([batch])]
        assert batch.tags[:, 0].tolist() == [place < 3 for _, place in numbers([batch])]


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("cut", [1, 5, 8, 13])
def test_cut_and_resumed_equals_uncut(folder, num_workers, cut):
    source = Shards(f"{folder}/train-*.tar")

    def run(loader, batches):
        found = []
        while len(found) < batches:
            for batch in loader:
                found.append(flat(batch))
                if len(found) == batches:
                    break
        return found

    whole = run(stream(source, num_workers).train_dataloader(), 20)
    data = stream(source, num_workers)
    seen, state = run(data.train_dataloader(), cut), data.state_dict()
    again = stream(source, num_workers)
    again.load_state_dict(json.loads(json.dumps(state)))
    for found, expected in zip(seen + run(again.train_dataloader(), 20 - cut), whole, strict=True):
        assert torch.equal(found, expected)


def test_ranks_read_different_shards(folder):
    seen = []
    for rank in range(2):
        data = stream(Shards(f"{folder}/train-*.tar"), steps=14, batch_size=1, num_workers=0)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2, default_root_dir=".")
        seen.append({shard for shard, _ in numbers(data.loader("train", shuffle=True))})
    assert not seen[0] & seen[1] or len(seen[0] | seen[1]) == 4


def test_other_workers_and_too_many_are_refused(folder):
    source = Shards(f"{folder}/train-*.tar")
    state = stream(source, 2).loader("train", shuffle=True).state_dict()
    with pytest.raises(ValueError, match="2 workers"):
        stream(source, 1).loader("train", shuffle=True).load_state_dict(state)
    data = stream(source)
    data.trainer = SimpleNamespace(global_rank=4, world_size=5, default_root_dir=".")
    with pytest.raises(ValueError, match="4 training shards are fewer than the 5 readers"):
        next(iter(data.train_dataloader()))
    with pytest.raises(ValueError, match="no labelled view"):
        stream(source).loader("train", shuffle=False, labelled=True)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_unreadable_images_of_a_stream(folder, tmp_path, num_workers):
    bad = [("part/bad.png", b"broken"), ("part/none.txt", b"no image")]
    write(tmp_path / "mixed.tar", sample(0, 0) + bad + [f for place in range(1, 9) for f in sample(0, place)])
    data = stream(Shards(str(tmp_path / "mixed.tar")), num_workers, max_unreadable=5)
    data.trainer = SimpleNamespace(global_rank=0, world_size=1, default_root_dir=str(tmp_path))
    with pytest.warns(UserWarning, match="mixed.tar/part/bad"):
        batches = list(data.train_dataloader())
    assert [batch.num_examples for batch in batches] == [4] * 5 and {n for _, n in numbers(batches)} == {0, *range(3, 11)}
    assert len((tmp_path / "unreadable.txt").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([b"broken", b"broken", png(0), png(1)], "2 images of 'train' are unreadable, more than the 1"),
        ([b"broken"] * 50, "nearly all images of the training shards are unreadable"),
        ([], "hold no samples"),
    ],
    ids=["too many", "all", "none"],
)
def test_a_hopeless_stream_stops(tmp_path, images, message):
    write(tmp_path / "some.tar", [(f"{i}.png", image) for i, image in enumerate(images)])
    with pytest.raises(ValueError, match=message):
        list(stream(Shards(str(tmp_path / "some.tar")), max_unreadable=1).train_dataloader())


def test_validation_and_checkpoints(folder):
    source = Shards(f"{folder}/train-*.tar", validation=f"{folder}/train-01.tar", class_names=["x", "y"])
    data = build(spec(stream(source)))
    data.prepare_data()
    assert spec(data) == spec(stream(source)) and data.class_names == ("x", "y")
    assert sum(b.num_examples for b in data.loader("validation", shuffle=False, labelled=True)) == 5
    assert len(data.test_dataloader()) == 0 and len(data.train_dataloader()) == 5
