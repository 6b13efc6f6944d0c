"""Generated graphs that are built as molecules are: valences, rings, double bonds."""

from itertools import pairwise

import numpy as np

from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import Graphs
from lit_pretrain.datamodules.graph.source.base import GraphSource
from lit_pretrain.datamodules.split import SPLITS, digest

ATOMS = ("C", "N", "O", "F")
VALENCES = np.array([4, 3, 2, 1])
SHARES = np.array([0.7, 0.12, 0.12, 0.06])  # of the atoms that are drawn
ATOM_SIZES, BOND_SIZES = (len(ATOMS),), (2,)  # categories of the one feature of atoms and of bonds (single or double)
RINGS = (5, 6)  # atoms of a ring


class Molecules(GraphSource):
    """Rings of 5 or 6 atoms, fused or tied to what is there, then single atoms, then double bonds; no atom has more bonds
    than its valence. The label is the number of rings. An atom's kind and a bond's order are categories (`ATOM_SIZES`,
    `BOND_SIZES`).

    Args:
        sizes: graphs of each split.
        atoms: least and most of a molecule, whatever its rings.
        rings: the most of a molecule; each number up to it is as frequent.
        double: chance that a bond becomes double where valences allow it.
    """

    def __init__(
        self, sizes: dict[str, int] | None = None, atoms: tuple[int, int] = (18, 26), rings: int = 3, double: float = 0.3
    ):
        self.sizes = {"train": 3000, "validation": 500, "test": 1000} | (sizes or {})
        if unknown := set(self.sizes) - set(SPLITS):
            raise ValueError(f"sizes={sizes}: {sorted(unknown)} are no splits; they are {', '.join(SPLITS)}")
        if rings < 0 or not max(1, max(RINGS) * rings) <= atoms[0] <= atoms[1] or not 0 <= double <= 1:
            raise ValueError(f"atoms={atoms} must rise from at least 1, and 6 for each of rings={rings}, and double={double}"
                             " be a chance")  # fmt: skip
        self.atoms, self.rings, self.double = atoms, rings, double

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(f"{rings} rings" for rings in range(self.rings + 1))

    def graphs(self, split: str) -> Graphs:
        rng = np.random.default_rng([SPLITS.index(split), 0])
        return Graphs.of((f"molecule {i}", self._molecule(rng)) for i in range(self.sizes[split]))

    def fingerprint(self, split: str) -> str:
        return digest("molecules", split, self.sizes[split], self.atoms, self.rings, self.double)

    def _molecule(self, rng: np.random.Generator) -> Graph:
        rings, count = int(rng.integers(self.rings + 1)), int(rng.integers(self.atoms[0], self.atoms[1] + 1))
        built = _Skeleton(rng)
        for _ in range(rings):
            built.ring(int(rng.choice(RINGS)))
        while len(built.kinds) < count:
            built.atom(last=len(built.kinds) == count - 1)
        built.double(self.double)
        order = rng.permutation(count)  # so that an atom's number says nothing of its place
        kinds = np.empty(count, np.int64)
        kinds[order] = built.kinds
        index = undirected(order[np.array(built.bonds, np.int64).reshape(-1, 2).T])
        orders = np.tile(np.array(built.orders, np.int64), 2)[:, None] - 1
        return Graph(kinds[:, None], index, orders, rings)


class _Skeleton:
    """A molecule that grows, in which always an atom can take another bond."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.kinds: list[int] = []
        self.free: list[int] = []  # bonds that each atom can take yet
        self.bonds: list[tuple[int, int]] = []
        self.orders: list[int] = []
        self._rings: list[list[int]] = []

    def atom(self, last: bool = False) -> None:
        """A single one, tied to one with room."""
        kind = int(self.rng.choice(len(ATOMS), p=SHARES))
        if not last and sum(self.free) + VALENCES[kind] - 2 < 1:
            kind = 0
        to = self._open()
        self._new(kind)
        if to is not None:
            self._tie(to, len(self.kinds) - 1)

    def ring(self, size: int) -> None:
        """Fused to a bond of a ring whose atoms have room, or else tied to an atom by a bond."""
        bonds = [(a, b) for own in self._rings for a, b in zip(own, [*own[1:], own[0]], strict=True)]
        bonds = [(a, b) for a, b in bonds if self.free[a] and self.free[b]]
        if bonds and self.rng.random() < 0.5:
            first, last = bonds[int(self.rng.integers(len(bonds)))]
            own = [first, *self._chain(size - 2), last]
        else:
            to = self._open()
            own = self._chain(size)
            self._tie(own[0], own[-1])
            if to is not None:
                self._tie(to, own[0])
        for a, b in pairwise(own):
            self._tie(a, b)
        self._rings.append(own)

    def double(self, chance: float) -> None:
        for number, (a, b) in enumerate(self.bonds):
            if self.free[a] and self.free[b] and self.rng.random() < chance:
                self.orders[number] = 2
                self.free[a], self.free[b] = self.free[a] - 1, self.free[b] - 1

    def _chain(self, count: int) -> list[int]:
        """New atoms that can stand in a ring, untied; the first one is a carbon, which has room beside its ring."""
        shares = SHARES[:3] / SHARES[:3].sum()
        return [self._new(0 if k == 0 else int(self.rng.choice(3, p=shares))) for k in range(count)]

    def _new(self, kind: int) -> int:
        self.kinds.append(kind)
        self.free.append(int(VALENCES[kind]))
        return len(self.kinds) - 1

    def _tie(self, a: int, b: int) -> None:
        self.bonds.append((a, b))
        self.orders.append(1)
        self.free[a], self.free[b] = self.free[a] - 1, self.free[b] - 1

    def _open(self) -> int | None:
        """An atom with room; None: there are no atoms."""
        found = [atom for atom, free in enumerate(self.free) if free]
        return found[int(self.rng.integers(len(found)))] if found else None
