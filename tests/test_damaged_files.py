"""What `experiments.reliability.fuzz` has found, each finding once: the error now says which file is damaged, and how."""

import json
import re
import zipfile
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest

from experiments.reliability.readers import READERS
from lit_pretrain.config.mistake import Mistake
from lit_pretrain.datamodules.unreadable import Unreadable

Damage = Callable[[bytes], bytes]
NOT_TEXT: Damage = lambda content: content + b"\xff\n"  # noqa: E731
DEEP: Damage = lambda content: b'{"a":' * 50_000  # noqa: E731


def replace(old: bytes | str, new: bytes | str) -> Damage:
    old, new = (x.encode() if isinstance(x, str) else x for x in (old, new))

    def damage(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return damage


def flip(place: int) -> Damage:
    return lambda content: content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


def rate(samples: int) -> Damage:
    """Another rate in a WAV file of 8 kHz: 1 of them makes days of a moment, and 31,999 a filter of gigabytes."""
    return replace((8000).to_bytes(4, "little"), samples.to_bytes(4, "little"))


def with_pickle(code: bytes) -> Damage:
    """Another program in a file of `torch.save`."""

    def damage(content: bytes) -> bytes:
        with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(file := BytesIO(), "w") as new:
            for name in old.namelist():
                new.writestr(name, code if name.endswith("data.pkl") else old.read(name))
        return file.getvalue()

    return damage


def key(name: str, value: object = None) -> Damage:
    """Another value in a JSON object; None: it is missing."""

    def damage(content: bytes) -> bytes:
        found = {k: v for k, v in json.loads(content).items() if k != name}
        return json.dumps(found if value is None else found | {name: value}).encode()

    return damage


def units(offsets: list[int]) -> bytes:
    np.savez(file := BytesIO(), ids=np.arange(6, dtype=np.uint16), offsets=np.array(offsets))
    return file.getvalue()


MANIFEST = "step-0000001.ckpt.json"
FOUND: list[tuple[str, str, Damage, str]] = [
    # reader, file, damage, what is said
    ("text: Parquet", "a.parquet", flip(4), r"a\.parquet is damaged"),
    ("text: Parquet", "a.parquet", replace("Row 0 says", b"Row \xff says"), r"a\.parquet is damaged"),
    ("text: tagged words", "a.conll", NOT_TEXT, r"a\.conll, line \d: not UTF-8"),
    ("text: trained tokenizer", "tokenizer", NOT_TEXT, r"tokenizer-\w+\.json is damaged .*delete it"),
    ("text: published tokenizer", "tokenizer.json", replace('"<":38', '"<":2147483648'), "ids end before 16,777,216"),
    ("text: published tokenizer", "tokenizer.json", DEEP, "cannot be loaded"),
    ("text: published tokenizer", "tokenizer_config.json", key("unk_token", {}), "cannot be loaded"),
    ("text: published tokenizer", "tokenizer_config.json", replace('"[UNK]"', '"[ABC]"'), ""),
    ("vision: folder", "metadata.jsonl", NOT_TEXT, r"metadata\.jsonl, line 3: not UTF-8"),
    ("vision: folder", "metadata.jsonl", DEEP, r"metadata\.jsonl, line 1: "),
    ("vision: folder", "metadata.jsonl", replace('"two"', '"tw\u2028o"'), ""),
    ("speech: manifest in JSON", "list.jsonl", NOT_TEXT, r"list\.jsonl, line 5: not UTF-8"),
    ("speech: manifest in JSON", "list.jsonl", replace('"a.wav"', "{}"), r"list\.jsonl, line 1: no path"),
    ("speech: manifest in JSON", "list.jsonl", replace('"a.wav"', '{"b": 1}'), r"list\.jsonl, line 1: no path"),
    ("speech: manifest in JSON", "list.jsonl", replace("0.2", "9" * 5000), r"list\.jsonl, line 1: "),
    ("speech: manifest in JSON", "list.jsonl", replace("0.2", "1e400"), "duration 'inf' is no number"),
    ("speech: manifest in a table", "list.tsv", NOT_TEXT, r"list\.tsv, line 6: not UTF-8"),
    ("speech: manifest in a table", "list.tsv", replace("0.2", "-3"), "duration '-3.0' is no number"),
    ("speech: manifest in a table", "a.wav", rate(1), "has 1 samples a second"),
    ("speech: manifest in a table", "a.wav", rate(31_999), "has 31999 samples a second, which cannot be made"),
    ("graph: arrays", "nodes.npz", flip(60), r"nodes\.npz' cannot be read"),
    ("graph: OGB", "raw/edge.csv.gz", flip(10), r"edge\.csv\.gz cannot be read"),
    ("graph: torch", "a.pt", with_pickle(b"\x80\x02."), r"a\.pt cannot be read"),
    ("graph: torch", "a.pt", with_pickle(b"\x80\x02h\x07."), r"a\.pt cannot be read"),
    ("graph: table of SMILES", "a.csv", replace("0.5", "9" * 30), ""),
    ("graph: table of SMILES", "a.csv", replace("0.5", "0.5,7"), ""),
    ("graph: list of SMILES", "a.smi", NOT_TEXT, r"a\.smi, line 5: not UTF-8"),
    ("graph: TUDataset", "graph_labels", lambda content: content[:-2], "MUTAG 5 of root=.* is damaged"),
    ("units", "units.json", NOT_TEXT, r"units\.json is no whole JSON"),
    ("units", "units.json", DEEP, r"units\.json is no whole JSON"),
    ("units", "units.json", key("clusters"), r"units\.json is no JSON object with clusters"),
    ("units", "units-train.npz", flip(80), r"units-train\.npz"),
    ("units", "units-train.npz", lambda content: b"\x80\x04cos\nsystem\n", r"units-train\.npz is no whole .npz file"),
    ("units", "units-train.npz", lambda content: units([0, 9, 6]), "its offsets do not divide its 6 ids"),
    ("checkpoint", MANIFEST, key("bytes"), "holds no whole checkpoint"),
    ("checkpoint", MANIFEST, key("sha256"), "holds no whole checkpoint"),
    ("checkpoint", MANIFEST, DEEP, "holds no whole checkpoint"),
    ("checkpoint's content", "step-0000001.ckpt", with_pickle(b"\x80\x02."), "is refused: it is damaged"),
    ("checkpoint's content", "step-0000001.ckpt", with_pickle(b"\x80\x02X\x01\0\0\0\xff."), "is refused: it is damaged"),
    ("checkpoint's content", "step-0000001.ckpt", with_pickle(b"\x80\x02]."), "was not written by lit_pretrain"),
    ("folder of ours", "encoder.json", NOT_TEXT, r"encoder\.json"),
    ("folder of ours", "encoder.json", replace('"num_heads"', '"num_head\x10"'), r"encoder\.json"),
    ("folder of ours", "encoder.json", replace('"num_heads"', '"number"'), r"encoder\.json: TypeError"),
    ("folder of ours", "encoder.json", key("init_args", {"dim": 0.5}), r"encoder\.json: TypeError"),
    ("folder of ours", "encoder.json", lambda content: b"[]", r"encoder\.json holds no JSON object"),
    ("folder of transformers", "config.json", NOT_TEXT, r"config\.json"),
    ("folder of transformers", "config.json", key("vocab_size", True), "StrictDataclass"),
    ("folder of transformers", "config.json", key("model_type", [1]), "this folder holds no model of transformers"),
    ("folder of an adapted model", "model.safetensors", lambda content: content[:-8], "SafetensorError"),
    ("folder with a pickle", "pytorch_model.bin", with_pickle(b"\x80\x020."), "is refused: it is damaged"),
    ("configuration", "data.yaml", NOT_TEXT, r"data\.yaml cannot be read"),
    ("configuration", "run.yaml", replace("- data.yaml", "- " + "x" * 50_000), "there is no configuration file"),
    ("configuration", "run.yaml", replace("- data.yaml", "- [1]"), "include: expected names of files"),
    ("configuration", "data.yaml", lambda content: b"a: " + b"9" * 5000, r"data\.yaml cannot be read"),
    ("configuration of a run", "config.yaml", NOT_TEXT, r"config\.yaml is damaged"),
    ("configuration of a run", "config.yaml", lambda content: b"a: {", r"config\.yaml is damaged"),
    ("configuration of a run", "config.yaml", lambda content: b"", r"config\.yaml is damaged"),
    ("kept tokens", "tokens/Kept-train", key("labels", [["a"], ["b"]]), "is damaged: delete it.*no text"),
    ("kept tokens", "tokens/Kept-train", key("dtype", "float64"), "is damaged: delete it.*whole numbers"),
    ("kept tokens", "code/KeptPrograms-train", key("dtypes", {}), "is damaged: delete it.*columns"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file", "damage", "said"), FOUND, ids=[f"{name}-{k}" for k, (name, *_) in enumerate(FOUND)]
)
def test_a_damaged_file_is_named(name, file, damage, said, tmp_path, monkeypatch):
    if "SMILES" in name:
        pytest.importorskip("rdkit")
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path / "cache"))
    files = READERS[name].files()
    (damaged,) = [path for path in files if file in path and (file != "step-0000001.ckpt" or path.endswith("ckpt"))
                  and (not file.startswith(("tokens/", "code/")) or path.endswith("meta.json"))]  # fmt: skip
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(damage(content) if path == damaged else content)
    try:
        found = [str(what) for what in READERS[name].read(tmp_path) if isinstance(what, Unreadable)]
    except (ValueError, Mistake) as error:
        found = [str(error)]
    assert any(re.search(said, what, re.DOTALL) for what in found) if said else not found
