"""A stream that is cut anywhere goes on with the next piece, whatever its workers had read ahead."""

from types import SimpleNamespace

import pytest

from lit_pretrain.datamodules.text.source.base import Document, Source
from lit_pretrain.datamodules.text.streaming import StreamingTextDataModule
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.trained import BPE


class Numbers(Source):
    """Document i says i, more often the larger it is."""

    def documents(self, split):
        return (Document(f"{i} " * (i % 13 * 3 + 1)) for i in range(50 if split == "train" else 3))

    def fingerprint(self, split):
        return "numbers"


def stream(num_workers: int = 0, steps: int = 6) -> StreamingTextDataModule:
    return StreamingTextDataModule(Numbers(), Bytes(), steps, max_length=30, tokens_per_batch=90, num_workers=num_workers)


def batches(loader, epochs: int = 3) -> list[list[int]]:
    return [batch.tokens.tolist() for _ in range(epochs) for batch in loader]


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("cut", [1, 4, 6, 9, 13])
def test_cut_and_resumed_equals_uncut(num_workers, cut):
    whole = batches(stream(num_workers).loader("train", shuffle=True))
    assert len(whole) == 18
    loader, seen = stream(num_workers).loader("train", shuffle=True), []
    while len(seen) < cut:
        for batch in loader:
            seen.append(batch.tokens.tolist())
            if len(seen) == cut:
                state = loader.state_dict()
                break
    resumed = stream(num_workers).loader("train", shuffle=True)
    resumed.load_state_dict(state)
    rest = []
    while len(seen) + len(rest) < 18:
        rest += [batch.tokens.tolist() for batch in resumed]
    assert seen + rest == whole


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_reads_its_documents_in_order_and_begins_again(rank):
    data = stream(steps=30)
    data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
    read = "".join(data.tokenizer.decode(batch.tokens.tolist()) for batch in data.loader("train", shuffle=True))
    own = "".join(d.text for d in list(Numbers().documents("train"))[rank::2])
    assert len(read) > len(own) + 100, "the stream must have begun again"
    assert (own * 3).startswith(read)


def test_other_workers_are_refused():
    state = stream(2).loader("train", shuffle=True).state_dict()
    with pytest.raises(ValueError, match="2 workers"):
        stream(1).loader("train", shuffle=True).load_state_dict(state)


def test_epochs_go_on_without_reading_again():
    reads = []

    class Counted(Numbers):
        def documents(self, split):
            reads.append(split)
            return super().documents(split)

    data = StreamingTextDataModule(Counted(), Bytes(), 2, max_length=30, tokens_per_batch=90, num_workers=0)
    assert len(batches(data.loader("train", shuffle=True), epochs=5)) == 10
    assert len(reads) == 2  # a block of 64 documents reaches into the second pass


@pytest.mark.parametrize("num_workers", [0, 2])
def test_more_readers_than_documents_are_refused(num_workers):
    data = stream(num_workers)
    data.trainer = SimpleNamespace(global_rank=60, world_size=61)
    with pytest.raises(ValueError, match="fewer training documents than the"):
        next(iter(data.loader("train", shuffle=True)))


def test_a_rank_that_prepared_nothing_streams(tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path))
    data = StreamingTextDataModule(Numbers(), BPE(512, 4), 3, max_length=30, tokens_per_batch=90, num_workers=2)
    data.trainer = SimpleNamespace(global_rank=1, world_size=2)
    found = list(data.loader("train", shuffle=True))
    assert len(found) == 3 and all((batch.index % 4 >= 2).all() for batch in found)
