"""Ids decode to the code, tokens keep to the borders of leaves, and annotations stand at the right tokens."""

import numpy as np
import pytest

from lit_pretrain.datamodules.code.encode import Encoder, pieces
from lit_pretrain.datamodules.code.parse.parsed import Parsed
from lit_pretrain.datamodules.code.parse.parser import parse
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.trained import BPE
from lit_pretrain.types import Kind

PROGRAMS = {
    "python": "def grüße(name, x=1):\n    # 😀 so\n\ttotal = x  +\t1\n    return f'{name}!' if total else '''\n b'''  \n\n",
    "java": "int sum(int[] values) {\r\n  int total = 0;\r\n  for (int v : values) { total += v; }\r\n  return total;\r\n}",
    "cpp": "#define N 10\nint main() {\n\n    char c = '\\n';   /* über */\n    return N;\n}\n",
}


@pytest.fixture(params=["bytes", "bpe"])
def tokenizer(request, tmp_path) -> Tokenizer:
    made = Bytes() if request.param == "bytes" else BPE(500, num_sentinels=4)
    made.prepare(lambda: iter(PROGRAMS.values()), lambda: "programs", tmp_path)
    return made


@pytest.mark.parametrize("language", PROGRAMS)
def test_ids_decode_to_the_code_and_no_token_crosses_a_leaf(tokenizer, language):
    parsed = parse(PROGRAMS[language], language, "What it does.")
    (encoded,) = Encoder(tokenizer).encode([(parsed, "")])
    assert len(parsed.kinds) > 10
    ids, code = encoded.ids.tolist(), parsed.code.encode()
    assert tokenizer.decode(ids[: encoded.doc]) == "What it does." and tokenizer.decode(ids[encoded.doc :]) == parsed.code
    ends = np.cumsum(encoded.widths[encoded.doc :])
    starts = np.concatenate([[0], ends[:-1]])
    leaf, kind = encoded.leaf[encoded.doc :], encoded.kind[encoded.doc :]
    assert ends[-1] == len(code)
    for number, ((first, last), leaf_kind) in enumerate(zip(parsed.spans, parsed.kinds, strict=True)):
        own = leaf == number
        assert set(kind[own]) == {leaf_kind}
        assert ends[own].max() == last, "the leaf's last token ends where it ends"
        assert code[starts[own].min() : first].strip() == b"", "white space alone stands before it"
    assert (kind[leaf < 0] == Kind.OTHER).all() and code[starts[leaf < 0].min(initial=len(code)) :].strip() == b""
    assert (encoded.kind[: encoded.doc] == Kind.DOC).all() and (encoded.leaf[: encoded.doc] == -1).all()


def test_names_are_numbered_by_spelling(tokenizer):
    parsed = parse("def f(a, b):\n    return a + f(b, aa) + a\n", "python")
    (encoded,) = Encoder(tokenizer).encode([(parsed, "")])
    spelled: dict[int, set[str]] = {}
    for number, piece in enumerate(pieces(parsed)):
        for name in set(encoded.name[encoded.leaf == number].tolist()):
            spelled.setdefault(name, set()).add(piece.strip())
    others = spelled.pop(-1)
    assert spelled == {0: {"f"}, 1: {"a"}, 2: {"b"}, 3: {"aa"}} and {"def", "return", "+"} <= others


def test_what_does_not_parse_is_plain_text(tokenizer):
    parsed = parse("def f(:\n  '[MASK] <extra_id_0>", "python", "")
    assert len(parsed.tree) == 0
    (encoded,) = Encoder(tokenizer).encode([(parsed, "")])
    assert tokenizer.decode(encoded.ids.tolist()) == parsed.code
    assert (encoded.kind == Kind.OTHER).all() and (encoded.leaf == -1).all() and (encoded.name == -1).all()
    assert not len(encoded.tree) and not len(encoded.variables) and not len(encoded.flow)


def test_remembered_pieces_do_not_change_the_ids(tokenizer, monkeypatch):
    programs = [(parse(code, language), "") for language, code in PROGRAMS.items()]
    whole = Encoder(tokenizer).encode(programs)
    monkeypatch.setattr("lit_pretrain.datamodules.code.encode.KNOWN", 3)
    monkeypatch.setattr("lit_pretrain.datamodules.code.encode.LONG", 2)
    encoder = Encoder(tokenizer)
    for _ in range(2):
        for program, expected in zip(programs, whole, strict=True):
            (encoded,) = encoder.encode([program])
            assert np.array_equal(encoded.ids, expected.ids) and np.array_equal(encoded.widths, expected.widths)


def test_an_empty_batch_and_an_empty_description():
    assert Encoder(Bytes()).encode([]) == []
    (encoded,) = Encoder(Bytes()).encode([(Parsed.plain("x", "python"), "y")])
    assert encoded.doc == 0 and len(encoded.ids) == len(encoded.target) == 1
