"""A worker that dies or hangs ends the run with the name of its sample; a slow one changes no order."""

import os
import signal
import time

import pytest
from torch.utils.data import Dataset

from lit_pretrain.datamodules import watched
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.watched import reading


class Faulty(Dataset):
    """Numbers; at number 9 something happens in a worker."""

    def __init__(self, happens):
        self.happens, self.main = happens, os.getpid()

    def __getitem__(self, i: int) -> int:
        if i == 9 and os.getpid() != self.main:
            self.happens()
        return i


class Named(Faulty):
    """Reads whole batches and names its samples."""

    def __getitems__(self, numbers: list[int]) -> list[int]:
        read = []
        for i in numbers:
            reading(f"images/{i}.jpg")
            read.append(self[i])
        return read


def batches(epoch: int) -> list[list[int]]:
    return [list(range(k, k + 4)) for k in range(0, 24, 4)]


def loader(dataset: Dataset, workers: int = 2) -> ResumableLoader:
    return ResumableLoader(dataset, batches, list, num_workers=workers)


def die() -> None:
    time.sleep(0.5)  # what it read before is on its way
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    time.sleep(60)


@pytest.mark.parametrize("kind, name", [(Faulty, "sample 9"), (Named, r"images/9\.jpg")])
def test_a_worker_that_dies_is_named_with_its_sample(kind, name):
    seen = []
    with pytest.raises(DataLost, match=rf"worker 0 died \(signal 9, Killed; .*\); what it read last: {name}$"):
        for batch in loader(kind(die)):
            seen.append(batch)
            time.sleep(0.4)  # it dies in the middle of a step, and must not end that
    assert seen == batches(0)[:2]


@pytest.mark.parametrize("kind, name", [(Faulty, "sample 9"), (Named, r"images/9\.jpg")])
def test_a_worker_that_hangs_is_ended_and_named_with_its_sample(monkeypatch, kind, name):
    monkeypatch.setattr(watched, "LIMIT", 1)
    began = time.monotonic()
    with pytest.raises(DataLost, match=f"worker 0 was ended after 1 s at one sample: {name}$"):
        list(loader(kind(hang)))
    assert time.monotonic() - began < 50, "it was waited for"


def test_a_worker_may_rest_for_longer(monkeypatch):
    monkeypatch.setattr(watched, "LIMIT", 1)
    found = iter(loader(Faulty(lambda: None), workers=1))
    begun = [next(found)]  # the last batch is not asked for yet
    time.sleep(2.5)  # as in a long validation
    assert begun + list(found) == batches(0)


def test_what_a_dataset_raises_stays_what_it_is():
    def fail():
        raise RuntimeError("no such codec")

    with pytest.raises(RuntimeError, match="no such codec"):
        list(loader(Faulty(fail)))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_slow_worker_changes_no_order(workers):
    assert list(loader(Faulty(lambda: time.sleep(1)), workers)) == batches(0)
