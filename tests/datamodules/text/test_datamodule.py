"""No token is lost or doubled, the order is a function of seed and epoch, and the labelled view is what it says."""

import numpy as np
import pytest
import torch

from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.order import balanced, of_rank, plan
from lit_pretrain.datamodules.text.source.base import Document, Source
from lit_pretrain.datamodules.text.source.standard_library import StandardLibrary
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.trained import BPE

WORDS = ["größer", "than", "the", "naïve", "😀", "cat", "sat", "on", "a", "mat", "and", "grinned", "\n"]


class Sentences(Source):
    """Random sentences of mixed lengths; every third is unlabelled."""

    def __init__(self, count: int = 60, version: int = 0):
        self.count, self.version = count, version
        self.reads = 0

    def documents(self, split):
        self.reads += 1
        rng = np.random.default_rng([self.version, len(split)])
        for i in range(self.count if split == "train" else 8):
            text = " ".join(rng.choice(WORDS, rng.integers(1, 120)))
            yield Document(text, None if i % 3 == 0 else f"class {i % 3}")

    def fingerprint(self, split):
        return f"{self.count}-{self.version}-{split}"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def data(cache) -> TextDataModule:
    made = TextDataModule(Sentences(), BPE(512, num_sentinels=4), max_length=40, tokens_per_batch=200)
    made.prepare_data()
    return made


def texts(data: TextDataModule, loader) -> list[str]:
    """What the batches hold, piece by piece."""
    return [data.tokenizer.decode(piece.tolist()) for batch in loader for piece in batch.tokens.split(batch.lengths)]


def test_pieces_put_together_are_the_documents(data):
    pieces = "".join(texts(data, data.loader("train", shuffle=False)))
    assert pieces == "".join(d.text for d in data.source.documents("train"))


def test_bytes_of_the_pieces_are_the_bytes_of_the_text(data):
    total = sum(int(batch.num_bytes.sum()) for batch in data.loader("train", shuffle=False))
    assert total == sum(len(d.text.encode()) for d in data.source.documents("train"))


@pytest.mark.parametrize("bucket", [False, True])
def test_budget_and_lengths_hold(data, bucket):
    data.bucket = bucket
    for batch in data.loader("train", shuffle=True):
        assert batch.num_units <= 200 and max(batch.lengths) <= 40
        assert sum(batch.lengths) == len(batch.tokens)
        first, last = batch.layout.offsets[:-1].long(), batch.layout.offsets[1:].long() - 1
        assert (batch.tokens[first] == batch.vocab.cls).all() and (batch.tokens[last] == batch.vocab.sep).all()


def test_every_epoch_has_every_piece_once_in_an_order_of_its_own(data):
    loader = data.loader("train", shuffle=True)
    epochs = [torch.cat([batch.index for batch in loader]).tolist() for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(len(epochs[0]))) and epochs[0] != epochs[1]
    again = data.loader("train", shuffle=True)
    assert torch.cat([batch.index for batch in again]).tolist() == epochs[0]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_cut_loader_goes_on_with_the_next_batch(data, num_workers):
    whole = [batch.index.tolist() for batch in data.loader("train", shuffle=True)]
    data.num_workers = num_workers
    for cut in (1, len(whole) // 2, len(whole) - 1):
        loader = data.loader("train", shuffle=True)
        batches = iter(loader)
        seen = [next(batches).index.tolist() for _ in range(cut)]
        resumed = data.loader("train", shuffle=True)
        resumed.load_state_dict(loader.state_dict())
        assert len(resumed) == len(whole)
        assert seen + [batch.index.tolist() for batch in resumed] == whole


def test_ranks_share_the_epoch():
    lengths = np.random.default_rng(0).integers(5, 50, 100)
    batches = plan(lengths, 120, shuffle=True, bucket=False, seed=1, epoch=0)
    ranks = [of_rank(batches, rank, 2) for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1])
    assert [b for pair in zip(*ranks, strict=True) for b in pair] == batches[: 2 * len(ranks[0])]


