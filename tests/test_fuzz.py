"""Damaged files are read, or refused by a word that names them; a short version of `experiments.reliability.fuzz`."""

import os
import random
import signal
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest

from experiments.reliability import fuzz
from experiments.reliability.readers import READERS, Reader
from lit_pretrain.config.mistake import Mistake
from lit_pretrain.datamodules.unreadable import Unreadable

CASES = 20
INSTALLED = [name for name in READERS if "SMILES" not in name or find_spec("rdkit")]


@pytest.mark.parametrize("name", INSTALLED)
def test_damaged_files(name):
    found = dict(islice(fuzz.outcomes(name), CASES))
    assert set(found) == set(range(CASES))
    assert set(found.values()) <= {fuzz.READ, fuzz.REFUSED}, {number: what for number, what in found.items() if ":" in what}


@pytest.mark.parametrize("name", INSTALLED)
def test_whole_files_are_read(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path / "cache"))
    files = READERS[name].files()
    first = min(files)
    assert fuzz.outcome(READERS[name], files, first, files[first], tmp_path / "files") == fuzz.READ


def read(folder: Path) -> list:
    """A reader with faults, each on one content of the file."""
    match (folder / "file.bin").read_bytes():
        case b"odd":
            return [Unreadable(f"{folder}/file.bin", "odd")]
        case b"clear":
            raise ValueError(f"{folder / 'file.bin'} is damaged")
        case b"mistake":
            raise Mistake(f"{folder / 'file.bin'} is damaged")
        case b"unnamed":
            raise ValueError("something is damaged")
        case b"other":
            raise KeyError(str(folder / "file.bin"))
        case b"bomb":
            bytearray(2 * fuzz.MEMORY)
        case b"death":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"hang":
            time.sleep(60)
    return []


@pytest.mark.parametrize(("content", "what"), [
    (b"good", "read"), (b"odd", "refused"), (b"clear", "refused"), (b"mistake", "refused"), (b"unnamed", "ValueError in"),
    (b"other", "KeyError in"), (b"bomb", "MemoryError in"), (b"death", "the process died with exit code -9"),
    (b"hang", "no answer within"),
])  # fmt: skip
def test_what_counts_as_a_finding(content, what, monkeypatch):
    monkeypatch.setitem(READERS, "faulty", Reader(lambda: {"file.bin": content}, read))
    monkeypatch.setattr(fuzz, "damaged", lambda held, others, draw: held)
    monkeypatch.setattr(fuzz, "SECONDS", 2.0)
    for number, found in islice(fuzz.outcomes("faulty", first=7), 2):  # a process that died or hangs is replaced
        assert found.startswith(what) and number in (7, 8)


def test_a_case_is_the_same_again():
    files = READERS["text: JSON lines"].files()
    draws = [[fuzz.damaged(files["a.jsonl"], [b"other"], random.Random(number)) for number in range(40)] for _ in range(2)]
    assert draws[0] == draws[1] and sum(content != files["a.jsonl"] for content in draws[0]) > 30


def test_the_table_is_added_to(tmp_path):
    fuzz.write(tmp_path / "fuzz.csv", [["units", 3, 2, 1, 0]])
    fuzz.write(tmp_path / "fuzz.csv", [["text: lines", 5, 5, 0, 0], ["units", 9, 9, 0, 0]])
    lines = (tmp_path / "fuzz.csv").read_text().splitlines()
    assert lines == ["reader,cases,read,refused,findings", "text: lines,5,5,0,0", "units,9,9,0,0"]
