"""GraphCL: the other view of the same example, among all views."""

from math import log

import pytest
import torch

from lit_pretrain.corruptions.graph.all_of import AllOf
from lit_pretrain.corruptions.graph.edge_perturbation import EdgePerturbation
from lit_pretrain.corruptions.graph.feature_masking import FeatureMasking
from lit_pretrain.corruptions.graph.node_dropping import NodeDropping
from lit_pretrain.corruptions.graph.one_of import OneOf
from lit_pretrain.corruptions.graph.walk_subgraph import WalkSubgraph
from lit_pretrain.losses.nt_xent import nt_xent
from lit_pretrain.nn.head.plain_mlp import PlainMLP
from lit_pretrain.objectives.graph.graphcl import GraphCL

POOL = OneOf([NodeDropping(0.3), EdgePerturbation(0.3), WalkSubgraph(0.5)])


def mean(model: GraphCL, batch) -> torch.Tensor:
    model.generator.manual_seed(2)
    term = model.loss(batch)["nt_xent"]
    assert term.count == batch.num_examples
    return term.sum / term.count


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_the_loss_is_nt_xent_of_two_drawn_views(encoder, kind, request):
    batch = request.getfixturevalue(kind)
    model = GraphCL(encoder, PlainMLP(8, 8, 4), POOL, FeatureMasking(0.5), temperature=0.3)
    draws = torch.Generator().manual_seed(2)
    views = [POOL(batch, draws), FeatureMasking(0.5)(batch, draws)]
    z = [model.projector(encoder(view).pooled) for view in views]
    assert len(z[0]) == batch.num_examples and (z[0] - z[1]).abs().max() > 1e-3
    torch.testing.assert_close(mean(model, batch), nt_xent(*z, 0.3))


def test_the_other_examples_are_the_negatives(encoder, graphs, alone):
    """One graph has nothing to be confused with; equal ones are confused always."""
    model = GraphCL(encoder, PlainMLP(8, 8, 4), AllOf([]), AllOf([]))
    assert float(mean(model, alone(graphs, 0))) == pytest.approx(0, abs=1e-6)
    torch.nn.init.zeros_(model.projector.layers[2].weight)
    assert float(mean(model, graphs)) == pytest.approx(log(5), rel=1e-5)


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_numbers_of_nodes_do_not_count(encoder, kind, relabelled, request):
    batch = request.getfixturevalue(kind)  # the draws of FeatureMasking do not depend on nodes
    model = GraphCL(encoder, PlainMLP(8, 8, 4), FeatureMasking(0.3), FeatureMasking(0.6))
    torch.testing.assert_close(mean(model, relabelled(batch)[0]), mean(model, batch))


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_gradients_reach_encoder_and_projector(encoder, kind, request):
    model = GraphCL(encoder, PlainMLP(8, 8, 4), POOL, POOL)
    mean(model, request.getfixturevalue(kind)).backward()
    for part in (encoder.model, model.projector.layers[0]):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_mistakes(encoder):
    with pytest.raises(ValueError, match="temperature=0"):
        GraphCL(encoder, PlainMLP(8, 8, 4), POOL, POOL, temperature=0)
