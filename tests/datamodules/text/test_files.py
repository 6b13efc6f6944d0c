"""Local files: layouts, and what is wrong with them named by file and line."""

import gzip
import json

import pytest

from lit_pretrain.datamodules.text.source.base import Document
from lit_pretrain.datamodules.text.source.files import Files


def read(split="train", **settings):
    return list(Files(**settings).documents(split))


@pytest.mark.parametrize("split_on, count", [("file", 1), ("blank_line", 2), ("line", 3)])
def test_text(tmp_path, split_on, count):
    (tmp_path / "a.txt").write_text("one\ntwo\n\nthree\n")
    found = read(train=str(tmp_path / "a.txt"), split_on=split_on)
    assert len(found) == count and "three" in found[-1].text


def test_json_lines_packed_and_plain(tmp_path):
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": 0}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(text)
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write(text)
    assert read(train=str(tmp_path), label_field="label") == [Document("a", "1"), Document("b", "0")] * 2
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "c.jsonl.zst").write_bytes(zstandard.compress(text.encode()) * 3)  # three frames, as pzstd writes
    assert len(read(train=str(tmp_path))) == 10


def test_parquet(tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "y": ["p", "q"]}), tmp_path / "a.parquet")
    assert read(train=str(tmp_path), label_field="y") == [Document("a", "p"), Document("b", "q")]
    with pytest.raises(ValueError, match=r"a\.parquet: no column \['z'\]"):
        read(train=str(tmp_path), label_field="z")


def test_bad_rows_are_named_and_skipped_up_to_a_share(tmp_path):
    path = tmp_path / "a.jsonl"
    good = b'{"text": "fine"}\n'
    path.write_bytes(good * 50 + b'{"text": "half\n' + b'{"other": 1}\n' + b'{"text": "\xff"}\n')
    with pytest.warns(UserWarning, match=r"3 of 53 rows.*line 51: not JSON.*line 52: no field 'text'.*line 53: not UTF-8"):
        assert len(read(train=str(path), max_bad=0.1)) == 50
    with pytest.raises(ValueError, match=r"a\.jsonl: 3 of 53 rows are bad.*max_bad"):
        read(train=str(path))


def test_missing_files_are_named_with_the_nearest(tmp_path):
    (tmp_path / "train.txt").write_text("x")
    with pytest.raises(ValueError, match=r"trian\.txt.*did you mean .*train\.txt"):
        read(train=str(tmp_path / "trian.txt"))
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(ValueError, match=r"a\.csv ends in none of"):
        read(train=str(tmp_path / "a.csv"))


def test_a_held_out_share_is_stable_and_disjoint(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"line {i}\n" for i in range(1000)))
    settings = {"train": str(path), "split_on": "line", "validation_fraction": 0.1}
    train, held_out = read(**settings), read("validation", **settings)
    assert len(held_out) == 100 and len(train) + len(held_out) == 1000
    assert not set(train) & set(held_out) and held_out == read("validation", **settings)


def test_one_long_file_is_held_out_in_blocks(tmp_path):
    path = tmp_path / "a.txt"
    text = "".join(f"line {i}\n" for i in range(20_000))
    path.write_text(text)
    train, held_out = (read(s, train=str(path), validation_fraction=0.1) for s in ("train", "validation"))
    assert 0.05 < sum(len(d.text) for d in held_out) / len(text) < 0.15
    assert sorted(line for d in train + held_out for line in d.text.splitlines()) == sorted(text.splitlines())


def test_the_fingerprint_follows_the_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    source = Files(str(path))
    before = source.fingerprint("train")
    assert before == Files(str(path)).fingerprint("train")
    path.write_text("xy")
    assert source.fingerprint("train") != before


def test_one_bad_line_of_a_book_is_skipped(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n" * 1000 + b"b\xffd\n")
    with pytest.warns(UserWarning, match=r"1 of 1001 rows.*line 1001: not UTF-8"):
        assert read(train=str(path)) == [Document(("good\n" * 1000).strip())]


def test_no_label_and_half_a_character(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": null}\n{"text": "b", "label": 0}\n{"text": "\\ud800", "label": 1}\n')
    with pytest.warns(UserWarning, match="line 3: not UTF-8"):
        assert read(train=str(path), label_field="label", max_bad=0.5) == [Document("a"), Document("b", "0")]


def test_damaged_files_are_named(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    text = b"".join(b'{"text": "%d"}\n' % i for i in range(5000))
    files = {"half.jsonl.gz": gzip.compress(text)[:5000], "no.jsonl.gz": text, "no.parquet": text, "no.jsonl.zst": text,
             "flipped.jsonl.gz": gzip.compress(text)[:3000] + b"x" * 3000,
             "half.jsonl.zst": zstandard.compress(text)[:500]}  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} is damaged|{name}: .*bad"):
            read(train=str(tmp_path / name))


def test_bad_rows_of_a_table_have_numbers(tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", None, "b"]}), tmp_path / "a.parquet")
    with pytest.warns(UserWarning, match="1 of 3 rows.*row 2: field 'text' is no text"):
        assert len(read(train=str(tmp_path / "a.parquet"), max_bad=0.5)) == 2
