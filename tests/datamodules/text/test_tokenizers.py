"""Tokenizers give text back, know their special ids, and agree with the libraries that they imitate."""

from itertools import pairwise

import pytest
import torch

from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.pretrained import Pretrained
from lit_pretrain.datamodules.text.tokenizer.trained import BPE, Unigram, WordPiece

TEXTS = ["The cat sat on the mat.", "Größe: 3 µm\n\tnaïve 😀 x", "  leading and trailing  "] * 20


def trained(kind, folder, **settings):
    made = kind(700, num_sentinels=8, **settings)
    made.prepare(lambda: iter(TEXTS), lambda: "texts", folder)
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


def words(made, text: str) -> list[str]:
    """The text cut where a word starts."""
    ids, _ = made.encode([text])[0]
    starts = made.vocabulary.starts_word[torch.tensor(ids)].tolist()
    cuts = [0, *(i for i in range(1, len(ids)) if starts[i]), len(ids)]
    return [made.decode(ids[a:b]) for a, b in pairwise(cuts)]


@pytest.mark.parametrize("kind", [BPE, Unigram])
def test_words_begin_at_white_space(tmp_path, kind):
    assert words(trained(kind, tmp_path), "the mat.\nA catalogue") == ["the", " mat.", "\nA", " catalogue"]
    assert words(Bytes(), "the mat.\nA catalogue") == ["the", " mat.", "\nA", " catalogue"]


def test_words_of_wordpiece_are_not_continued(tmp_path):
    assert words(trained(WordPiece, tmp_path), "the mat.\nA catalogue") == ["the", " mat", ".", "\n", "A", " catalogue"]


@pytest.mark.parametrize("text", ["### a title\n##! and ## c", "say [MASK] or <extra_id_0> or [SEP]", "=" * 1500, ""])
@pytest.mark.parametrize("kind", [BPE, WordPiece, Unigram])
def test_text_that_looks_like_markers_is_text(tmp_path, kind, text):
    made = trained(kind, tmp_path)
    ids, widths = made.encode([text])[0]
    assert made.decode(ids) == text and sum(widths) == len(text)
    assert not made.vocabulary.special[torch.tensor(ids, dtype=torch.long)].any()


@pytest.mark.parametrize("kind", [BPE, WordPiece])
def test_training_again_gives_the_same_ids(tmp_path, kind):
    assert len({trained(kind, tmp_path / str(i)).identity() for i in range(4)}) == 1


def test_bytes_equal_byt5():
    from transformers import ByT5Tokenizer

    theirs, ours = ByT5Tokenizer(), Bytes()
    for text in TEXTS[:3]:
        assert ours.encode([text])[0][0] == theirs(text, add_special_tokens=False).input_ids
        assert ours.decode(ours.encode([text])[0][0]) == text
    vocab = ours.vocabulary
    assert [theirs.convert_tokens_to_ids(f"<extra_id_{i}>") for i in range(121)] == list(vocab.sentinels)
    assert len({vocab.mask, vocab.cls, vocab.sep, vocab.bos, *vocab.sentinels}) == 125
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
    loaded.prepare(lambda: iter(()), str, tmp_path)
    assert loaded.encode(TEXTS[1:2])[0] == (ids, widths)
    assert loaded.vocabulary.mask == made.vocabulary.mask and loaded.vocabulary.size == made.vocabulary.size


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="vocab_size=300"):
        BPE(300)
    with pytest.raises(ValueError, match="at least 619"):
        WordPiece(600)
    with pytest.raises(ValueError, match="prepare_data"):
        BPE(600, 8).encode(["x"])
    with pytest.raises(ValueError, match="nowhere"):
        Pretrained(str(tmp_path / "nowhere")).prepare(lambda: iter(()), str, tmp_path)


@pytest.mark.parametrize("template", ["encoder", "decoder", "seq2seq", "none"])
def test_an_exported_folder_encodes_as_in_pretraining(tmp_path, template):
    from transformers import AutoTokenizer

    made = trained(BPE, tmp_path, template=template)
    folder = tmp_path / "export"
    folder.mkdir()
    for name, text in made.artifacts().items():
        (folder / name).write_text(text, encoding="utf-8")
    theirs = AutoTokenizer.from_pretrained(folder)
    before, after = made.around()
    assert theirs(TEXTS[1]).input_ids == [*before, *made.encode([TEXTS[1]])[0][0], *after]
    assert theirs.mask_token_id == made.vocabulary.mask and theirs.pad_token_id == made.vocabulary.pad


@pytest.mark.parametrize("kind", [BPE, WordPiece, Unigram])
def test_restored_is_the_same(tmp_path, kind):
    made = trained(kind, tmp_path)
    again = kind(700, num_sentinels=8)
    again.restore(made.artifacts())
    assert again.digest == made.digest and again.encode(TEXTS[:3]) == made.encode(TEXTS[:3])


@pytest.fixture
def published(tmp_path):
    """A folder as published with a model: byte-level BPE that knows "##", and that truncates and pads."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*alphabet, "##", "<pad>", "<mask>"])}
    made = Tokenizer(models.BPE(vocab, [("#", "#")]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.enable_truncation(8)
    made.enable_padding(length=8, pad_id=257, pad_token="<pad>")
    PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", mask_token="<mask>").save_pretrained(tmp_path / "p")
    return str(tmp_path / "p")


def test_a_published_tokenizer_takes_text_as_it_is(published, tmp_path):
    made = Pretrained(published)
    made.prepare(lambda: iter(()), str, tmp_path)
    for text in ("## longer than eight\nbytes of <mask>", "x", ""):
        ids, widths = made.encode([text])[0]
        assert made.decode(ids) == text and sum(widths) == len(text) and not any(made.vocabulary.special[i] for i in ids)
    assert words(made, "## a\nb") == ["##", " a", "\nb"]
    again = Pretrained("gone")
    again.restore(made.artifacts())
    assert again.digest == made.digest and again.encode(["a b"]) == made.encode(["a b"])


def test_the_bytes_of_a_lossy_tokenizer_add_up():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    from lit_pretrain.datamodules.text.tokenizer import subwords

    made = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    for text in ("  a  grö\u0308\u00dfer 日本  ", "a", "   "):
        for ids, widths in subwords.encode(made, [text]):
            assert len(ids) == len(widths) and (sum(widths) == len(text.encode()) or not ids)
