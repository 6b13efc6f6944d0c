"""GraphPrompt compares subgraphs, not nodes, of triplets of nodes."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.graph.triplets import triplets
from lit_pretrain.nn.pooling.ego import EgoSum
from lit_pretrain.objectives.graph.graphprompt import GraphPrompt
from lit_pretrain.types import Edges, GraphBatch


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_the_loss_is_that_of_subgraph_similarity(kind, encoder, request):
    """Written out node by node; another readout or plain node vectors would give another number."""
    batch: GraphBatch = request.getfixturevalue(kind)
    model = GraphPrompt(encoder, EgoSum(2), temperature=0.3, unlinked=2)
    model.generator.manual_seed(5)
    term = model.loss(batch)["graphprompt"]
    drawn = triplets(batch, 2, torch.Generator().manual_seed(5))
    units, links = encoder(batch.whole()).units, torch.zeros(batch.num_nodes, batch.num_nodes)
    links[batch.edges.targets, batch.edges.sources] = 1
    near = (torch.eye(batch.num_nodes) + links + links @ links > 0).float()
    total = torch.zeros(())
    for v, a, bs in zip(drawn.node, drawn.linked, drawn.unlinked, strict=True):
        cosines = torch.stack([F.cosine_similarity(near[v] @ units, near[u] @ units, dim=0) for u in (a, *bs)])
        total = total - (cosines / 0.3).log_softmax(0)[0]
    torch.testing.assert_close(term.sum, total)
    assert term.count == batch.num_units and drawn.found.all()


def test_gradients_reach_the_encoder_and_validation_draws_the_same(nodes, encoder):
    model, sums = GraphPrompt(encoder), []
    for _ in range(2):
        model.generator.manual_seed(0)
        sums.append(model.loss(nodes)["graphprompt"].sum)
    assert sums[0] == sums[1]
    sums[0].backward()
    assert all(p.grad.abs().sum() > 0 for name, p in encoder.named_parameters() if name != "mask_vector")


def test_numbering_the_nodes_anew_leaves_the_expected_loss(graphs, encoder, relabelled):
    """The draws differ, so the means over many of them are compared."""
    model = GraphPrompt(encoder.requires_grad_(False), unlinked=30)
    other, _ = relabelled(graphs)

    def mean(batch: GraphBatch) -> torch.Tensor:
        return torch.stack([model.loss(batch)["graphprompt"].sum for _ in range(60)]).mean()

    torch.testing.assert_close(mean(graphs), mean(other), rtol=5e-3, atol=0)


def test_graphs_without_triplets_count_nothing(encoder):
    """All nodes of a triangle are linked."""
    index = torch.tensor([[0, 1, 0, 2, 1, 2], [1, 0, 2, 0, 2, 1]])
    term = GraphPrompt(encoder).loss(GraphBatch(torch.randn(3, 5), Edges.of(index, 3)[0], (3,)))["graphprompt"]
    assert term.sum == 0 and term.count == 0


def test_wrong_settings_are_named(encoder):
    with pytest.raises(ValueError, match="temperature=0"):
        GraphPrompt(encoder, temperature=0.0)
