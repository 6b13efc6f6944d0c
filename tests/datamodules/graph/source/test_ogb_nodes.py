"""The files of the Open Graph Benchmark against what was written into them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from lit_pretrain.datamodules.graph.source.ogb_nodes import OGBNodes

ARRAYS = {
    "raw/edge": [[0, 1], [2, 1], [3, 0]],
    "raw/node-feat": [[0.5, 1], [1, 2], [3, 4], [5, 6]],
    "raw/node-label": [[2], [0], [1], [2]],
    "split/time/train": [[3], [0]],
    "split/time/valid": [[1]],
    "split/time/test": [[2]],
}


def write(folder: Path, arrays: dict) -> str:
    for name, rows in arrays.items():
        file = folder / f"{name}.csv.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(file, "wt") as opened:
            opened.writelines(",".join(map(str, row)) + "\n" for row in rows)
    return str(folder)


def test_a_graph_of_classes(tmp_path):
    source = OGBNodes(write(tmp_path, ARRAYS))
    graph = source.graph()
    assert graph.features.tolist() == ARRAYS["raw/node-feat"] and graph.labels.tolist() == [2, 0, 1, 2]
    assert graph.edges.index.T.tolist() == [[1, 0], [3, 0], [0, 1], [2, 1], [1, 2], [0, 3]]
    assert {split: nodes.tolist() for split, nodes in graph.splits.items()} == {
        "train": [3, 0], "validation": [1], "test": [2]}  # fmt: skip
    assert source.class_names == ("0", "1", "2") and source.label_names == ()
    assert OGBNodes(str(tmp_path), "time", directed=True).graph().edges.index.T.tolist() == [[3, 0], [0, 1], [2, 1]]


def test_a_graph_of_numbers_with_features_of_edges_alone(tmp_path):
    arrays = {**ARRAYS, "raw/edge-feat": [[1], [2], [3]], "raw/node-label": [[0, 1], [1, 1], [0, 0], ["", 1]]}
    del arrays["raw/node-feat"]
    source = OGBNodes(write(tmp_path, arrays), directed=True)
    graph = source.graph()
    assert graph.features.tolist() == [[1.0]] * 4 and graph.edge_features[:, 0].tolist() == [3, 1, 2]
    assert source.class_names == () and source.label_names == ("0", "1")
    np.testing.assert_array_equal(graph.labels, np.array([[0, 1], [1, 1], [0, 0], [np.nan, 1]], np.float32))


def test_unknown_classes(tmp_path):
    assert OGBNodes(write(tmp_path, ARRAYS | {"raw/node-label": [[2], ["nan"], [1], [2]]}))._labels.tolist() == [2, -1, 1, 2]


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match=r"there is no .*edge.csv.gz: fetch its archive"):
        OGBNodes(str(tmp_path)).graph()
    write(tmp_path, ARRAYS | {"split/species/train": [[0]]})
    for split in (None, "size"):
        with pytest.raises(ValueError, match=r"has the folders \['species', 'time'\]"):
            OGBNodes(str(tmp_path), split).graph()
    (tmp_path / "raw" / "edge.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"edge.csv.gz cannot be read"):
        OGBNodes(str(tmp_path), "time").graph()
