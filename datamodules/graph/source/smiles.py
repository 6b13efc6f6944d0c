"""Molecules in lists of SMILES."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import pandas
from torch_geometric.utils.smiles import e_map, from_rdmol, x_map

from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.graph.graphs import Graphs
from lit_pretrain.datamodules.graph.source.base import GraphSource
from lit_pretrain.datamodules.graph.source.splits import group_splits, random_splits
from lit_pretrain.datamodules.lines import text_lines
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.unreadable import Unreadable, reason

# Categories of each feature: of atoms their number, chirality, degree, charge, hydrogens, radical electrons, hybridisation,
# aromatic or not, in a ring or not; of bonds their type, stereochemistry, conjugated or not.
ATOM_SIZES = tuple(map(len, x_map.values()))
BOND_SIZES = tuple(map(len, e_map.values()))
SPLITTERS = ("random", "scaffold")


class SMILES(GraphSource):
    """Molecules as graphs of their heavy atoms. Needs rdkit (`pip install lit_pretrain[molecules]`).

    Atoms have 9 categories and bonds 3, those of torch-geometric's `from_smiles` (`ATOM_SIZES`, `BOND_SIZES`). A `.csv` file
    has a header; in a `.smi` or `.txt` file a line begins with a molecule, and the rest of it is left out. A line that rdkit
    refuses is left out and named.

    Args:
        path: the file.
        column: of a `.csv` file, which holds the molecules.
        labels: its columns that are labels. One column of zeros and ones is two classes; several columns, or other numbers,
            are numbers of each molecule, NaN where a place is empty.
        split: `random`, or `scaffold`, where molecules with the same scaffold (Bemis-Murcko) stand in one split, those of
            the largest scaffolds in training, as in arXiv 1905.12265.
        validation_fraction, test_fraction: shares of the molecules.
    """

    def __init__(
        self,
        path: str,
        column: str = "smiles",
        labels: Sequence[str] = (),
        *,
        split: Literal["random", "scaffold"] = "scaffold",
        validation_fraction: float = 0.1,
        test_fraction: float = 0.1,
    ):
        if split not in SPLITTERS:
            raise ValueError(f"split={split!r} is none of {', '.join(SPLITTERS)}")
        self.path, self.column, self.labels, self.split = path, column, tuple(labels), split
        self.fractions = (validation_fraction, test_fraction)

    @property
    def class_names(self) -> tuple[str, ...]:
        return ("0", "1") if self._labels is not None and self._labels.dtype.kind == "i" else ()

    @property
    def label_names(self) -> tuple[str, ...]:
        return () if self.class_names else self.labels

    def graphs(self, split: str) -> Graphs:
        whole, splits = self._divided
        part = whole.choose(splits[split])
        return part if split == "train" else replace(part, unreadable=())  # named once

    def fingerprint(self, split: str) -> str:
        """Of the file's name and size."""
        size = Path(self.path).expanduser().stat().st_size
        return digest(self.path, size, self.column, self.labels, self.split, self.fractions, split)

    @cached_property
    def _lines(self) -> pandas.DataFrame:
        return _read(self.path, self.column, self.labels)

    @cached_property
    def _labels(self) -> np.ndarray | None:
        """(n,) int64 classes, -1: none, or (n, T) float32, of all lines."""
        if not self.labels:
            return None
        values = self._lines[list(self.labels)].to_numpy()
        if len(self.labels) == 1 and np.isin(values[~np.isnan(values)], (0, 1)).all():
            return np.where(np.isnan(values), -1, values)[:, 0].astype(np.int64)
        return values.astype(np.float32)

    @cached_property
    def _divided(self) -> tuple[Graphs, dict[str, np.ndarray]]:
        names = [f"{self.path}, line {line}" for line in self._lines.index]
        labels = [None] * len(names) if self._labels is None else self._labels
        graphs, scaffolds = [], {}
        with _rdkit().rdBase.BlockLogs():
            for name, text, label in zip(names, self._lines[self.column].astype(str), labels, strict=True):
                graphs.append((name, _graph(name, text, label)))
                if self.split == "scaffold" and isinstance(graphs[-1][1], Graph):
                    scaffolds[name] = scaffold(text)
        whole = Graphs.of(graphs)
        if self.split == "random":
            return whole, random_splits(len(whole), *self.fractions)
        for name, _ in whole.unreadable:
            scaffolds.pop(name, None)
        return whole, group_splits(list(scaffolds.values()), *self.fractions)


def scaffold(smiles: str) -> str:
    """SMILES of the rings of a molecule and of what links them (Bemis-Murcko), empty if there is no ring."""
    return _rdkit().Chem.Scaffolds.MurckoScaffold.MurckoScaffoldSmiles(smiles=smiles, includeChirality=True)


def _graph(name: str, smiles: str, label: np.ndarray | None) -> Graph | Unreadable:
    molecule = _rdkit().Chem.MolFromSmiles(smiles)
    if molecule is None:
        return Unreadable(name, f"rdkit refuses {smiles[:60]!r}")
    try:
        data = from_rdmol(molecule)
    except ValueError as error:  # an atom or a bond of no category
        return Unreadable(name, f"{smiles[:60]!r}: {reason(error)}")
    return Graph(data.x.numpy(), data.edge_index.numpy(), data.edge_attr.numpy(), label)


def _read(path: str, column: str, labels: Sequence[str]) -> pandas.DataFrame:
    """The columns that matter, by the number of the line.

    Raises:
        ValueError: there is no such file, it lacks a column, or a label is no number.
    """
    file = Path(path).expanduser()
    if file.suffix not in (".csv", ".smi", ".txt") or not file.is_file():
        raise ValueError(f"path={path!r} is no file that ends in .csv, .smi or .txt")
    if file.suffix != ".csv":
        if labels:
            raise ValueError(f"labels={list(labels)}: {path} has no columns; write it as .csv with a header")
        words = [(number, line.split()) for number, line in text_lines(file)]
        return pandas.DataFrame({column: {number: found[0] for number, found in words if found}})
    try:
        read = pandas.read_csv(file, skip_blank_lines=False, index_col=False)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is no table ({reason(error)})") from error
    for name in (column, *labels):
        if name not in read:
            raise ValueError(f"{path} has no column {name!r}; it has {list(read)[:20]}")
        if name in labels and read[name].dtype.kind not in "iufb":
            numbers = pandas.to_numeric(read[name], errors="coerce").astype(float)
            if len(words := read[name][read[name].notna() & numbers.isna()]):
                raise ValueError(f"{path}: column {name!r} holds more than numbers, such as {words.iloc[0]!r}")
            read[name] = numbers  # whole ones that fit no other type
    read.index += 2  # after the header
    return read[[column, *labels]].dropna(subset=[column])


def _rdkit() -> ModuleType:
    try:
        import rdkit
        import rdkit.Chem.Scaffolds.MurckoScaffold
        import rdkit.rdBase
    except ImportError as error:
        raise ValueError(
            "molecules are read by rdkit, which is not installed: pip install lit_pretrain[molecules]"
        ) from error
    return rdkit
