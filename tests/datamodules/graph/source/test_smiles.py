"""Molecules against torch-geometric's from_smiles, and scaffolds that stay together."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from torch_geometric.utils import from_smiles

from lit_pretrain.datamodules.graph.source import smiles
from lit_pretrain.datamodules.graph.source.smiles import ATOM_SIZES, BOND_SIZES, SMILES
from lit_pretrain.datamodules.graph.source.splits import group_splits

SPLITS = ("train", "validation", "test")
MOLECULES = ["CCO", "c1ccccc1", "C[C@H](N)C(=O)O", "C", "[Na+].[Cl-]", "F/C=C/F", "c1ccc2[nH]ccc2c1", "CC(=O)Oc1ccccc1"]


def table(folder, rows: list[str], header: str = "smiles", **settings) -> SMILES:
    (folder / "a.csv").write_text("\n".join([header, *rows]) + "\n")
    return SMILES(str(folder / "a.csv"), **settings)


@pytest.fixture
def rdkit():
    return pytest.importorskip("rdkit")


def test_molecules_are_torch_geometrics(rdkit, tmp_path):
    found = table(tmp_path, MOLECULES, split="random", validation_fraction=0, test_fraction=0).graphs("train")
    assert found.features.dtype == found.edge_features.dtype == np.int64 and len(found) == len(MOLECULES)
    for number, text in enumerate(MOLECULES):
        one, wanted = found.choose(np.array([number])), from_smiles(text)
        order = torch.argsort(wanted.edge_index[1] * 100 + wanted.edge_index[0])
        assert np.array_equal(one.features, wanted.x) and np.array_equal(one.index, wanted.edge_index[:, order])
        assert np.array_equal(one.edge_features, wanted.edge_attr[order])
    assert (found.features < ATOM_SIZES).all() and (found.edge_features < BOND_SIZES).all()
    assert (len(ATOM_SIZES), len(BOND_SIZES)) == (9, 3)


def test_lines_that_are_no_molecules_are_named(rdkit, tmp_path):
    source = table(tmp_path, ["CCO", "C(C", "", "no molecule", "CC"], split="random", validation_fraction=0, test_fraction=0)
    found = source.graphs("train")
    assert len(found) == 2
    assert [name for name, _ in found.unreadable] == [f"{tmp_path / 'a.csv'}, line {line}" for line in (3, 5)]
    assert found.unreadable[0][1] == "rdkit refuses 'C(C'" and source.graphs("test").unreadable == ()


@pytest.mark.parametrize("ending", ["smi", "txt"])
def test_lists_without_a_header(rdkit, ending, tmp_path):
    (tmp_path / f"a.{ending}").write_text("CCO ethanol\n\nCC\tethane\nC\n")
    source = SMILES(str(tmp_path / f"a.{ending}"), validation_fraction=0.34, test_fraction=0.0, split="random")
    assert [len(source.graphs(split)) for split in SPLITS] == [2, 1, 0] and source.class_names == source.label_names == ()


def test_labels(rdkit, tmp_path):
    rows, header = ["CC,1,0.5,1", "CO,,-1,", "CN,0,2,0"], "smiles,toxic,soluble,active"
    settings = {"split": "random", "validation_fraction": 0, "test_fraction": 0}
    classes = table(tmp_path, rows, header, labels=["toxic"], **settings)
    assert classes.class_names == ("0", "1") and classes.label_names == ()
    assert classes.graphs("train").labels.tolist() == [1, -1, 0]
    number = table(tmp_path, rows, header, labels=["soluble"], **settings)
    assert number.class_names == () and number.label_names == ("soluble",)
    assert number.graphs("train").labels.flatten().tolist() == [0.5, -1, 2]
    several = table(tmp_path, rows, header, labels=["toxic", "active"], **settings)
    assert several.class_names == () and several.label_names == ("toxic", "active")
    np.testing.assert_array_equal(several.graphs("train").labels, [[1, 1], [np.nan, np.nan], [0, 0]])


def reference_splits(scaffolds: list[str], train: float, validation: float) -> tuple[list[int], list[int], list[int]]:
    """As in the code of arXiv 1905.12265."""
    every = defaultdict(list)
    for number, scaffold in enumerate(scaffolds):
        every[scaffold].append(number)
    sets = [own for _, own in sorted(every.items(), key=lambda item: (len(item[1]), item[1][0]), reverse=True)]
    first, second = train * len(scaffolds), (train + validation) * len(scaffolds)
    found = [], [], []
    for own in sets:
        if len(found[0]) + len(own) > first:
            found[2 if len(found[0]) + len(found[1]) + len(own) > second else 1].extend(own)
        else:
            found[0].extend(own)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_divided_as_in_the_paper(seed):
    groups = [str(group) for group in np.random.default_rng(seed).geometric(0.2, size=64)]
    found = group_splits(groups, 0.125, 0.125)  # powers of two, so that both sums are exact
    for split, wanted in zip(SPLITS, reference_splits(groups, 0.75, 0.125), strict=True):
        assert found[split].tolist() == sorted(wanted)


def test_molecules_of_one_scaffold_stand_in_one_split(rdkit, tmp_path):
    rows = ["C" * k + "c1ccccc1" for k in range(1, 9)] + ["C1CC1" + "C" * k for k in range(3)] + ["C1CCC1O", "CCC", "bad"]
    source = table(tmp_path, rows, validation_fraction=0.25, test_fraction=0.1)
    sizes = {split: source.graphs(split).nodes.tolist() for split in SPLITS}
    assert sizes["train"] == list(range(7, 15)) and sizes["validation"] == [3, 4, 5] and sizes["test"] == [5, 3]
    assert smiles.scaffold("CCCc1ccccc1") == "c1ccccc1" and smiles.scaffold("CCC") == ""


def test_mistakes(rdkit, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="split='stratified' is none of random, scaffold"):
        SMILES("a.csv", split="stratified")
    with pytest.raises(ValueError, match=r"'gone.csv' is no file that ends in \.csv"):
        SMILES("gone.csv").graphs("train")
    for settings, message in (({"column": "mol"}, "no column 'mol'; it has"), ({"labels": ["b"]}, "no column 'b'"),
                              ({"labels": ["a"]}, "column 'a' holds more than numbers, such as 'x'")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            table(tmp_path, ["C,1", "CC,x"], "smiles,a", **settings).graphs("train")
    (tmp_path / "a.smi").write_text("C\n")
    with pytest.raises(ValueError, match=r"labels=\['a'\]: .* has no columns"):
        SMILES(str(tmp_path / "a.smi"), labels=["a"]).graphs("train")
    with pytest.raises(ValueError, match="must be shares"):
        table(tmp_path, MOLECULES, test_fraction=1.0).graphs("train")


def test_without_rdkit_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rdkit", None)
    with pytest.raises(ValueError, match=r"pip install lit_pretrain\[molecules\]"):
        table(tmp_path, MOLECULES).graphs("train")


def test_real_molecules(rdkit, data_dir, tmp_path):
    lines = (data_dir / "molecules/bbbp/raw/BBBP.csv").read_text().splitlines()[:300]
    source = table(tmp_path, lines[1:], lines[0], labels=["BBBP"])
    parts = [source.graphs(split) for split in SPLITS]
    assert [name.split()[-1] for name, _ in parts[0].unreadable] == ["61", "63"] and source.class_names == ("0", "1")
    assert [len(part) for part in parts] == [237, 30, 30]
    assert all(set(part.labels) == {0, 1} for part in parts[:1])
