"""Data sets of torch-geometric: its own graphs and masks, divisions that are fixed, and no download unless asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.datasets import Planetoid, TUDataset

from lit_pretrain.datamodules.graph.source.pyg_graphs import PyGGraphs
from lit_pretrain.datamodules.graph.source.pyg_nodes import PyGNodes
from lit_pretrain.datamodules.graph.source.splits import fold_splits, random_splits

SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path / "cache"))


def toy_set(root: Path, count: int = 40, node_labels: bool = True) -> None:
    """Raw files of a TUDataset: graph i is a path of 2 + i % 4 nodes; classes alternate."""
    sizes = np.array([2 + i % 4 for i in range(count)])
    firsts = np.cumsum(sizes) - sizes + 1
    edges = [(first + k, first + k + 1) for first, size in zip(firsts, sizes, strict=True) for k in range(size - 1)]
    files = {
        "A": [f"{a}, {b}" for pair in edges for a, b in (pair, pair[::-1])],
        "graph_indicator": np.repeat(np.arange(count) + 1, sizes),
        "graph_labels": [2 * (i % 2) - 1 for i in range(count)],
    }
    if node_labels:
        files["node_labels"] = np.concatenate([np.arange(size) for size in sizes])
    folder = root / "Toy" / "raw"
    folder.mkdir(parents=True)
    for name, lines in files.items():
        (folder / f"Toy_{name}.txt").write_text("\n".join(map(str, lines)) + "\n")


def products(root: Path) -> None:
    """Raw files of torch-geometric's Amazon, which has no masks: a ring of 20 nodes."""
    folder = root / "Photo" / "raw"
    folder.mkdir(parents=True)
    ring = (np.arange(20) + 1) % 20
    np.savez(folder / "amazon_electronics_photo.npz", adj_data=np.ones(20), adj_indices=ring, adj_indptr=np.arange(21),
             adj_shape=(20, 20), attr_data=np.ones(20), attr_indices=np.arange(20) % 3, attr_indptr=np.arange(21),
             attr_shape=(20, 3), labels=np.arange(20) % 4)  # fmt: skip


@pytest.mark.parametrize("fold", [None, 3])
def test_graphs_of_a_set_are_divided_once_and_for_all(fold, tmp_path):
    toy_set(tmp_path)
    source, again = (PyGGraphs("Toy", str(tmp_path), fold=fold, folds=5) for _ in range(2))
    parts = [source.graphs(split) for split in SPLITS]
    assert [len(part) for part in parts] == ([32, 4, 4] if fold is None else [24, 8, 8])
    whole = {split: source._splits[split] for split in SPLITS}
    assert sorted(np.concatenate(list(whole.values()))) == list(range(40))
    for split, part in zip(SPLITS, parts, strict=True):
        assert (
            part.nodes.tolist() == [2 + i % 4 for i in whole[split]] and part.labels.tolist() == (whole[split] % 2).tolist()
        )
        assert np.array_equal(part.index, again.graphs(split).index)
    assert source.class_names == ("0", "1") and source.label_names == ()
    assert parts[0].features.shape[1] == 5 and (parts[0].features.sum(1) == 1).all()


def test_nodes_without_features_get_a_one(tmp_path):
    toy_set(tmp_path, node_labels=False)
    found = PyGGraphs("Toy", str(tmp_path)).graphs("train")
    assert found.features.shape[1] == 1 and (found.features == 1).all()


def test_nodes_without_masks_are_divided_at_random(tmp_path):
    products(tmp_path)
    source = PyGNodes("Photo", str(tmp_path), "Amazon", validation_fraction=0.25, test_fraction=0.5)
    graph = source.graph()
    assert {split: len(nodes) for split, nodes in graph.splits.items()} == {"train": 5, "validation": 5, "test": 10}
    assert sorted(np.concatenate(list(graph.splits.values()))) == list(range(20)) and source.class_names == tuple("0123")
    assert graph.edges.matrix.to_dense().sum() == 40 and graph.labels.tolist() == [i % 4 for i in range(20)]


def test_raw_files_stay_alone(tmp_path):
    toy_set(tmp_path / "data")
    before = sorted((tmp_path / "data").rglob("*"))
    PyGGraphs("Toy", str(tmp_path / "data")).graphs("train")
    assert sorted((tmp_path / "data").rglob("*")) == before and len(list((tmp_path / "cache").rglob("data.pt"))) == 1


