"""Pairs of nodes, some linked and some not. Legend: N nodes, E directed edges, K linked pairs of the graph, P pairs."""

from dataclasses import dataclass

import numpy as np
import torch

from lit_pretrain.datamodules.draws import Draws, fold
from lit_pretrain.types import Edges

ROUNDS = 1000  # of drawing again the pairs that turned out to be linked


@dataclass(frozen=True)
class Pairs:
    """The pairs of a split.

    Args:
        nodes: (P, 2) int64.
        labels: (P,) int64, 1: linked, 0: not.
        linked: (K,) sorted codes of the pairs that an unlinked one must not be, if these are drawn anew each epoch, as in
            training; None: they stay as they are.
    """

    nodes: np.ndarray
    labels: np.ndarray
    linked: np.ndarray | None = None

    @classmethod
    def of(cls, positives: np.ndarray, linked: np.ndarray, num_nodes: int, seed: int, anew: bool) -> "Pairs":
        """Linked pairs (p, 2), and as many that are not, drawn from all pairs of nodes whose codes are not in `linked`."""
        seeds = torch.full((), seed)
        negatives = unlinked(fold(seeds, torch.arange(len(positives))), num_nodes, linked)
        labels = np.repeat(np.array([1, 0]), len(positives))
        return cls(np.concatenate([positives, negatives]), labels, linked if anew else None)

    def __len__(self) -> int:
        return len(self.nodes)

    def at(self, numbers: np.ndarray, num_nodes: int, seed: torch.Tensor) -> np.ndarray:
        """(p, 2) nodes of some of them, in the epoch of the seed."""
        nodes, free = self.nodes[numbers], self.labels[numbers] == 0
        if self.linked is not None and free.any():
            nodes[free] = unlinked(fold(seed, torch.from_numpy(numbers[free])), num_nodes, self.linked)
        return nodes


def codes(pairs: np.ndarray, num_nodes: int) -> np.ndarray:
    """(p, 2) -> (p,) one number for a pair, in whichever order."""
    return pairs.min(1) * num_nodes + pairs.max(1)


def linked_pairs(edges: Edges) -> np.ndarray:
    """(K,) the codes of the pairs that an edge links, in whichever direction, sorted."""
    return np.unique(codes(edges.index.T.numpy(), edges.num_nodes))


def has(sorted_codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(p,) bool."""
    if not len(sorted_codes):
        return np.zeros(len(wanted), bool)
    return sorted_codes[np.searchsorted(sorted_codes, wanted).clip(max=len(sorted_codes) - 1)] == wanted


def unlinked(seeds: torch.Tensor, num_nodes: int, linked: np.ndarray) -> np.ndarray:
    """(p, 2) pairs of different nodes that are not linked, each drawn from its own seed (p,), all with equal chances.

    Raises:
        ValueError: (nearly) all nodes are linked with each other.
    """
    draws, found = Draws(seeds), np.zeros((len(seeds), 2), np.int64)
    wrong = np.ones(len(seeds), bool)
    for _ in range(ROUNDS):
        drawn = (draws.uniform(2).double() * num_nodes).long().numpy()
        found[wrong] = drawn[wrong]
        wrong = (found[:, 0] == found[:, 1]) | has(linked, codes(found, num_nodes))
        if not wrong.any():
            return found
    raise ValueError(f"hardly any pair of the {num_nodes} nodes is not linked, so that there is nothing to tell from links")
