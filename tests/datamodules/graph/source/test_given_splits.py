"""Graphs in JSON lines, shards and `datasets`: the same graphs in, the same graphs out; what is wrong is named."""

import gzip
import json
from pathlib import Path

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from torch_geometric.data import Data

from lit_pretrain.datamodules.graph.graphs import Graphs
from lit_pretrain.datamodules.graph.source.given_splits import GivenSplits
from lit_pretrain.datamodules.graph.source.hub import HubGraphs
from lit_pretrain.datamodules.graph.source.json_lines import JSONLines
from lit_pretrain.datamodules.graph.source.shards import Shards


def rows(count: int = 20, seed: int = 0, named: bool = False) -> list[dict]:
    """Random graphs with a class, under torch-geometric's names."""
    rng, found = np.random.default_rng(seed), []
    for i in range(count):
        nodes = int(rng.integers(2, 6))
        edges = [[a, b] for a in range(nodes) for b in range(nodes) if a != b and rng.random() < 0.5]
        index = np.array(edges, int).reshape(-1, 2).T.tolist()
        x, features = rng.standard_normal((nodes, 3)).tolist(), rng.standard_normal((len(edges), 2)).tolist()
        found.append({"x": x, "edge_index": index, "edge_attr": features, "y": ["dog", "cat"][i % 2] if named else i % 2})
    return found


def is_same(found: Graphs, wanted: list[dict]) -> None:
    """The class of a name is its place in the alphabet."""
    assert len(found) == len(wanted) and found.unreadable == ()
    for i, row in enumerate(wanted):
        one = found.choose(np.array([i]))
        np.testing.assert_allclose(one.features, np.array(row["x"]), rtol=1e-6)
        edges = {tuple(pair): tuple(feature) for pair, feature in zip(one.index.T.tolist(), one.edge_features, strict=True)}
        others = dict(zip(zip(*row["edge_index"], strict=True), row["edge_attr"], strict=True))
        assert edges.keys() == others.keys()
        for pair, feature in edges.items():
            np.testing.assert_allclose(feature, others[pair], rtol=1e-6)
        assert one.labels.tolist() == [{"cat": 0, "dog": 1}.get(row["y"], row["y"])]


def write_lines(file: Path, lines: list, opener=open) -> str:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    with opener(file, "wt") as opened:
        opened.write("\n".join(texts) + "\n")
    return str(file)


def as_lines(wanted: list[dict]) -> list[dict]:
    return [{"nodes": row["x"], "edges": np.array(row["edge_index"]).T.tolist(), "edge_features": row["edge_attr"],
             "label": row["y"]} for row in wanted]  # fmt: skip


def json_lines(folder: Path, wanted: list[dict]) -> GivenSplits:
    half = len(wanted) // 2
    write_lines(folder / "train_0.jsonl", as_lines(wanted[:half]))
    write_lines(folder / "train_1.jsonl.gz", as_lines(wanted[half:]), gzip.open)
    return JSONLines(str(folder / "train_*"), validation=None, directed=True, validation_fraction=0.0)


def torch_shards(folder: Path, wanted: list[dict]) -> GivenSplits:
    tensors = [{key: torch.tensor(value) if key != "y" else value for key, value in row.items()} for row in wanted]
    for row in tensors:
        row["edge_index"] = row["edge_index"].reshape(2, -1).long()
    torch.save(tensors[:5], folder / "0.pt")
    torch.save([Data(**row).to_dict() for row in tensors[5:]], folder / "1.pt")
    return Shards(str(folder / "{0,1}.pt"), validation_fraction=0.0)


def parquet_shards(folder: Path, wanted: list[dict]) -> GivenSplits:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(wanted), folder / "0.parquet")
    return Shards(str(folder / "*.parquet"), validation_fraction=0.0)


def hub_rows(folder: Path, wanted: list[dict]) -> GivenSplits:
    datasets.Dataset.from_list(wanted).save_to_disk(folder / "hub")
    return HubGraphs(str(folder / "hub"), nodes="x", validation=None, test=None, validation_fraction=0.0)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("write", [json_lines, torch_shards, parquet_shards, hub_rows])
def test_graphs_come_back(write, named, tmp_path):
    wanted = rows(named=named)
    source = write(tmp_path, wanted)
    is_same(source.graphs("train"), wanted)
    assert source.class_names == (("cat", "dog") if named else ("0", "1")) and source.label_names == ()
    assert len(source.graphs("validation")) == len(source.graphs("test")) == 0
    assert source.fingerprint("train") == write(tmp_path, wanted).fingerprint("train")


