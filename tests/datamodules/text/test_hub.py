"""Data sets of the `datasets` library, saved on disk, plain and streamed."""

import datasets
import pytest

from lit_pretrain.datamodules.text.source.base import Document
from lit_pretrain.datamodules.text.source.hub import Hub


@pytest.fixture
def folder(tmp_path):
    features = datasets.Features({"sentence": datasets.Value("string"), "y": datasets.ClassLabel(names=["bad", "good"])})
    rows = {split: {"sentence": [f"{split} a", f"{split} b"], "y": [0, 1]} for split in ("train", "test")}
    made = datasets.DatasetDict({k: datasets.Dataset.from_dict(v, features=features) for k, v in rows.items()})
    made.save_to_disk(str(tmp_path / "set"))
    return str(tmp_path / "set")


@pytest.mark.parametrize("streaming", [False, True])
def test_documents_with_the_names_of_their_labels(folder, streaming):
    source = Hub(folder, text_field="sentence", label_field="y", validation=None, streaming=streaming)
    assert list(source.documents("train")) == [Document("train a", "bad"), Document("train b", "good")]
    assert list(source.documents("validation")) == []
    assert source.fingerprint("train") != source.fingerprint("test")


def test_mistakes_are_named(folder):
    with pytest.raises(ValueError, match=r"no column 'text'; it has \['sentence', 'y'\]"):
        list(Hub(folder).documents("train"))
    with pytest.raises(ValueError, match=r"split 'validation'"):
        list(Hub(folder).documents("validation"))


def test_rows_without_a_label_or_a_text(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "y": datasets.ClassLabel(names=["bad", "good"])})
    made = datasets.Dataset.from_dict({"text": ["a", "b", None], "y": [-1, 1, None]}, features=features)
    made.save_to_disk(str(tmp_path / "set"))  # one data set, without splits
    source = Hub(str(tmp_path / "set"), label_field="y", validation=None, test=None)
    assert list(source.documents("train")) == [Document("a"), Document("b", "good"), Document("")]
