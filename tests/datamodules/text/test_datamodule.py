"""No token is lost or doubled, the order is a function of seed and epoch, and the labelled view is what it says."""

import multiprocessing
from itertools import chain, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_pretrain.datamodules.order import balanced, evenly, plan
from lit_pretrain.datamodules.text.datamodule import Pieces, TextDataModule, collate
from lit_pretrain.datamodules.text.source.base import Document, Source
from lit_pretrain.datamodules.text.source.files import Files
from lit_pretrain.datamodules.text.source.standard_library import StandardLibrary
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.trained import BPE, Unigram
from lit_pretrain.datamodules.text.tokens import Tokens

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


def texts_of(data: TextDataModule, split: str) -> str:
    return "".join(texts(data, data.loader(split, shuffle=False)))


def test_pieces_put_together_are_the_documents(data):
    assert texts_of(data, "train") == "".join(d.text for d in data.source.documents("train"))


@given(
    sizes=st.lists(st.integers(0, 50), max_size=12),
    room=st.integers(1, 20),
    budget=st.integers(1, 60),
    before=st.lists(st.just(-1), max_size=2),
    after=st.lists(st.just(-2), max_size=2),
)
def test_packs_hold_each_token_once_in_order_within_the_budget(sizes, room, budget, before, after):
    offsets = np.cumsum([0, *sizes])
    tokens = Tokens(np.arange(offsets[-1]), np.ones(offsets[-1], np.uint16), offsets, np.full(len(sizes), -1), ())
    pieces = Pieces(tokens, (), room, before, after, labelled=False)
    batches = [collate([pieces[i] for i in batch]) for batch in plan(
        pieces.lengths, budget, shuffle=False, bucket=False, seed=0, epoch=0)]  # fmt: skip
    read = [piece.tolist() for batch in batches for piece in batch.tokens.split(batch.lengths)]
    inside = [piece[len(before) : len(piece) - len(after)] for piece in read]
    assert list(chain(*inside)) == list(range(offsets[-1])) and all(inside)
    assert all(piece == [*before, *own, *after] for piece, own in zip(read, inside, strict=True))
    ends = {own[-1] + 1 for own in inside}
    assert {int(offset) for offset in offsets[1:]} <= ends | {0}, "a piece reaches over the end of its document"
    assert len(inside) == sum(-(-size // room) for size in sizes), "more pieces than the room asks for"
    assert all(batch.num_examples == 1 or batch.num_units <= budget for batch in batches)
    full = [batch.num_units for batch in batches]
    assert all(a + b > budget for a, b in pairwise(full)), "two packs would have been one"


def test_a_batch_is_described_by_its_text(data):
    batch = next(iter(data.loader("train", shuffle=False, labelled=True)))
    texts_there = [d.text for d in data.source.documents("train")]
    described = data.describe(batch)
    assert len(described) == batch.num_examples
    assert all(texts_there[i].startswith(text) for i, text in zip(batch.index.tolist(), described, strict=True))


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
    for world in (1, 2, 3, 7):
        ranks = [evenly(batches, world)[rank::world] for rank in range(world)]
        assert len({len(rank) for rank in ranks}) == 1
        shared = [batch for step in zip(*ranks, strict=True) for batch in step]
        assert list(chain(*shared)) == list(chain(*batches)), "every example once, in the same order"
        assert shared[: len(batches) - 2 * world] == batches[: len(batches) - 2 * world]
    assert evenly([[0, 1, 2]], 3) == [[0], [1], [2]]
    assert evenly([[0]], 2) == []


def test_ranks_of_a_trainer_partition_the_data(data):
    found = []
    for rank in range(2):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        found.append(torch.cat([batch.index for batch in data.loader("train", shuffle=True)]).tolist())
    data.trainer = None
    everything = torch.cat([batch.index for batch in data.loader("train", shuffle=False)]).tolist()
    assert sorted(found[0] + found[1]) == everything


def test_the_seed_of_the_run_sets_the_order(data, monkeypatch):
    orders = []
    for seed in ("0", "1", "0"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        orders.append(torch.cat([batch.index for batch in data.loader("train", shuffle=True)]).tolist())
    assert orders[0] == orders[2] != orders[1]


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
    from lit_pretrain.encoders.bert import BERT

    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(encoder=BERT(100, 8, 1, 1)))
    with pytest.raises(ValueError, match=rf"100 token embeddings.*{data.vocab_size} ids.*vocab_size"):
        data.setup("fit")
    table = SimpleNamespace(token_table=lambda: torch.zeros(data.vocab_size, 2))  # an adapter has no `embedding`
    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(encoder=table))
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
    folder = data_dir / "text/sst2"
    source = Files(*(str(folder / f"{s}.jsonl") for s in ("train", "dev", "test")), label_field="label")
    data = TextDataModule(source, Bytes())
    counts = [sum(b.num_examples for b in data.loader(s, shuffle=False, labelled=True))
              for s in ("train", "validation", "test")]  # fmt: skip
    assert counts == [6920, 872, 1821] and data.class_names == ("0", "1")
    chosen = torch.cat([b.labels for b in data.loader("train", shuffle=False, labelled=True, limit=100)])
    assert chosen.bincount().tolist() == [50, 50]


def test_real_books(data_dir, cache):
    folder = data_dir / "text/gutenberg"
    source = Files(*(str(folder / split) for split in ("train", "valid", "test")))
    data = TextDataModule(source, BPE(4096))
    for split in ("validation", "test"):
        found = list(source.documents(split))
        assert texts_of(data, split) == "".join(d.text for d in found) and len(found) == 1
    assert len(list(source.documents("train"))) == 5


class Labels(Source):
    """One document a label; the splits have not the same ones."""

    def __init__(self, **splits: list[str]):
        self.splits = splits

    def documents(self, split):
        return (Document(f"about {label}", label) for label in self.splits.get(split, []))

    def fingerprint(self, split):
        return f"{self.splits.get(split)}"


def test_a_split_that_lacks_a_class_keeps_the_numbers(cache):
    data = TextDataModule(Labels(train=["a", "b", "c"], validation=["c", "b"], test=["a", "z"]), Bytes())
    assert next(iter(data.loader("validation", shuffle=False, labelled=True))).labels.tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"\['z'\] do not occur in the training split"):
        data.loader("test", shuffle=False, labelled=True)


