"""Tokenizers give text back, know their special ids, and agree with the libraries that they imitate."""

import pytest
import torch

from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.pretrained import Pretrained
from lit_pretrain.datamodules.text.tokenizer.trained import BPE, Unigram, WordPiece

TEXTS = ["The cat sat on the mat.", "Größe: 3 µm\n\tnaïve 😀 x", "  leading and trailing  "] * 20


def trained(kind, folder, **settings):
    made = kind(700, num_sentinels=8, **settings)
    made.prepare(lambda: iter(TEXTS), "texts", folder)
    return made


@pytest.mark.parametrize("kind", [BPE, WordPiece, Unigram])
def test_round_trip_and_bytes(tmp_path, kind):
    made = trained(kind, tmp_path)
    texts = [*TEXTS[:3], "words that it never met, magnitude and 日本"]
    for text, (ids, widths) in zip(texts, made.encode(texts), strict=True):
        assert made.decode(ids) == text
        assert sum(widths) == len(text.encode()) and len(widths) == len(ids)


@pytest.mark.parametrize("kind", [BPE, WordPiece, Unigram])
def test_vocabulary(tmp_path, kind):
    vocab = trained(kind, tmp_path).vocabulary
    assert len(vocab.sentinels) == 8 and vocab.special.sum() == 15
    ids = [vocab.pad, vocab.cls, vocab.sep, vocab.mask, vocab.bos, vocab.eos, *vocab.sentinels]
    assert len(set(ids)) == 14 and vocab.special[ids].all() and vocab.size <= 700


def test_words_begin_at_spaces(tmp_path):
    made = trained(BPE, tmp_path)
    ids, _ = made.encode(["the mat sat"])[0]
    starts = made.vocabulary.starts_word[torch.tensor(ids)]
    assert int(starts.sum()) == 2 and not starts[0]  # a document's first token begins a word without a space


def test_bytes_equal_byt5():
    from transformers import ByT5Tokenizer

    theirs, ours = ByT5Tokenizer(), Bytes()
    for text in TEXTS[:3]:
        assert ours.encode([text])[0][0] == theirs(text, add_special_tokens=False).input_ids
        assert ours.decode(ours.encode([text])[0][0]) == text
    vocab = ours.vocabulary
    assert vocab.size == len(theirs) and vocab.eos == theirs.eos_token_id and vocab.pad == theirs.pad_token_id


def test_templates(tmp_path):
    vocab = trained(BPE, tmp_path).vocabulary
    assert trained(BPE, tmp_path).around() == ([vocab.cls], [vocab.sep])
    assert trained(BPE, tmp_path, template="decoder").around() == ([vocab.bos], [vocab.eos])
    assert trained(BPE, tmp_path, template="seq2seq").around() == ([], [vocab.eos])
    assert Bytes("none").around() == ([], [])


def test_transformers_reads_what_we_write(tmp_path):
    from transformers import PreTrainedTokenizerFast

    made = trained(BPE, tmp_path)
    (tmp_path / "tokenizer.json").write_text(made.artifacts()["tokenizer.json"])
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), mask_token="[MASK]",
                                     cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]")  # fmt: skip
    ids, widths = made.encode(TEXTS[1:2])[0]
    assert theirs(TEXTS[1], add_special_tokens=False).input_ids == ids
    theirs.save_pretrained(tmp_path / "hub")
    loaded = Pretrained(str(tmp_path / "hub"))
    loaded.prepare(lambda: iter(()), "", tmp_path)
    assert loaded.encode(TEXTS[1:2])[0] == (ids, widths)
    assert loaded.vocabulary.mask == made.vocabulary.mask and loaded.vocabulary.size == made.vocabulary.size


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="vocab_size=300"):
        BPE(300)
    with pytest.raises(ValueError, match="prepare_data"):
        BPE(600, 8).encode(["x"])
    with pytest.raises(ValueError, match="nowhere"):
        Pretrained(str(tmp_path / "nowhere")).prepare(lambda: iter(()), "", tmp_path)
