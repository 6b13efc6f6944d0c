"""Graphons: the chances of a link that sets of graphs have in common, whatever their sizes and numbering.

Legend: N nodes of a graph, R resolution: the steps of a graphon. Graphons are (R, R) float64 between 0 and 1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

Graphon = NDArray[np.float64]


def estimate(adjacencies: Sequence[csr_array], resolution: int) -> Graphon:
    """The mean step function of graphs whose nodes are sorted by degree, highest first (sorting and smoothing, SAS,
    arXiv 1402.1888).

    A node takes 1 / N of the line from 0 to 1, and a step holds the share of linked pairs. Nodes of equal degree share their
    places evenly, so that their numbers do not count.

    Args:
        adjacencies: (N, N) of ones and zeros, symmetric.
        resolution: R.

    Raises:
        ValueError: there is no graph, or no step.
    """
    if not adjacencies or resolution < 1:
        raise ValueError(f"{len(adjacencies)} graphs and resolution={resolution}: give at least one of each")
    return np.mean([_steps(adjacency, resolution) for adjacency in adjacencies], axis=0)


def _steps(adjacency: csr_array, resolution: int) -> Graphon:
    degrees = adjacency.sum(1)
    _, group, sizes = np.unique(-degrees, return_inverse=True, return_counts=True)
    last = sizes.cumsum() / len(degrees)  # where the place of each group ends
    first, last = (last - sizes / len(degrees))[group], last[group]
    edges = np.linspace(0, 1, resolution + 1)[:, None]
    inside = (np.minimum(last, edges[1:]) - np.maximum(first, edges[:-1])).clip(0)  # (R, N)
    share = inside / (last - first) * resolution / len(degrees)  # of each step, by node; a row sums to 1
    return share @ (adjacency @ share.T)


def gromov_wasserstein(first: Graphon, second: Graphon, coupling: Graphon | None = None) -> tuple[float, Graphon]:
    """The distance between two graphons when their places are matched as well as possible, from 0 to 1:

        sqrt( min over couplings T of sum over i, j, k, l of (first_ij - second_kl)^2 T_ik T_jl )

    by Frank and Wolfe's method (as for graphs in arXiv 1805.09114), a local minimum: at most what the given coupling has.

    Args:
        first, second: symmetric, of one resolution.
        coupling: (R, R) to start from, rows and columns of sum 1 / R; None: each place with itself, by rank of degree.

    Returns:
        The distance and its coupling.
    """
    steps = len(first)
    coupling = np.eye(steps) / steps if coupling is None else coupling
    for _ in range(100):
        slope = -4 * first @ coupling @ second
        rows, columns = linear_sum_assignment(slope)
        move = -coupling
        move[rows, columns] += 1 / steps
        gain = -(slope * move).sum()  # of a small move
        if gain < 1e-12:
            break
        bend = -2 * (first @ move @ second * move).sum()
        coupling = coupling + move * (1.0 if bend <= 0 else min(1.0, gain / (2 * bend)))
    square = (first**2).mean() + (second**2).mean() - 2 * (first @ coupling @ second * coupling).sum()
    return float(np.sqrt(max(square, 0.0))), coupling
