"""What sources of code give, what they leave out and count, and that mistakes are named."""

import gzip
import json
import os
from collections import Counter

import datasets
import pytest

from lit_pretrain.datamodules.code import examples as module
from lit_pretrain.datamodules.code.source.base import Program, Source, language_of
from lit_pretrain.datamodules.code.source.deduplicated import Deduplicated
from lit_pretrain.datamodules.code.source.hub import Hub
from lit_pretrain.datamodules.code.source.json_lines import JSONLines
from lit_pretrain.datamodules.code.source.parallel_lines import ParallelLines
from lit_pretrain.datamodules.code.source.standard_library import StandardLibrary
from lit_pretrain.datamodules.code.source.tree import Tree

CODE = "def add(a, b):\n    return a + b\n"


def all_of(source: Source) -> list[Program]:
    return [program for split in ("train", "validation", "test") for program in source.programs(split)]


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    files = {
        "one/good.py": CODE.encode(),
        "one/latin.py": b"name = 'caf\xe9'\n",
        "one/marked.py": b"\xef\xbb\xbf" + CODE.encode() * 2,
        "one/broken.py": b"def f(:\n",
        "one/binary.py": b"a = 1\0\n",
        "one/wide.py": CODE.encode("utf-16"),
        "one/empty.py": b" \n",
        "one/licence.py": b"# All rights\n# reserved.\n",
        "one/made.py": b"# Automatically generated, do not edit.\nx = 1\n",
        "two/long.js": b"x = 1;" * 1_700_000,  # a line of 10 MB
        "two/main.java": b"/* Licence */ class A { int a() { return 1; } }\n",
        "two/notes.txt": b"no code\n",
        "two/.hidden/secret.py": CODE.encode(),
        "two/node_modules/there.js": b"var x = 1;\n",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "two/back").symlink_to(folder)
    (folder / "two/nothing.py").symlink_to(folder / "missing.py")
    os.mkfifo(folder / "two/pipe.py")
    return folder


def test_a_broken_tree_is_read_and_counted(tree):
    source = Tree(str(tree), validation_fraction=0, test_fraction=0)
    found = list(source.programs("train"))
    assert [p.text for p in found] == ["def f(:\n", CODE, "name = 'caf\ufffd'\n", CODE * 2, found[-1].text]
    assert found[-1].language == "java" and all(p.is_file for p in found)
    once = ("empty", "comments only", "generated", "unreadable", "no plain file", "larger than 1,000,000 bytes")
    assert source.counts == {"binary": 2} | dict.fromkeys(once, 1)
    assert list(source.programs("train")) == found and sum(source.counts.values()) == 8


def test_options_of_a_tree(tree):
    everything = Tree(str(tree), max_bytes=10**8, max_line=None, not_utf8="skip", generated=True, comment_only=True,
                      label="folder", is_file=False)  # fmt: skip
    found = all_of(everything)
    assert {p.label for p in found} == {"one", "two"} and not any(p.is_file for p in found)
    assert max(len(p.text) for p in found) > 10**7
    assert not any("\ufffd" in p.text for p in found)
    chosen = Tree(str(tree), include=["*.java", "one/*"], exclude=["*latin*"], label="language", languages={".java": "java"})
    assert [(p.language, p.label) for p in all_of(chosen)] == [("java", "java")]
    with pytest.raises(ValueError, match="no file below it"):
        all_of(Tree(str(tree), include=["*.go"]))
    with pytest.raises(ValueError, match=r"treee.*did you mean"):
        all_of(Tree(str(tree) + "e"))
    with pytest.raises(ValueError, match=r"test_fraction=0\.6"):
        Tree(str(tree), validation_fraction=0.4, test_fraction=0.6)