def test_nothing_is_downloaded_unless_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Planetoid, "download", lambda self: asked.append(self.raw_dir))
    with pytest.raises(ValueError, match=r"Planetoid \{'name': 'PubMed'\}.*ind.pubmed.x.*fetch them with download: true"):
        PyGNodes("PubMed", str(tmp_path)).graph()
    assert asked == [] and not (tmp_path / "PubMed").exists()
    with pytest.raises(ValueError, match="cannot be read"):
        PyGNodes("PubMed", str(tmp_path), download=True).graph()
    assert asked == [str(tmp_path / "PubMed" / "raw")]
    with pytest.raises(ValueError, match=r"TUDataset.*fetch them with download: true"):
        PyGGraphs("NCI1", str(tmp_path)).graphs("train")


def test_divisions():
    parts = random_splits(11, 0.2, 0.3)
    assert [len(parts[split]) for split in SPLITS] == [6, 2, 3] and sorted(np.concatenate(list(parts.values()))) == list(
        range(11)
    )
    labels = np.repeat([0, 1], [30, 60])
    tests = [fold_splits(labels, fold, 10)["test"] for fold in range(10)]
    assert sorted(np.concatenate(tests)) == list(range(90)) and {labels[test].sum() for test in tests} == {6}
    assert np.array_equal(fold_splits(labels, 2, 10)["validation"], tests[3])
    for wrong in ((0.5, 0.5), (-0.1, 0.5)):
        with pytest.raises(ValueError, match="must be shares that sum to less than 1"):
            random_splits(10, *wrong)
    for fold, folds, message in ((10, 10, "fold=10 must be one of"), (0, 2, "at least 3"), (0, 40, "leave `fold` out")):
        with pytest.raises(ValueError, match=message):
            fold_splits(labels, fold, folds)


def test_mistakes(tmp_path):
    toy_set(tmp_path)
    with pytest.raises(ValueError, match="no 'Planetoit'; did you mean Planetoid"):
        PyGNodes("Cora", dataset="Planetoit")
    with pytest.raises(ValueError, match="split='random'"):
        PyGNodes("Cora", split="random")
    with pytest.raises(ValueError, match="has 40 graphs: use the source PyGGraphs"):
        PyGNodes("Toy", str(tmp_path), "TUDataset").graph()
    with pytest.raises(ValueError, match="ZINC has splits of its own"):
        PyGGraphs(None, dataset="ZINC", fold=0)
    with pytest.raises(ValueError, match=r"cannot be read.*unexpected keyword argument 'attributes'"):
        PyGGraphs("Toy", str(tmp_path), options={"attributes": True}).graphs("train")


def test_cora_has_its_public_split(data_dir):
    source = PyGNodes("Cora", str(data_dir / "graph"))
    graph = source.graph()
    assert graph.num_nodes == 2708 and len(graph.edges) == 10556 and graph.features.shape == (2708, 1433)
    assert [len(graph.splits[split]) for split in SPLITS] == [140, 500, 1000]
    assert np.bincount(graph.labels[graph.splits["train"]]).tolist() == [20] * 7 and len(source.class_names) == 7
    assert graph.splits["validation"].tolist() == list(range(140, 640)) and graph.splits["test"].tolist() == list(
        range(1708, 2708)
    )
    full = PyGNodes("Cora", str(data_dir / "graph"), split="full").graph()
    assert len(full.splits["train"]) == 1208


def test_mutag_is_torch_geometrics(data_dir, tmp_path):
    source = PyGGraphs("MUTAG", str(data_dir / "graph"), fold=0)
    (tmp_path / "MUTAG").mkdir()
    (tmp_path / "MUTAG" / "raw").symlink_to(data_dir / "graph" / "MUTAG" / "raw")
    theirs = TUDataset(str(tmp_path), "MUTAG")
    assert [len(source.graphs(split)) for split in SPLITS] == [150, 19, 19]
    for number, wanted in zip(source._splits["test"][:5], range(5), strict=True):
        one, data = source.graphs("test").choose(np.array([wanted])), theirs[int(number)]
        assert torch.equal(torch.from_numpy(one.features), data.x) and one.labels[0] == int(data.y)
        order = torch.argsort(data.edge_index[1] * 1000 + data.edge_index[0])
        assert torch.equal(torch.from_numpy(one.index), data.edge_index[:, order])
        assert torch.equal(torch.from_numpy(one.edge_features), data.edge_attr[order])
