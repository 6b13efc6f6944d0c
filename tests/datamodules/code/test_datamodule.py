"""Batches hold the programs they say, whole or cut, in an order that resumes, and the cache goes on after a kill."""

import json
import multiprocessing
import os
import signal
from types import SimpleNamespace

import pytest
import torch

from lit_pretrain.datamodules.code.datamodule import CodeDataModule
from lit_pretrain.datamodules.code.parse.flattening import unflatten
from lit_pretrain.datamodules.code.parse.functions import functions
from lit_pretrain.datamodules.code.parse.parser import parse
from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.code.source.json_lines import JSONLines
from lit_pretrain.datamodules.code.source.parallel_lines import ParallelLines
from lit_pretrain.datamodules.code.source.tree import Tree
from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.trained import BPE
from lit_pretrain.types import CodeBatch, Kind


def function(i: int, lines: int) -> str:
    body = "".join(f"    value{j} = value{j - 1} * {j} + other{i}\n" for j in range(1, lines))
    return f"def f{i}(value0, other{i}):\n{body}    return value{lines - 1}\n"


class Functions(Source):
    """Functions of mixed lengths; every third is unlabelled, every second has a description."""

    def __init__(self, count: int = 40, version: int = 0):
        super().__init__()
        self.count, self.version = count, version
        self.reads = 0

    def programs(self, split):
        self.reads += 1
        first = {"train": 0, "validation": 1000, "test": 2000}[split]
        for i in range(self.count if split == "train" else 6):
            label = None if i % 3 == 0 else f"class {i % 3}"
            doc = f"Works out number {i}." if i % 2 else None
            yield Program(function(first + i + self.version, 1 + i % 9), "python", label, doc)

    def fingerprint(self, split):
        return f"{self.count}-{self.version}-{split}"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(source: Source | None = None, **settings) -> CodeDataModule:
    settings = {"max_length": 100, "max_doc_length": 10, "tokens_per_batch": 400} | settings
    return CodeDataModule(source or Functions(), BPE(600, num_sentinels=4), **settings)


@pytest.fixture
def data(cache) -> CodeDataModule:
    data = made()
    data.prepare_data()
    return data


def examples(batch: CodeBatch):
    """Each example of a batch: number in the source, and its own part of all fields."""
    fields = [getattr(batch, name).split(batch.lengths) for name in ("tokens", "kind", "leaf", "name")]
    firsts = torch.tensor([0, *batch.variables.lengths]).cumsum(0)
    for b, (tree, variables) in enumerate(zip(batch.tree.split(), batch.variables.split(), strict=True)):
        low, high = int(firsts[b]), int(firsts[b + 1])
        own = (batch.flow >= low) & (batch.flow < high)
        assert torch.equal(own[:, 0], own[:, 1]), "data flow stays in a program"
        yield int(batch.index[b]), *(f[b] for f in fields), tree, variables, batch.flow[own[:, 0]] - low


def test_a_whole_program_comes_back(data):
    data.max_length, data.tokens_per_batch = 1000, 2000
    programs = list(data.source.programs("train"))
    seen = []
    for batch in data.loader("train", shuffle=False):
        assert batch.node_types == len(data.node_types) > 50
        for index, tokens, kind, leaf, name, tree, variables, flow in examples(batch):
            program = programs[index]
            parsed = parse(program.text, "python", program.doc or "", data.node_types)
            code = kind >= Kind.IDENTIFIER
            assert data.tokenizer.decode(tokens[code].tolist()) == program.text
            assert data.tokenizer.decode(tokens[kind == Kind.DOC].tolist()) == (program.doc or "")
            assert tree.tolist() == parsed.tree.tolist() and flow.tolist() == parsed.flow.tolist()
            assert variables.tolist() == parsed.variables.tolist() and leaf.max() == len(parsed.kinds) - 1
            special = [batch.vocab.cls, *([batch.vocab.sep] if program.doc else []), batch.vocab.sep]
            assert tokens[kind == Kind.SPECIAL].tolist() == special
            assert (
                (leaf[~code] == -1).all() and (name[~code] == -1).all() and ((name >= 0) == (kind == Kind.IDENTIFIER)).all()
            )
            seen.append(index)
    assert seen == list(range(40))


