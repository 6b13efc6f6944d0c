"""Can what is learned from these graphs be of use for those? Told from links alone, before anything is trained.

Legend: K graphons of a basis, R steps of a graphon.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import csr_array
from sklearn.cluster import KMeans

from lit_pretrain.probes.graphon import Graphon, estimate, gromov_wasserstein

Bases = dict[str, dict[str, Graphon]]  # basis -> name of a graphon -> graphon


class Nearest(NamedTuple):
    """The mixture of a basis that comes nearest to some graphs.

    Args:
        distance: from their graphon to the mixture (see `gromov_wasserstein`), from 0 to 1.
        feasibility: 1 - distance / (the most that two graphons of their norms can be apart), from 0 to 1. 1: the graphs
            could come from the mixture; 0: either has no links.
        weights: of the graphons of the basis.
        mixture: their weighted mean.
    """

    distance: float
    feasibility: float
    weights: dict[str, float]
    mixture: Graphon


def bases(domains: Mapping[str, Sequence[csr_array]], resolution: int, clusters: int) -> Bases:
    """The three bases of W2PGNN (arXiv 2303.16458) of pretraining graphs:

    `integrated`: one graphon of all; `domain`: one of each domain; `topology`: one of each cluster of k-means by `topology`.
    """
    every = [adjacency for graphs in domains.values() for adjacency in graphs]
    found = {"integrated": {"all": estimate(every, resolution)}}
    if len(domains) > 1:
        found["domain"] = {name: estimate(graphs, resolution) for name, graphs in domains.items()}
    rows = np.array([topology(adjacency) for adjacency in every])
    rows = (rows - rows.mean(0)) / np.maximum(rows.std(0), 1e-9)
    # Graphs in the order of their rows, so that the start of k-means does not depend on theirs.
    order = np.lexsort(rows.T)
    count = min(clusters, len(np.unique(rows.round(6), axis=0)))
    cluster = np.empty(len(rows), int)
    cluster[order] = KMeans(count, n_init=4, random_state=0).fit_predict(rows[order])
    members = [[every[i] for i in np.flatnonzero(cluster == k)] for k in range(count)]
    found["topology"] = {f"cluster {k}": estimate(graphs, resolution) for k, graphs in enumerate(members) if graphs}
    return found


def topology(adjacency: csr_array) -> NDArray[np.float64]:
    """(5,): logarithm of the nodes, density, mean degree, deviation of the degrees as a share of the nodes, and the share
    of pairs of neighbours that are linked (transitivity)."""
    degrees, nodes = adjacency.sum(1), adjacency.shape[0]
    wedges, closed = (degrees * (degrees - 1)).sum(), (adjacency @ adjacency).multiply(adjacency).sum()
    density = degrees.sum() / max(1, nodes * (nodes - 1))
    return np.array([np.log(nodes), density, degrees.mean(), degrees.std() / nodes, closed / max(1, wedges)])


def nearest(basis: Mapping[str, Graphon], wanted: Graphon) -> Nearest:
    """Of all convex combinations of a basis, the nearest to a graphon. Weights and coupling are fitted in turns.

    Raises:
        ValueError: the wanted graphon has no links.
    """
    if not wanted.any():
        raise ValueError("the downstream graphs have no links, so that nothing tells what they could come from")
    steps, best = len(wanted), (np.inf, np.zeros(0))
    columns = np.stack([graphon.ravel() for graphon in basis.values()], 1)  # (R^2, K)
    coupling = np.eye(steps) / steps
    for _ in range(20):
        aligned = (steps**2 * coupling @ wanted @ coupling.T).ravel()
        weights = on_simplex(columns, aligned)
        distance, coupling = gromov_wasserstein((columns @ weights).reshape(wanted.shape), wanted, coupling)
        if distance > best[0] - 1e-9:
            break
        best = (distance, weights)
    distance, weights = best
    mixture = (columns @ weights).reshape(wanted.shape)
    furthest = float(sum(np.sqrt((graphon**2).mean()) for graphon in (mixture, wanted)))
    return Nearest(distance, 1 - distance / furthest, dict(zip(basis, weights.tolist(), strict=True)), mixture)


def feasibility(found: Bases, downstream: Sequence[csr_array]) -> dict[str, Nearest]:
    """Basis -> its mixture that is nearest to downstream graphs. The paper takes the basis of the least distance.

    The paper's measure is the greatest chance of the downstream graphs under any mixture, and its estimate the least
    Gromov-Wasserstein distance, found by gradients of an entropic version of it. Here that distance is a local minimum
    without entropy, begun where places are matched by rank of degree.
    """
    wanted = estimate(downstream, len(found["integrated"]["all"]))
    return {name: nearest(basis, wanted) for name, basis in found.items()}


def on_simplex(columns: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) at least 0, of sum 1, of the least square of columns @ weights - wanted.

    With weights of sum 1 that is the square of (columns - wanted) @ weights. Where a term pulls the sum towards 1, the best
    weights of any sum have the direction of the best ones of sum 1.
    """
    away = columns - wanted[:, None]
    pull = max(1e-12, float(np.abs(away).max()))
    weights = nnls(np.vstack([away, np.full((1, away.shape[1]), pull)]), np.append(np.zeros(len(away)), pull))[0]
    return weights / weights.sum()
