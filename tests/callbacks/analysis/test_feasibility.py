"""What could come from the pretraining graphs is told from what could not, in a run that goes on as without it."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch_geometric.utils import k_hop_subgraph, to_dense_adj

from lit_pretrain.callbacks.analysis.feasibility import Feasibility
from lit_pretrain.callbacks.analysis.links import matrices
from lit_pretrain.callbacks.report import Report
from lit_pretrain.callbacks.summary import Summary
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.motifs import Motifs
from lit_pretrain.datamodules.graph.source.stochastic_block import StochasticBlocks
from lit_pretrain.types import TextBatch


def blocks(p_in: float, p_out: float, seed: int = 0) -> GraphDataModule:
    return GraphDataModule(StochasticBlocks((40, 20), p_in, p_out, labelled=15, seed=seed))


def trees(nodes: tuple[int, int]) -> GraphDataModule:
    return GraphDataModule(Motifs({"train": 30, "validation": 5, "test": 5}, nodes=nodes, kinds=1))


def test_likely_downstream_graphs_are_told_from_unlikely_ones_and_the_run_is_the_same(tmp_path, fit):
    downstream = {"alike": blocks(0.3, 0.02, seed=1), "denser": blocks(0.6, 0.3), "trees": trees((4, 8))}
    feasible = Feasibility(downstream, {"blocks": blocks(0.3, 0.02)}, limit=30, hops=1, resolution=8, on_error="raise")
    module, trainer, _ = fit(tmp_path / "with", [feasible, Summary(), Report(0)])
    bare, _, _ = fit(tmp_path / "without", [])
    for ours, theirs in zip(module.parameters(), bare.parameters(), strict=True):
        assert torch.equal(ours, theirs)

    first, last = feasible.history
    assert {task: first[task] for task in downstream} == {task: last[task] for task in downstream}
    alike, denser, other = (first[task] for task in downstream)
    assert alike["feasibility"] > 0.95 > denser["feasibility"] > 0.7 > other["feasibility"]
    assert alike["distance"] < denser["distance"] / 2 and denser["distance"] < other["distance"] / 2
    assert trainer.callback_metrics["feasibility/alike/feasibility"] == pytest.approx(first["alike"]["feasibility"])
    kept = json.loads((tmp_path / "with/summary.json").read_text())["feasibility"]
    assert kept["protocol"]["resolution"] == 8 and len(kept["history"]) == 2
    assert kept["protocol"]["domains"]["blocks"]["limit"] == 30
    for step in (0, 8):
        with Image.open(tmp_path / f"with/pictures/step-{step:07d}/feasibility.png") as drawn:
            assert len(np.unique(np.asarray(drawn).reshape(-1, 4), axis=0)) > 20
    assert "Feasibility: chances of links" in (tmp_path / "with/report.html").read_text()


def test_domains_may_be_mixed_where_the_data_of_the_run_are_one(tmp_path, fit):
    domains = {"dense": blocks(0.6, 0.3), "trees": trees((4, 8))}
    found = Feasibility({"trees": trees((4, 8))}, domains, limit=30, hops=1, resolution=8, on_error="raise")
    fit(tmp_path, [found], max_steps=2)
    row = found.history[0]["trees"]
    assert row["basis"] in ("domain", "topology") and row["feasibility"] > 0.95


def test_data_without_links_are_named(tmp_path, fit):
    with pytest.raises(ValueError, match="examples come as ImageBatch: choose data of graphs"):
        fit(tmp_path, [Feasibility({"trees": trees((4, 8))}, on_error="raise")])
    with pytest.raises(ValueError, match="none of its ego nets has at most max_nodes=2"):
        fit(tmp_path, [Feasibility({"a": blocks(0.6, 0.3)}, {"b": blocks(0.6, 0.3)}, max_nodes=2, on_error="raise")])
    with pytest.raises(ValueError, match="TextBatch"):
        matrices(TextBatch(torch.zeros(3, dtype=torch.long), (3,)), 1)
    for wrong in ({"downstream": {}}, {"resolution": 0}, {"clusters": 0}, {"hops": 0}, {"max_nodes": 1}):
        with pytest.raises(ValueError, match="at least"):
            Feasibility(**{"downstream": {"trees": trees((4, 8))}} | wrong)


@pytest.mark.parametrize("hops", [1, 2])
def test_ego_nets_are_those_of_torch_geometric(hops):
    batch = next(iter(blocks(0.1, 0.02).loader("train", shuffle=False)))
    for seed, found in zip(batch.seeds.tolist(), matrices(batch, hops), strict=True):
        _, index, _, _ = k_hop_subgraph(seed, hops, batch.edges.index, relabel_nodes=True, num_nodes=batch.num_nodes)
        wanted = to_dense_adj(index, max_num_nodes=found.shape[0])[0]
        np.testing.assert_array_equal(found.toarray(), wanted)


def test_many_graphs_are_each_a_matrix():
    data = trees((4, 8))
    batch = next(iter(data.loader("train", shuffle=False)))
    found = matrices(batch, 1)
    assert [graph.shape[0] for graph in found] == list(batch.lengths)
    assert sum(graph.nnz for graph in found) == len(batch.edges)
    whole, (first, second) = to_dense_adj(batch.edges.index)[0], batch.lengths[:2]
    np.testing.assert_array_equal(found[1].toarray(), whole[first : first + second, first : first + second])