def test_splits_of_a_tree_are_stable_shares(tmp_path):
    for i in range(400):
        (tmp_path / f"project{i % 40}").mkdir(exist_ok=True)
        (tmp_path / f"project{i % 40}/file{i}.py").write_text(f"x = {i}\n")
    sizes = [len(list(Tree(str(tmp_path), validation_fraction=0.2).programs(s))) for s in ("train", "validation", "test")]
    assert sum(sizes) == 400 and 50 < sizes[1] < 110 and 5 < sizes[2] < 40
    by_folder = Tree(str(tmp_path), split_by="folder", label="folder", validation_fraction=0.3, test_fraction=0.3)
    projects = [{p.label for p in by_folder.programs(s)} for s in ("train", "validation", "test")]
    assert all(projects) and not projects[0] & projects[1] and not projects[0] & projects[2]
    before = by_folder.fingerprint("train")
    assert before == Tree(**by_folder._init_args).fingerprint("train") != by_folder.fingerprint("test")
    (tmp_path / "project1/file1.py").write_text("x = 'new'\n")
    assert Tree(**by_folder._init_args).fingerprint("train") != before


def test_json_lines(tmp_path):
    row = {"func_code_string": CODE, "docstring": "Adds.", "lang": "C++", "label": 3}
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write((json.dumps(row) + "\n") * 10)
    fields = {"code": "func_code_string", "doc": "docstring", "label": "label"}
    source = JSONLines("a.jsonl.gz", folder=str(tmp_path), language=None, language_field="lang", **fields)
    assert list(source.programs("train")) == [Program(CODE, "cpp", "3", "Adds.")] * 10
    held_out = JSONLines(str(tmp_path), validation_fraction=0.2, is_file=True, **fields)
    assert len(list(held_out.programs("train"))) == 8 and len(list(held_out.programs("validation"))) == 2
    assert next(held_out.programs("train")).language == "python" and next(held_out.programs("train")).is_file
    with pytest.raises(ValueError, match="no field 'code'"):
        list(JSONLines(str(tmp_path)).programs("train"))
    with pytest.raises(ValueError, match="give one of language"):
        JSONLines(str(tmp_path), language_field="lang")


def test_only_relevant_descriptions_are_kept(tmp_path):
    rows = [{"code": CODE, "query": "add two numbers", "label": 1}, {"code": CODE + "#", "query": "open a file", "label": 0}]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = JSONLines("dev.jsonl", folder=str(tmp_path), doc="query", label="label", relevance="label")
    assert list(source.programs("train")) == [Program(CODE, "python", "1", "add two numbers"),
                                              Program(CODE + "#", "python", "0", None)]  # fmt: skip
    everything = JSONLines("dev.jsonl", folder=str(tmp_path), doc="query")
    assert [program.doc for program in everything.programs("train")] == ["add two numbers", "open a file"]
    assert everything.fingerprint("train") != source.fingerprint("train")
    with pytest.raises(ValueError, match="query='add two numbers' must be 1 or 0"):
        list(JSONLines("dev.jsonl", folder=str(tmp_path), doc="query", relevance="query").programs("train"))


def test_parallel_lines(tmp_path):
    (tmp_path / "train.java").write_text("int a() {}\n\nint b() { return '\x0c'; }\n")
    (tmp_path / "train.cs").write_text("int A() {}\nint none;\nint B() {}\n")
    source = ParallelLines(str(tmp_path / "train"))
    first, second = source.programs("train")
    assert first == Program("int a() {}", "java", target="int A() {}") and second.target == "int B() {}"
    assert source.counts == {"half of a pair": 1}
    back = ParallelLines(str(tmp_path / "train"), suffixes=(".cs", ".java"), language="c_sharp")
    assert next(back.programs("train")) == Program("int A() {}", "c_sharp", target="int a() {}")
    (tmp_path / "train.cs").write_text("int A() {}\n")
    with pytest.raises(ValueError, match=r"train\.cs ends before line 2"):
        list(source.programs("train"))


