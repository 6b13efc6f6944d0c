"""Each token has the tag of its word, whatever the tokenizer makes of it."""

import numpy as np
import pytest

from lit_pretrain.datamodules.text.source.columns import Columns, Sentence
from lit_pretrain.datamodules.text.tagged import TaggedTextDataModule, token_tags
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.trained import BPE, Unigram, WordPiece

TEXT = (
    "Zoë\tB-person\nAdair\tI-person\nsaw\tO\nNew\tB-location\nYork\tI-location\n\n"
    "# a comment\nrain\tO\n\n\nIn\tO\nRome\tB-location\n"
)


@pytest.fixture
def columns(tmp_path):
    (tmp_path / "train.conll").write_text(TEXT * 20)
    (tmp_path / "dev.conll").write_text(TEXT + "\nLast\tB-person")
    return Columns(str(tmp_path / "train.conll"), str(tmp_path / "dev.conll"))


def test_sentences_are_read(columns):
    found = list(columns.sentences("validation"))
    assert found[0].words == ("Zoë", "Adair", "saw", "New", "York")
    assert found[0].tags == ("B-person", "I-person", "O", "B-location", "I-location")
    assert [len(sentence.words) for sentence in found] == [5, 1, 2, 1] and list(columns.sentences("test")) == []
    with pytest.raises(ValueError, match=r"line 1: .* has 2 columns and is asked for 0 and 3"):
        list(Columns(columns.paths["train"], tag=3).sentences("train"))


@pytest.mark.parametrize("tokenizer", [Bytes, BPE, WordPiece, Unigram], ids=lambda kind: kind.__name__)
def test_tokens_have_the_tags_of_their_words(columns, tokenizer):
    made = tokenizer() if tokenizer is Bytes else tokenizer(vocab_size=700)
    data = TaggedTextDataModule(columns, made, types=True)
    assert data.unit_names == ("O", "location", "person")
    (batch,) = data.loader("validation", shuffle=False)
    spelled: dict[str, str] = {}
    labels = batch.unit_labels.split()
    for ids, own in zip(batch.tokens.split(batch.lengths), labels, strict=True):
        assert (own[data.vocabulary.special[ids]] == -1).all()
        for number, name in enumerate(data.unit_names):
            spelled[name] = spelled.get(name, "") + data.tokenizer.decode(ids[own == number].tolist())
    spelled = {name: text.replace(" ", "") for name, text in spelled.items()}
    assert spelled == {"person": "ZoëAdairLast", "location": "NewYorkRome", "O": "sawrainIn"}


def test_a_token_over_a_space_is_of_the_later_word():
    sentence = Sentence(("ab", "c", "dé"), ("X", "Y", "Z"))
    number = "XYZ".index
    assert token_tags(sentence, [1, 1, 2, 1, 3], number).tolist() == [0, 0, 1, 1, 2]
    assert token_tags(sentence, [2, 2, 4], number).tolist() == [0, 1, 2], "' c' and ' dé'"
    assert token_tags(sentence, [4, 4], number).tolist() == [1, 2], "'ab c' ends in c"


def test_only_the_first_token_of_a_word_may_have_its_tag():
    sentence = Sentence(("ab", "c", "dé"), ("X", "X", "Z"))
    number = "XYZ".index
    assert token_tags(sentence, [1, 1, 2, 1, 3], number, first=True).tolist() == [0, -1, 0, -1, 2]
    assert token_tags(sentence, [1, 1, 1, 1, 1, 3], number, first=True).tolist() == [0, -1, -1, 0, -1, 2]


def test_sentences_are_cut_and_adopt_a_tokenizer(columns):
    data = TaggedTextDataModule(columns, max_length=4)
    with pytest.raises(ValueError, match="has no tokenizer"):
        data.loader("train", shuffle=False)
    data.adopt(TaggedTextDataModule(columns, Bytes()))
    assert data.unit_names == ("B-location", "B-person", "I-location", "I-person", "O")
    (batch, *_) = data.loader("train", shuffle=False, limit=3)
    assert max(batch.lengths) == 4 and batch.unit_labels.lengths == batch.lengths and batch.num_examples == 3


def test_real_tags(data_dir):
    paths = {split: str(data_dir / f"text/wnut17/{name}.conll") for split, name in
             (("train", "train"), ("validation", "dev"), ("test", "test"))}  # fmt: skip
    source = Columns(**paths)
    sentences = {split: list(source.sentences(split)) for split in paths}
    assert {split: len(found) for split, found in sentences.items()} == {"train": 3394, "validation": 1009, "test": 1287}
    assert sum(len(sentence.words) for sentence in sentences["train"]) == 62730
    data = TaggedTextDataModule(source, Bytes(), types=True, max_length=1024)
    assert data.unit_names == ("O", "corporation", "creative-work", "group", "location", "person", "product")
    batch = next(iter(data.loader("validation", shuffle=False)))
    assert 0.02 < float(np.mean([(labels > 0).float().mean() for labels in batch.unit_labels.split()])) < 0.3
