"""Each token is labelled by what it is."""

from lit_pretrain.datamodules.code.datamodule import CodeDataModule
from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.types import Layout


class One(Source):
    def programs(self, split):
        yield Program(f"def f(x):\n    return x + 'a{split}'  # {split}", "python", doc="Adds.")

    def fingerprint(self, split):
        return split


def test_tokens_are_labelled(tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path))
    settings = {"max_length": 200, "max_doc_length": 10, "tokens_per_batch": 400}
    data = CodeDataModule(One(), Bytes(), tags=True, **settings)
    assert data.unit_names == ("identifier", "keyword", "operator", "literal", "comment")
    batch = next(iter(data.loader("test", shuffle=False, labelled=True)))
    labels = batch.unit_labels.at(Layout(batch.lengths))
    assert len(labels) == len(batch.tokens)
    found = {
        name: data.tokenizer.decode(batch.tokens[labels == number].tolist()) for number, name in enumerate(data.unit_names)
    }
    assert {name: "".join(spelled.split()) for name, spelled in found.items()} == {
        "identifier": "fxx", "keyword": "defreturn", "operator": "():+", "literal": "'atest'", "comment": "#test",
    }  # fmt: skip
    plain = CodeDataModule(One(), Bytes(), **settings)
    assert plain.unit_names == () and next(iter(plain.loader("test", shuffle=False))).unit_labels is None