def test_a_cut_program_is_consistent(data):
    programs = list(data.source.programs("train"))
    cut = 0
    for batch in data.loader("train", shuffle=False):
        assert max(batch.lengths) <= 100 and batch.num_units <= 400
        for index, tokens, kind, leaf, _, tree, variables, flow in examples(batch):
            program = programs[index]
            text = data.tokenizer.decode(tokens[kind >= Kind.IDENTIFIER].tolist())
            assert program.text.startswith(text)
            cut += text != program.text
            assert int((kind == Kind.DOC).sum()) <= 10
            leaves = set(leaf[leaf >= 0].tolist())
            assert set(tree[tree >= 0].tolist()) == leaves and unflatten(tree.tolist())
            assert set(variables.tolist()) <= leaves and (flow < len(variables)).all()
            for i, j in flow.tolist():
                a, b = (data.tokenizer.decode(tokens[leaf == variables[k]].tolist()).strip() for k in (i, j))
                assert a.isidentifier() and b.isidentifier()
    assert cut > 5


def test_bytes_are_those_of_the_tokens(data):
    for batch in data.loader("train", shuffle=False):
        for (_, tokens, *_), count in zip(examples(batch), batch.num_bytes.tolist(), strict=True):
            assert len(data.tokenizer.decode(tokens.tolist()).encode()) == count


def test_without_documentation(data):
    data.documentation = False
    for batch in data.loader("train", shuffle=False):
        assert not batch.is_doc.any() and (batch.kind == Kind.SPECIAL).sum() == 2 * batch.num_examples
    with pytest.raises(ValueError, match="no room for code"):
        made(max_length=12).loader("train", shuffle=False)


def test_batches_are_described_and_moved(data):
    batch = next(iter(data.loader("train", shuffle=False)))
    assert data.describe(batch)[0] == function(0, 1)
    moved = batch.to("cpu").only(batch.is_code)
    assert moved.num_units == int(batch.is_code.sum()) and moved.layout.num_examples == batch.num_examples


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_cut_loader_goes_on_with_the_next_batch(data, num_workers):
    whole = list(data.loader("train", shuffle=True))
    data.num_workers = num_workers
    loader = data.loader("train", shuffle=True)
    next(batches := iter(loader)), next(batches)
    resumed = data.loader("train", shuffle=True)
    resumed.load_state_dict(loader.state_dict())
    rest = list(resumed)
    assert len(rest) == len(whole) - 2 > 3
    for batch, expected in zip(rest, whole[2:], strict=True):
        assert torch.equal(batch.tokens, expected.tokens) and torch.equal(batch.flow, expected.flow)
        assert torch.equal(batch.tree.values, expected.tree.values) and batch.lengths == expected.lengths


def test_ranks_partition_the_data(data):
    found = []
    for rank in range(2):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        found += torch.cat([batch.index for batch in data.loader("train", shuffle=True)]).tolist()
    assert sorted(found) == list(range(40))


def test_labelled_view(data):
    assert data.class_names == ("class 1", "class 2")
    batches = list(data.loader("train", shuffle=False, labelled=True))
    found = {i: label for b in batches for i, label in zip(b.index.tolist(), b.labels.tolist(), strict=True)}
    assert found == {i: i % 3 - 1 for i in range(40) if i % 3}
    limited = torch.cat([b.labels for b in data.loader("train", shuffle=False, labelled=True, limit=7)])
    assert sorted(limited.bincount().tolist()) == [3, 4]
    assert all(batch.labels is None for batch in data.loader("train", shuffle=False) if 0 in batch.index)


def test_probes_of_code_and_text_adopt_the_tokenizer(data):
    other = CodeDataModule(Functions(version=7))
    with pytest.raises(ValueError, match="CodeDataModule has no tokenizer"):
        other.prepare_data()
    other.adopt(data)
    assert other.tokenizer is data.tokenizer
    text = TextDataModule(None)
    text.adopt(data)
    assert text.tokenizer is data.tokenizer