@pytest.mark.parametrize("streaming", [False, True])
def test_hub(tmp_path, streaming):
    rows = {"content": [CODE, "", "int a;"], "lang": ["Python", "Python", "C++"], "stars": [0, 1, 2]}
    datasets.Dataset.from_dict(rows).save_to_disk(str(tmp_path / "set"))
    source = Hub(str(tmp_path / "set"), label="stars", streaming=streaming)
    assert list(source.programs("train")) == [Program(CODE, "python", "0", is_file=True),
                                              Program("int a;", "cpp", "2", is_file=True)]  # fmt: skip
    assert source.counts == {"rows without code or language": 1} and not list(source.programs("test"))
    assert len(list(Hub(str(tmp_path / "set"), limit=1, streaming=streaming).programs("train"))) == 1
    with pytest.raises(ValueError, match="no column 'code'"):
        list(Hub(str(tmp_path / "set"), code="code").programs("train"))


def test_names_of_languages():
    names = ["Python", "C++", "C#", "Objective-C", "Emacs Lisp"]
    assert [language_of(name) for name in names] == ["python", "cpp", "c_sharp", "objective_c", "emacs_lisp"]


class Copies(Source):
    """A function, a copy with one name changed, a copy with other white space, something else; and one held out."""

    def __init__(self):
        super().__init__()
        self.body = "".join(f"    total{i} = items[{i}] * weights[{i}] + total{i - 1}\n" for i in range(1, 30))
        self.splits = {
            "train": ["def f():\n" + self.body, "def g():\n" + self.body, ("def f():\n" + self.body).replace("    ", "\t"),
                      "def other(x):\n    return [y for y in x if y > 3]\n", CODE],
            "validation": [CODE, CODE],
        }  # fmt: skip

    def programs(self, split):
        for text in self.splits.get(split, []):
            yield Program(text, "python")
        self.counts["read"] = 1

    def fingerprint(self, split):
        return split


def test_near_duplicates_are_left_out_and_counted():
    pytest.importorskip("datasketch")
    source = Deduplicated(Copies())
    texts = source.source.splits["train"]
    assert [p.text for p in source.programs("train")] == [texts[0], texts[3]]
    assert source.counts == {"near-duplicates of train": 2, "near-duplicates of validation": 1, "read": 1}
    assert len(list(source.programs("validation"))) == 2, "what is measured on comes whole"
    assert source.fingerprint("train") != Deduplicated(Copies(), threshold=0.9).fingerprint("train")
    with pytest.raises(ValueError, match="threshold=0"):
        Deduplicated(Copies(), threshold=0)


def test_functions_of_the_standard_library():
    source = StandardLibrary()
    splits = {split: list(source.programs(split)) for split in ("train", "validation", "test")}
    texts = [{p.text for p in programs} for programs in splits.values()]
    assert all(len(t) > 500 for t in texts) and not texts[0] & texts[1] and not texts[0] & texts[2]
    labels = {p.label for p in splits["train"]} - {None}
    assert len(labels) >= 8 and {p.label for p in splits["test"]} - {None} <= labels
    with_doc = [p for p in splits["train"] if p.doc]
    assert len(with_doc) > 1000 and not any(p.doc in p.text for p in with_doc[:500])


def test_real_pairs(data_dir):
    source = ParallelLines(*(str(data_dir / f"code/java_cs/{split}") for split in ("train", "valid", "test")))
    assert [len(list(source.programs(s))) for s in ("train", "validation", "test")] == [10295, 499, 1000]


def test_a_program_over_which_the_parser_stumbles_stays_text(monkeypatch):
    def stumble(code, language, doc, types):
        if "odd" in code:
            raise IndexError
        return parse(code, language, doc, types)

    parse = module.parse
    monkeypatch.setattr(module, "parse", stumble)
    counts = Counter()
    programs = [Program("odd = 1", "python", is_file=False), Program("even = 2", "python", is_file=False)]
    odd, even = (parsed for parsed, _, _ in module.examples(programs, ("python",), counts))
    assert odd.code == "odd = 1" and not len(odd.tree) and len(even.tree)
    assert counts["with a syntax that the parser stumbles over"] == 1 and counts["not parsed"] == 1