def test_index_is_the_number_in_the_source(data):
    chosen = torch.cat([b.index for b in data.loader("train", shuffle=False, labelled=True, limit=11)])
    whole = torch.cat([b.index for b in data.loader("train", shuffle=False, labelled=True)])
    assert set(chosen.tolist()) < set(whole.tolist()) == {i for i in range(60) if i % 3}


def test_a_checkpoint_of_another_tokenizer_is_refused(data):
    state = data.state_dict()
    data.load_state_dict(state)
    other = TextDataModule(Sentences(version=3), BPE(512, num_sentinels=4), max_length=40, tokens_per_batch=200)
    with pytest.raises(ValueError, match="training data have changed"):
        other.load_state_dict(state)
    other.accept_changes = True
    with pytest.raises(ValueError, match="another tokenizer"), pytest.warns(UserWarning, match="have changed"):
        other.load_state_dict(state)


def test_artifacts_spare_the_training(data):
    other = TextDataModule(Sentences(version=4), BPE(512, num_sentinels=4), max_length=40, tokens_per_batch=200)
    other.restore(data.artifacts())
    assert other.state_dict()["tokenizer"] == data.state_dict()["tokenizer"] and other.source.reads == 0


def test_a_damaged_cache_is_named(cache, data):
    (file,) = cache.glob("tokens/Sentences-train-*/ids.bin")
    file.write_bytes(file.read_bytes()[:-2])
    again = TextDataModule(Sentences(), BPE(512, num_sentinels=4), max_length=40, tokens_per_batch=200)
    with pytest.raises(ValueError, match=r"Sentences-train-.*delete it"):
        again.tokens("train")


def prepare(path, start, said):
    data = TextDataModule(Files(path, split_on="line"), Unigram(600, 4))
    start.wait()
    data.prepare_data()
    said.put((data.tokenizer.digest, len(data.tokens("train").ids)))


def test_processes_at_once_share_one_cache(cache, tmp_path):
    (tmp_path / "a.txt").write_text("one of these lines\n" * 3000)
    fork = multiprocessing.get_context("fork")
    start, said = fork.Barrier(3), fork.Queue()
    running = [fork.Process(target=prepare, args=(str(tmp_path / "a.txt"), start, said)) for _ in range(3)]
    for process in running:
        process.start()
    assert len({said.get(timeout=60) for _ in running}) == 1  # Unigram: each would train another one
    for process in running:
        process.join()
    assert len(list((cache / "tokens").iterdir())) == 3 and len(list(cache.glob("tokenizer-*"))) == 1