def test_artifacts_and_state(data):
    other = made(Functions(version=1))
    state = data.state_dict()
    with pytest.raises(ValueError, match="training data have changed"):
        made(Functions(count=9)).load_state_dict(state)
    other.restore(data.artifacts())
    other.accept_changes = True
    with pytest.warns(UserWarning, match="training data have changed"):
        other.load_state_dict(state)
    assert other.source.reads == 0


def test_a_broken_tree(cache, tmp_path, capsys):
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "two.py").write_text("import os\n\n\n" + function(1, 3) + "\n\n" + function(2, 4))
    (folder / "copy.py").write_text(function(1, 3))
    (folder / "broken.py").write_text("def f(:\n    return [\n")
    (folder / "latin.py").write_bytes(b"def g():\n    return 'caf\xe9'\n")
    (folder / "empty.py").write_text("")
    (folder / "binary.py").write_bytes(b"\0\1\2")
    (folder / "long.js").write_text("x = 1;" * 1_700_000)
    (folder / "a.go").write_text("package a\n")
    (folder / "loop").symlink_to(folder)
    data = made(Tree(str(folder), validation_fraction=0, test_fraction=0))
    texts = [text for batch in data.loader("train", shuffle=False) for text in data.describe(batch)]
    assert sorted(t.strip() for t in texts) == sorted(
        t.strip() for t in (function(1, 3), function(2, 4), "def f(:\n    return [", "def g():\n    return 'caf\ufffd'")
    )
    counts = data.programs("train").counts
    expected = {"programs": 5, "programs in go": 1, "not parsed": 1, "duplicates": 1, "examples": 4, "empty": 1, "binary": 1,
                "larger than 1,000,000 bytes": 1}  # fmt: skip
    assert counts | expected == counts
    assert "train: 4 examples" in (said := capsys.readouterr().out) and "1 not parsed" in said


def test_functions_of_files_and_their_descriptions(cache, tmp_path):
    text = 'class A:\n    def add(self, x):\n        """Adds."""\n        return x + 1\n\n\ndef plain(y):\n    return y\n'
    rows = [{"code": text}, {"code": text.replace("add", "plus"), "doc": "Given."}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row | {"doc": row.get("doc", "")}) + "\n" for row in rows))
    data = made(JSONLines(str(tmp_path / "a.jsonl"), is_file=True))
    expected = functions(text, "python")
    batch = next(iter(data.loader("train", shuffle=False)))
    assert batch.num_examples == 3, "plain() is there once"
    assert [d for d in data.describe(batch)][:2] == [f.doc + f.code for f in expected]


def test_pairs_have_targets(cache, tmp_path):
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.java").write_text(f"int {split}(int a) {{ return a; }}\nvoid b{split}() {{}}\n")
        (tmp_path / f"{split}.cs").write_text(f"int {split.title()}(int a) {{ return a; }}\nvoid B{split}() {{}}\n")
    source = ParallelLines(*(str(tmp_path / split) for split in ("train", "valid", "test")))
    data = made(source, languages=("java",))
    batch = next(iter(data.loader("test", shuffle=False)))
    targets = [data.tokenizer.decode(ids.tolist()) for ids in batch.target.split()]
    assert targets == ["int Test(int a) { return a; }", "void Btest() {}"] and len(data.target_names) == data.vocab_size
    assert all(len(tree) for tree in batch.tree.split()), "a method without its class is parsed"


def test_what_is_measured_on_is_not_trained_on(cache):
    class Leaky(Functions):
        def programs(self, split):
            yield from super().programs(split)
            if split != "test":
                yield from super().programs("test")

    data = made(Leaky())
    assert len(data.programs("train").docs) == 40 and data.programs("train").counts["duplicates of validation or test"] == 6
    assert len(data.programs("validation").docs) == 12 and len(data.programs("test").docs) == 6


