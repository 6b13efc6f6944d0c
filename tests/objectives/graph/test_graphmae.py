"""GraphMAE: hidden features come back through neighbours alone."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.objectives.graph.graphmae import GraphMAE

HIDDEN = torch.arange(22) % 3 == 0


def decoder(dim: int) -> PyGEncoder:
    return PyGEncoder(Raw(8), model="GCN", dim=dim, num_layers=1)


@pytest.fixture
def model(encoder) -> GraphMAE:
    encoder.mask_vector.data.normal_()
    return GraphMAE(encoder, decoder(5), replaced=0.0)


def test_the_features_of_hidden_nodes_are_seen_nowhere(model, graphs):
    changed = replace(graphs, features=torch.where(HIDDEN[:, None], torch.randn(22, 5), graphs.features))
    assert torch.equal(model.predict(changed, HIDDEN), model.predict(graphs, HIDDEN))


def test_a_visible_node_reaches_the_hidden_ones_within_all_layers(model, graphs):
    """Two layers of the encoder and one of the decoder: three edges away, and not from or over what is hidden again."""
    node = int((~HIDDEN).nonzero()[0])
    changed = graphs.features.clone()
    changed[node] += 1
    moved = (model.predict(replace(graphs, features=changed), HIDDEN) != model.predict(graphs, HIDDEN)).any(1)
    adjacent = torch.zeros(22, 22)
    adjacent[tuple(graphs.edges.index)] = 1
    step = adjacent + torch.eye(22)
    encoded = (torch.linalg.matrix_power(step, 2)[node] > 0) & ~HIDDEN
    assert torch.equal(moved, (step[encoded].sum(0) > 0)) and moved[HIDDEN].any()


def test_what_is_hidden_is_hidden_from_the_decoder_again(model, graphs):
    seen = []
    model.decoder.nodes.register_forward_pre_hook(lambda _, args: seen.append(args[0].features))
    model.predict(graphs, HIDDEN)
    assert (seen[0][HIDDEN] == 0).all() and (seen[0][~HIDDEN] != 0).any(1).all()


@pytest.mark.parametrize("gamma", [1.0, 3.0])
def test_the_loss_is_the_scaled_cosine_error_of_hidden_nodes(encoder, graphs, nodes, gamma):
    model = GraphMAE(encoder, decoder(5), replaced=0.0, gamma=gamma)
    for batch in (graphs, nodes):
        hidden = model.masking(batch.whole().layout, torch.Generator().manual_seed(2))
        model.generator.manual_seed(2)
        term = model.loss(batch)["graphmae"]
        y = model.predict(batch.whole(), hidden)
        among = set(range(22) if batch.seeds is None else batch.seeds.tolist()) & set(hidden.nonzero()[:, 0].tolist())
        cosines = []
        for i in among:  # 0 where no visible node is near, and all that the decoder gets is 0
            norms = float(y[i].norm() * batch.features[i].norm())
            cosines.append(float(y[i] @ batch.features[i]) / norms if norms else 0.0)
        assert int(term.count) == len(among) > 0
        assert float(term.sum.detach()) == pytest.approx(sum((1 - cosine) ** gamma for cosine in cosines), rel=1e-4)


def test_replaced_nodes_show_others(model, graphs):
    """All of them replaced: the mask vector is not used, and other nodes' features are, hidden or not."""
    model.replaced = 1 - 1e-7
    seen, masks = [], []
    model.encoder.nodes.register_forward_pre_hook(lambda _, args: seen.append(args[0].features))
    model.encoder.register_forward_pre_hook(lambda _, args, named: masks.append(named["mask"]), with_kwargs=True)
    model.predict(graphs, HIDDEN)
    assert not masks[0].any() and torch.equal(seen[0][~HIDDEN], graphs.features[~HIDDEN])
    source = (seen[0][HIDDEN][:, None] == graphs.features).all(2)
    assert (source.sum(1) == 1).all() and len(source.nonzero()[:, 1].unique()) > 3


def test_categories_are_predicted_as_indicators(graphs):
    kinds = torch.stack([torch.arange(22) % 3, torch.arange(22) % 2], 1)
    model = GraphMAE(PyGEncoder(Categories([3, 2], 8), dim=8, maskable=True), decoder(5), sizes=[3, 2])
    batch = replace(graphs, features=kinds)
    expected = torch.cat([F.one_hot(kinds[:, 0], 3), F.one_hot(kinds[:, 1], 2)], 1).float()
    assert torch.equal(model.targets(batch), expected)
    assert torch.isfinite(model.loss(batch)["graphmae"].sum)


def test_the_decoder_gets_single_precision(model, graphs):
    """Features of a graph are float32, whatever the projection computes in."""
    full = model.predict(graphs, HIDDEN)
    with torch.autocast("cpu", torch.bfloat16):
        half = model.predict(graphs, HIDDEN)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, rtol=0.02, atol=0.02)


def test_numbers_of_nodes_do_not_count(model, graphs, relabelled):
    other, old = relabelled(graphs)
    torch.testing.assert_close(model.predict(other, HIDDEN[old]), model.predict(graphs, HIDDEN)[old])


def test_gradients_reach_the_encoder_and_the_mask_vector(model, graphs):
    model.loss(graphs)["graphmae"].sum.backward()
    parts = (*model.encoder.parameters(), *model.decoder.model.parameters(), model.projection.weight)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parts)


def test_mistakes(encoder):
    with pytest.raises(ValueError, match=r"gamma=0.5"):
        GraphMAE(encoder, decoder(5), gamma=0.5)
    with pytest.raises(ValueError, match=r"replaced=1"):
        GraphMAE(encoder, decoder(5), replaced=1.0)
