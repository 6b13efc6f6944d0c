"""A stream that is cut anywhere goes on with the next piece, whatever its workers had read ahead."""

from itertools import islice
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_pretrain.datamodules import retry
from lit_pretrain.datamodules.lost import DataLost
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


class Broken(Numbers):
    """A connection that is lost at document 20 the first few times, or always."""

    def __init__(self, failures: int):
        self.failures = failures

    def documents(self, split):
        for i, document in enumerate(super().documents(split)):
            if i == 20 and split == "train" and self.failures:
                self.failures -= 1
                raise ConnectionResetError("by the server")
            yield document


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_lost_connection_is_taken_up_again_and_one_that_stays_lost_is_named(monkeypatch, num_workers):
    monkeypatch.setattr(retry, "PAUSE", 0.0)
    whole = batches(stream(num_workers).loader("train", shuffle=True))
    broken = stream(num_workers)
    broken.source = Broken(retry.ATTEMPTS - 1)
    assert batches(broken.loader("train", shuffle=True)) == whole
    broken.source = Broken(-1)
    with pytest.raises(DataLost, match=r"^source Broken is gone.*by the server") as error:
        batches(broken.loader("train", shuffle=True))
    assert "\n" not in str(error.value)


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


class Given(Source):
    """These documents."""

    def __init__(self, lengths: list[int]):
        self.lengths = lengths

    def documents(self, split):
        return (Document(chr(ord("a") + i) * length) for i, length in enumerate(self.lengths))

    def fingerprint(self, split):
        return str(self.lengths)


@settings(max_examples=8)
@given(
    lengths=st.lists(st.integers(0, 30), min_size=3, max_size=12).filter(lambda lengths: sum(map(bool, lengths)) > 2),
    budget=st.integers(9, 40),
    ranks=st.integers(1, 3),
    cuts=st.lists(st.integers(0, 5), max_size=3),
)
def test_any_documents_in_any_ranks_are_read_once_in_a_pass_wherever_they_are_cut(lengths, budget, ranks, cuts):
    written = [chr(ord("a") + i) * length for i, length in enumerate(lengths) if length]
    for rank in range(ranks):
        state, read = None, []
        for batches in [*cuts, 60]:
            data = StreamingTextDataModule(Given(lengths), Bytes(), 100, max_length=9, tokens_per_batch=budget)
            data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks)
            loader = data.loader("train", shuffle=True)
            if state is not None:
                loader.load_state_dict(state)
            found = list(islice(loader, batches))
            state = loader.state_dict()
            assert all(batch.num_examples == 1 or batch.num_units <= budget for batch in found)
            assert all(length <= 9 for batch in found for length in batch.lengths)
            read += [data.tokenizer.decode(batch.tokens.tolist()) for batch in found]
        own, text = "".join(written[rank::ranks]), "".join(read)
        assert len(text) >= min(len(own), 60) and (own * (len(text) // len(own) + 1)).startswith(text)