def test_a_source_without_some_splits(cache, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"code": function(1, 2)}) + "\n")
    data = made(JSONLines(str(tmp_path / "a.jsonl")))
    data.prepare_data()
    assert [len(data.loader(split, shuffle=False)) for split in ("train", "validation", "test")] == [1, 0, 0]
    assert data.class_names == () and data.target_names == ()


def test_the_cache_serves_a_second_run_and_notices_changes(cache, data, capsys):
    again = made()
    again.prepare_data()
    assert again.source.reads == 0 and not capsys.readouterr().out.count("train")
    changed = made(Functions(version=500))
    changed.prepare_data()
    assert changed.source.reads > 0 and not list((cache / "code").glob(".*"))
    for settings in ({"languages": ("python", "c")}, {"source": Functions(41)}):
        assert made(**settings).programs("train").counts["examples"] >= 40
    assert len(list((cache / "code").glob("Functions-train-*"))) == 4


def test_a_damaged_cache_is_named(cache, data):
    (file,) = cache.glob("code/Functions-train-*/leaf.bin")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"damaged: delete it.*leaf\.bin holds .* instead of"):
        made().programs("train")


def content(data: CodeDataModule) -> dict[str, list]:
    found = data.programs("train")
    return {name: column.tolist() for name, column in found.columns.items()} | {"labels": found.labels.tolist()}


def test_parallel_parsers_give_the_same(cache, monkeypatch):
    monkeypatch.setattr("lit_pretrain.datamodules.code.parts.AT_ONCE", 7)
    alone, drawn = content(made()), torch.random.get_rng_state()
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(cache) + "2")
    assert content(made(num_parsers=2)) == alone
    assert torch.equal(torch.random.get_rng_state(), drawn), "preparing draws no random number"


class Dies(Functions):
    """Kills its process while the training split is read for the parser (the second time: the tokenizer is first)."""

    def programs(self, split):
        for i, program in enumerate(super().programs(split)):
            if i == 30 and split == "train" and self.reads > 3:
                os.kill(os.getpid(), signal.SIGKILL)
            yield program


Dies.__name__ = "Functions"  # it names the cache


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_preparation_goes_on(cache, monkeypatch, workers):
    monkeypatch.setattr("lit_pretrain.datamodules.code.parts.AT_ONCE", 4)
    monkeypatch.setattr("torch.utils.data._utils.worker.MP_STATUS_CHECK_INTERVAL", 0.2)  # workers notice at once
    dying = multiprocessing.get_context("fork").Process(target=made(Dies(), num_parsers=workers).prepare_data)
    dying.start()
    dying.join()
    assert dying.exitcode == -signal.SIGKILL
    parts = list((cache / "code").glob(".Functions-train-*.parts/*.npz"))
    assert 2 <= len(parts) <= 7 and not list((cache / "code").glob("Functions-train-*"))
    written = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (written.append(str(b)), replace(a, b)))
    resumed = content(made())
    assert len([path for path in written if path.endswith(".npz") and "-train-" in path]) == 10 - len(parts)
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(cache) + "2")
    assert resumed == content(made()) and not list((cache / "code").glob(".*"))


def prepare(start, said):
    data = made()
    start.wait()
    data.prepare_data()
    said.put((data.tokenizer.digest, len(data.programs("train").columns["ids"])))


def test_processes_at_once_share_one_cache(cache):
    fork = multiprocessing.get_context("fork")
    start, said = fork.Barrier(3), fork.Queue()
    running = [fork.Process(target=prepare, args=(start, said)) for _ in range(3)]
    for process in running:
        process.start()
    assert len({said.get(timeout=60) for _ in running}) == 1
    for process in running:
        process.join()
    assert sorted(p.name.split("-")[1] for p in (cache / "code").iterdir()) == ["test", "train", "validation"]


def test_real_programs(data_dir, cache):
    splits = (str(data_dir / f"code/poj20/{split}.jsonl") for split in ("train", "valid", "test"))
    data = CodeDataModule(JSONLines(*splits, language="cpp", label="label"), Bytes("encoder"), languages=("cpp",))
    found = data.programs("test")
    assert len(found.label_names) == 20 and found.counts["examples"] == 400 and found.counts.get("not parsed", 0) < 20
