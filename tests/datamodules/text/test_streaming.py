"""A stream that is cut anywhere goes on with the next piece, whatever its workers had read ahead."""

from types import SimpleNamespace

import pytest

from lit_pretrain.datamodules.text.source.base import Document, Source
from lit_pretrain.datamodules.text.streaming import StreamingTextDataModule
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes


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