def test_labelled_view(data):
    loader = data.loader("train", shuffle=False, labelled=True)
    labels = torch.cat([batch.labels for batch in loader])
    assert data.class_names == ("class 1", "class 2") and len(labels) == 40
    documents = [d for d in data.source.documents("train") if d.label]
    for document, piece, label in zip(documents, texts(data, loader), labels, strict=True):
        assert document.text.startswith(piece) and data.class_names[label] == document.label


def test_limited_choice_is_balanced_and_seeded(data):
    labels = torch.cat([b.labels for b in data.loader("train", shuffle=False, labelled=True, limit=11)])
    assert sorted(labels.bincount().tolist()) == [5, 6]
    label = np.array([0] * 90 + [1] * 3 + [2] * 7)
    chosen = balanced(label, 12, seed=0)
    assert np.bincount(label[chosen]).tolist() == [5, 3, 4] or np.bincount(label[chosen]).tolist() == [4, 3, 5]
    assert (balanced(label, 12, seed=0) == chosen).all() and (balanced(label, 12, seed=1) != chosen).any()


def test_the_cache_serves_a_second_run_and_notices_changed_data(cache, data, monkeypatch):
    again = TextDataModule(Sentences(), BPE(512, num_sentinels=4), max_length=40, tokens_per_batch=200)
    again.prepare_data()
    assert again.source.reads == 0
    changed = TextDataModule(Sentences(version=1), BPE(512, num_sentinels=4), max_length=40, tokens_per_batch=200)
    changed.prepare_data()
    assert changed.source.reads > 0 and changed.tokenizer.digest != again.tokenizer.digest
    assert not list(cache.rglob("*.partial"))


def test_a_probe_s_data_adopt_the_tokenizer(data):
    other = TextDataModule(Sentences(version=2), max_length=40, tokens_per_batch=200)
    with pytest.raises(ValueError, match="adopt"):
        other.prepare_data()
    other.adopt(data)
    assert other.vocabulary.size == data.vocabulary.size


def test_a_small_table_is_refused(data):
    from types import SimpleNamespace

    from lit_pretrain.encoders.bert import BERT

    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(encoder=BERT(100, 8, 1, 1)))
    with pytest.raises(ValueError, match=r"100 token embeddings.*vocab_size"):
        data.setup("fit")
    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(encoder=BERT(512, 8, 1, 1, max_length=30)))
    with pytest.raises(ValueError, match=r"30 positions.*max_length=40"):
        data.setup("fit")


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match="tokens_per_batch=10"):
        TextDataModule(Sentences(), Bytes(), max_length=20, tokens_per_batch=10)


def test_the_standard_library_is_labelled_and_split_by_text():
    source = StandardLibrary()
    splits = {split: list(source.documents(split)) for split in ("train", "validation", "test")}
    found = [set(d.text for d in documents) for documents in splits.values()]
    assert all(len(f) > 200 for f in found) and not found[0] & found[1] and not found[0] & found[2]
    labels = {d.label for d in splits["train"]} - {None}
    assert len(labels) >= 8 and {d.label for d in splits["test"]} - {None} <= labels
    assert any("lambda" in d.text for d in splits["train"] if d.label is None)


def test_real_sentiment_sentences(data_dir, cache):
    from lit_pretrain.datamodules.text.source.files import Files

    folder = data_dir / "text/sst2"
    source = Files(*(str(folder / f"{s}.jsonl") for s in ("train", "dev", "test")), label_field="label")
    data = TextDataModule(source, Bytes())
    counts = [sum(b.num_examples for b in data.loader(s, shuffle=False, labelled=True))
              for s in ("train", "validation", "test")]  # fmt: skip
    assert counts == [6920, 872, 1821] and data.class_names == ("0", "1")
