"""DGI: the loss of torch-geometric, and a summary of each node's own graph."""

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import DeepGraphInfomax

from lit_pretrain.corruptions.graph.feature_masking import FeatureMasking
from lit_pretrain.corruptions.graph.shuffled_features import ShuffledFeatures
from lit_pretrain.objectives.graph.dgi import DGI
from lit_pretrain.types import GraphBatch


class Units(nn.Module):
    """An encoder as torch-geometric wants one."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, batch: GraphBatch) -> Tensor:
        return self.encoder(batch).units


def total(model: DGI, batch: GraphBatch) -> Tensor:
    model.generator.manual_seed(2)
    return sum(term.weight * term.sum / term.count for term in model.loss(batch).values())


@pytest.mark.parametrize("seeds", [True, False])
def test_it_is_the_loss_of_torch_geometric(encoder, nodes, seeds):
    batch = nodes if seeds else nodes.at(torch.arange(22))
    reference = DeepGraphInfomax(
        8,
        Units(encoder),
        summary=lambda units, batch: units.mean(0).sigmoid(),
        corruption=lambda batch: ShuffledFeatures()(batch, torch.Generator().manual_seed(2)),
    )
    model = DGI(encoder)
    model.bilinear = reference.weight
    loss = total(model, batch)
    expected = reference.loss(*reference(batch)) / 2  # a sum of two terms, and their mean
    torch.testing.assert_close(loss, expected)
    gradients = [torch.autograd.grad(x, encoder.model.parameters()) for x in (loss, expected)]
    for own, other in zip(*gradients, strict=True):
        torch.testing.assert_close(own, other)


def test_nodes_see_the_summary_of_their_own_graph(encoder, graphs, alone):
    """A batch of graphs is what they are one by one, each node weighing the same."""
    model = DGI(encoder, FeatureMasking(0.5))  # which alters all graphs alike
    expected = sum(graphs.lengths[i] * total(model, alone(graphs, i)) for i in range(3)) / 22
    torch.testing.assert_close(total(model, graphs), expected)
    merged = graphs.at(torch.arange(22))
    merged.lengths = (22,)
    assert (total(model, merged) - expected).abs() > 1e-4


def test_the_corrupted_copy_meets_the_real_summary(encoder, nodes):
    model = DGI(encoder)
    summary = encoder(nodes).units.mean(0).sigmoid()
    false = encoder(ShuffledFeatures()(nodes, torch.Generator().manual_seed(2))).units
    model.generator.manual_seed(2)
    term = model.loss(nodes)["corrupted"]
    torch.testing.assert_close(term.sum / term.count, -(1 - (false @ model.bilinear @ summary).sigmoid()).log().mean())


def test_numbers_of_nodes_do_not_count(encoder, graphs, nodes, relabelled):
    model = DGI(encoder, FeatureMasking(0.5))  # its draws do not depend on nodes
    for batch in (graphs, nodes):
        torch.testing.assert_close(total(model, relabelled(batch)[0]), total(model, batch))


def test_gradients_reach_the_encoder_and_the_bilinear_map(encoder, graphs):
    model = DGI(encoder)
    total(model, graphs).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in (*encoder.model.parameters(), model.bilinear))
