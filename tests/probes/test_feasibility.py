"""Stochastic blocks: the nearest source is told, mixtures are found, and numbering does not count."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array

from lit_pretrain.probes.feasibility import bases, feasibility, nearest, on_simplex, topology

DENSE = np.array([[0.8, 0.4], [0.4, 0.2]])
CORE = np.array([[0.9, 0.05], [0.05, 0.05]])
SPARSE = np.array([[0.1, 0.05], [0.05, 0.02]])


def drawn(chances: np.ndarray, count: int, seed: int, nodes: int = 60) -> list[csr_array]:
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        block = rng.permutation(np.arange(nodes) * len(chances) // nodes)
        linked = np.triu(rng.random((nodes, nodes)) < chances[block][:, block], 1)
        found.append(csr_array((linked | linked.T).astype(float)))
    return found


def of(source: list[csr_array], downstream: list[csr_array], basis: str = "integrated"):
    return feasibility(bases({"source": source}, 8, 1), downstream)[basis]


@pytest.mark.parametrize("downstream", [DENSE, CORE, SPARSE], ids=["dense", "core", "sparse"])
def test_sources_are_ranked_by_their_likeness_to_the_downstream_graphs(downstream):
    """Planted: the generator itself comes first, then one that is half of it and half another."""
    target, other = drawn(downstream, 8, 0), DENSE if downstream is not DENSE else SPARSE
    same, near, far = (of(drawn(c, 8, 1), target) for c in (downstream, (downstream + other) / 2, other))
    assert same.feasibility > near.feasibility > far.feasibility and same.distance < near.distance < far.distance
    assert same.feasibility > 0.8


def test_the_same_graphs_have_distance_0_whatever_their_numbering_and_order():
    graphs, rng = drawn(CORE, 6, 0) + drawn(DENSE, 6, 1), np.random.default_rng(2)
    orders = [rng.permutation(60) for _ in graphs]
    renumbered = [csr_array(g[o][:, o]) for g, o in zip(graphs, orders, strict=True)][::-1]
    found, again = (bases({"source": x}, 8, 3) for x in (graphs, renumbered))
    assert of(graphs, renumbered)[:2] == pytest.approx((0, 1), abs=1e-6)
    target = drawn(SPARSE, 3, 3)
    for name in ("integrated", "topology"):
        wanted, result = feasibility(found, target)[name], feasibility(again, target)[name]
        assert result.distance == pytest.approx(wanted.distance) and result.distance > 0.01


def test_a_mixture_of_domains_is_nearer_than_each_and_than_all_together():
    domains = {"dense": drawn(DENSE, 8, 0), "sparse": drawn(SPARSE, 8, 1)}
    target = drawn(0.8 * DENSE + 0.2 * SPARSE, 16, 2)
    found = feasibility(bases(domains, 8, 1), target)
    assert found["domain"].weights["dense"] == pytest.approx(0.8, abs=0.08)
    assert sum(found["domain"].weights.values()) == pytest.approx(1) and min(found["domain"].weights.values()) >= 0
    alone = [of(graphs, target).distance for graphs in domains.values()]
    assert found["domain"].distance < min(*alone, found["integrated"].distance)


def test_clusters_of_topology_find_what_was_mixed():
    """Downstream graphs of one kind lie in the space of clusters, and not in that of the mean of both kinds."""
    mixed = bases({"both": drawn(DENSE, 8, 0) + drawn(SPARSE, 8, 1)}, 8, 2)
    found = feasibility(mixed, drawn(SPARSE, 8, 2))
    assert found["topology"].feasibility > 0.8 > 0.5 > found["integrated"].feasibility
    assert max(found["topology"].weights.values()) > 0.95 and "domain" not in found


def test_weights_are_the_least_squares_of_the_simplex():
    rng = np.random.default_rng(0)
    for _ in range(20):
        columns, wanted = rng.random((12, 3)), rng.random(12)
        best = minimize(lambda w, c=columns, y=wanted: ((c @ w - y) ** 2).sum(), np.full(3, 1 / 3), bounds=[(0, 1)] * 3,
                        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, tol=1e-12)  # fmt: skip
        np.testing.assert_allclose(on_simplex(columns, wanted), best.x, atol=1e-4)


def test_topology_of_a_clique_and_a_star():
    clique, star = csr_array(1.0 - np.eye(5)), np.zeros((5, 5))
    star[0, 1:] = star[1:, 0] = 1
    np.testing.assert_allclose(topology(clique), [np.log(5), 1, 4, 0, 1])
    np.testing.assert_allclose(topology(csr_array(star)), [np.log(5), 0.4, 1.6, 1.2 / 5, 0])


def test_graphs_without_links_are_no_target():
    with pytest.raises(ValueError, match="have no links"):
        nearest({"all": np.ones((3, 3))}, np.zeros((3, 3)))
