"""Step functions of graphs with known chances, and distances against all matchings."""

from itertools import permutations

import numpy as np
import pytest
from scipy.sparse import csr_array

from lit_pretrain.probes.graphon import estimate, gromov_wasserstein

STEPS = np.array([[0.9, 0.5, 0.1], [0.5, 0.3, 0.05], [0.1, 0.05, 0.02]])  # degrees fall from step to step


def drawn(chances: np.ndarray, nodes: int, rng: np.random.Generator) -> csr_array:
    """A graph of blocks of equal size, numbered at random."""
    block = rng.permutation(np.arange(nodes) * len(chances) // nodes)
    linked = np.triu(rng.random((nodes, nodes)) < chances[block][:, block], 1)
    return csr_array((linked | linked.T).astype(float))


def relabelled(adjacency: csr_array, rng: np.random.Generator) -> csr_array:
    order = rng.permutation(adjacency.shape[0])
    return csr_array(adjacency[order][:, order])


def test_it_tends_to_the_chances_that_graphs_are_drawn_with():
    rng = np.random.default_rng(0)
    many = estimate([drawn(STEPS, 300, rng) for _ in range(5)], 3)
    few = estimate([drawn(STEPS, 30, rng) for _ in range(5)], 3)
    assert np.abs(many - STEPS).max() < 0.05 and np.abs(many - STEPS).mean() < np.abs(few - STEPS).mean()


def test_numbers_of_nodes_do_not_count_also_where_degrees_are_equal():
    rng = np.random.default_rng(1)
    path = csr_array(np.diag(np.ones(6), 1) + np.diag(np.ones(6), -1))
    for graph in (path, drawn(STEPS, 20, rng)):
        for resolution in (4, 50):  # fewer steps than nodes, and more
            steps = estimate([graph], resolution)
            np.testing.assert_allclose(estimate([relabelled(graph, rng)], resolution), steps)
            np.testing.assert_allclose(steps, steps.T)


def test_mass_is_kept_and_a_regular_graph_is_flat():
    rng = np.random.default_rng(2)
    graph = drawn(STEPS, 23, rng)
    for resolution in (1, 5, 23, 40):
        np.testing.assert_allclose(estimate([graph], resolution).mean(), graph.sum() / 23**2)
    ring = csr_array(np.roll(np.eye(8), 1, 0) + np.roll(np.eye(8), -1, 0))
    np.testing.assert_allclose(estimate([ring], 3), 2 / 8)


def test_graphs_of_several_sizes_weigh_alike():
    rng = np.random.default_rng(3)
    graphs = [drawn(STEPS, nodes, rng) for nodes in (10, 40)]
    np.testing.assert_allclose(estimate(graphs, 5), (estimate(graphs[:1], 5) + estimate(graphs[1:], 5)) / 2)


def test_the_distance_is_at_most_that_of_ranks_and_not_below_the_best_of_all_matchings_by_much():
    """The best coupling is a matching wherever the square form is concave, as for most pairs of step functions."""
    rng = np.random.default_rng(4)
    for _ in range(10):
        a, b = (x + x.T for x in rng.random((2, 4, 4)) / 2)
        found, coupling = gromov_wasserstein(a, b)
        np.testing.assert_allclose([coupling.sum(0), coupling.sum(1)], 1 / 4)
        square = ((a[:, :, None, None] - b[None, None]) ** 2 * coupling[:, None, :, None] * coupling[None, :, None, :]).sum()
        assert found == pytest.approx(np.sqrt(square))
        assert found <= np.sqrt(((a - b) ** 2).mean()) + 1e-9


def test_places_are_matched_anew():
    order = [0, 2, 1]
    other = STEPS[order][:, order]
    assert gromov_wasserstein(STEPS, other)[0] < 1e-6 < np.sqrt(((STEPS - other) ** 2).mean())
    best = min(np.sqrt(((STEPS - 0.5 * other[list(p)][:, list(p)]) ** 2).mean()) for p in permutations(range(3)))
    assert gromov_wasserstein(STEPS, 0.5 * other)[0] == pytest.approx(best)
    assert gromov_wasserstein(STEPS, STEPS)[0] == pytest.approx(0, abs=1e-7)


def test_mistakes():
    for graphs, resolution in (([], 3), ([csr_array(np.eye(2))], 0)):
        with pytest.raises(ValueError, match="give at least one of each"):
            estimate(graphs, resolution)