def test_a_share_of_training_is_validation_unless_it_is_given(tmp_path):
    file = write_lines(tmp_path / "all.jsonl", as_lines(rows(20)))
    other = write_lines(tmp_path / "other.jsonl", as_lines(rows(7, 1)))
    source = JSONLines(file, test=other, directed=True, validation_fraction=0.2)
    parts = [source.graphs(split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [16, 4, 7]
    sums = {round(float(part.features[:1].sum()), 4) for part in parts[:2]}
    assert len(sums) == 2 and np.isclose(sum(part.features.sum() for part in parts[:2]),
                                         sum(np.sum(row["x"]) for row in rows(20)), atol=1e-4)  # fmt: skip
    given = JSONLines(file, other, directed=True)
    assert len(given.graphs("train")) == 20 and len(given.graphs("validation")) == 7


def test_an_edge_leads_both_ways_unless_directed(tmp_path):
    line = {"nodes": 3, "edges": [[0, 1], [2, 1]], "edge_features": [5, 7]}
    source = JSONLines(write_lines(tmp_path / "a.jsonl", [line]), validation_fraction=0.0, categories=True)
    found = source.graphs("train")
    assert found.index.T.tolist() == [[1, 0], [0, 1], [2, 1], [1, 2]] and found.edge_features[:, 0].tolist() == [5, 5, 7, 7]
    assert found.features.tolist() == [[1.0]] * 3 and found.edge_features.dtype == np.int64 and found.labels is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "JSON"),
        ("[1]", r"no object with the keys nodes and edges, but '\[1\]'"),
        ({"nodes": [[1, 2, 3]]}, "no object with the keys"),
        ({"nodes": [[1, 2, 3], [1]], "edges": []}, "inhomogeneous"),
        ({"nodes": [[1, 2, None]], "edges": []}, "features of node 0 are no numbers"),
        ({"nodes": [[1, 2]], "edges": []}, "features of nodes are 2 numbers"),
        ({"nodes": [], "edges": []}, "no nodes"),
        ({"nodes": [[1, 2, 3]], "edges": [[0, 1]]}, r"edge \[0, 1\] leads to a node that is none of its 1"),
        ({"nodes": [[1, 2, 3]], "edges": [[0, 0, 0]]}, r"edges of shape \(3, 2\)"),
        ({"nodes": [[1, 2, 3]], "edges": [[0.5, 0]]}, "these are float64"),
        ({"nodes": [[1, 2, 3]], "edges": 3}, "TypeError"),
        ({"nodes": [["a", 2, 3]], "edges": []}, "could not convert"),
        ({"nodes": [[1, 2, 3]] * 2, "edges": [[0, 1]], "edge_features": [[1], [2]]}, r"\(E, C\) with E=2"),
    ],
)
def test_a_line_that_is_no_graph_is_named_by_file_and_number(line, message, tmp_path):
    good = {"nodes": [[1, 2, 3], [4, 5, 6]], "edges": [[0, 1]], "label": 0}
    source = JSONLines(write_lines(tmp_path / "a.jsonl", [good, "", line, good]), validation_fraction=0.5)
    found = source.graphs("train")
    assert len(found) == 1 and len(source.graphs("validation")) == 1 and source.graphs("validation").unreadable == ()
    [(name, why)] = found.unreadable
    assert name == f"{tmp_path / 'a.jsonl'}, line 3"
    with pytest.raises(ValueError, match=message):
        raise ValueError(why)


def test_labels_that_are_numbers(tmp_path):
    lines = [{"nodes": 1, "edges": [], "label": label} for label in ([1, None], [0.5, 2])]
    source = JSONLines(write_lines(tmp_path / "a.jsonl", lines), validation_fraction=0.0)
    np.testing.assert_array_equal(source.graphs("train").labels, np.array([[1, np.nan], [0.5, 2]], np.float32))
    assert source.label_names == ("0", "1") and source.class_names == ()


def test_mistakes(tmp_path):
    train = write_lines(tmp_path / "a.jsonl", as_lines(rows(4, named=True)))
    test = write_lines(tmp_path / "b.jsonl", [{"nodes": 1, "edges": [], "label": "bird"}])
    with pytest.raises(ValueError, match=r"label 'bird' does not occur in the training split, which has \('cat', 'dog'\)"):
        JSONLines(train, test=test).graphs("test")
    with pytest.raises(ValueError, match=r"ends in .jsonl or .jsonl.gz"):
        JSONLines(write_lines(tmp_path / "a.json", [])).graphs("train")
    with pytest.raises(ValueError, match=r"nothing\.jsonl"):
        JSONLines(str(tmp_path / "nothing.jsonl")).graphs("train")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"{}" * 1000)[:-9])
    with pytest.raises(ValueError, match=r"c\.jsonl\.gz cannot be read to its end"):
        JSONLines(str(tmp_path / "c.jsonl.gz")).graphs("train")
    with pytest.raises(ValueError, match=r"features are no whole numbers"):
        raise ValueError(JSONLines(train, categories=True).graphs("train").unreadable[0][1])
    (tmp_path / "d.pt").write_bytes(b"no shard")
    torch.save({"x": 1}, tmp_path / "e.pt")
    torch.save([torch.nn.Linear(1, 1)], tmp_path / "f.pt")
    torch.save([3, {"edge_index": torch.zeros(2, 0)}], tmp_path / "g.pt")
    for name, message in (("d", "damaged"), ("e", "holds a dict and no list"), ("f", "objects of classes")):
        with pytest.raises(ValueError, match=message):
            Shards(str(tmp_path / f"{name}.pt")).graphs("train")
    problems = [why for _, why in Shards(str(tmp_path / "g.pt")).graphs("train").unreadable]
    assert "int is no dictionary" in problems[0] and "there are no nodes" in problems[1]
    with pytest.raises(ValueError, match=r"ends in \.pt or \.parquet"):
        Shards(train).graphs("train")
    hub_rows(tmp_path, rows(3))
    with pytest.raises(ValueError, match="no column 'node_feat'"):
        HubGraphs(str(tmp_path / "hub"), validation=None).graphs("train")
