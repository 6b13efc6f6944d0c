"""Attribute masking: what a hidden node was, from the others alone."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.objectives.graph.attribute_masking import AttributeMasking
from lit_pretrain.types import GraphBatch

SIZES = [4, 3]


def kinds(batch: GraphBatch, seed: int = 0) -> GraphBatch:
    draws = torch.Generator().manual_seed(seed)
    columns = [torch.randint(size, (batch.num_nodes,), generator=draws) for size in SIZES]
    return replace(batch, features=torch.stack(columns, 1))


@pytest.fixture
def model() -> AttributeMasking:
    torch.manual_seed(0)
    encoder = PyGEncoder(Categories(SIZES, 8), dim=8, maskable=True)
    encoder.mask_vector.data.normal_()
    return AttributeMasking(encoder, SIZES, masking=RandomUnits(0.3))


def hidden_of(model: AttributeMasking, batch: GraphBatch) -> torch.Tensor:
    """The nodes that the next loss will hide."""
    hidden = model.masking(batch.whole().layout, torch.Generator().manual_seed(2))
    model.generator.manual_seed(2)
    return hidden


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_the_loss_is_the_entropy_of_what_is_hidden(model, kind, request):
    batch = kinds(request.getfixturevalue(kind))
    hidden = hidden_of(model, batch)
    term = model.loss(batch)["kinds"]
    scores = model.head(model.encoder(batch.whole(), mask=hidden).units)
    among = set(hidden.nonzero()[:, 0].tolist())
    if batch.seeds is not None:
        among &= set(batch.seeds.tolist())
    expected = sum(
        -scores[i, :4].log_softmax(0)[batch.features[i, 0]] - scores[i, 4:].log_softmax(0)[batch.features[i, 1]]
        for i in among
    )
    assert int(term.count) == len(among) > 0
    torch.testing.assert_close(term.sum, expected)


def test_what_is_hidden_is_seen_nowhere(model, graphs):
    """Other kinds of the hidden nodes change the targets, and no prediction."""
    batch, other = kinds(graphs), kinds(graphs, seed=1)
    hidden, seen = hidden_of(model, batch), []
    changed = replace(batch, features=torch.where(hidden[:, None], other.features, batch.features))
    assert (changed.features != batch.features).any()
    model.head.register_forward_hook(lambda _, args, scores: seen.append(scores))
    losses = []
    for one in (batch, changed):
        model.generator.manual_seed(2)
        losses.append(model.loss(one)["kinds"].sum)
    assert torch.equal(*seen) and not torch.equal(*losses)


def test_the_neighbours_kinds_are_seen(model, graphs):
    batch, other = kinds(graphs), kinds(graphs, seed=1)
    hidden = hidden_of(model, batch)
    changed = replace(batch, features=torch.where(hidden[:, None], batch.features, other.features))
    first = model.encoder(batch, mask=hidden).units[hidden]
    assert ((model.encoder(changed, mask=hidden).units[hidden] - first).abs().amax(1) > 1e-4).all()


def test_numbers_of_nodes_do_not_count(model, graphs, relabelled):
    batch = kinds(graphs)
    other, old = relabelled(batch)
    hidden = hidden_of(model, batch)
    for one, mask in ((batch, hidden), (other, hidden[old])):
        model.masking = lambda layout, generator, mask=mask: mask
        one.loss = model.loss(one)["kinds"].sum
    torch.testing.assert_close(other.loss, batch.loss)


def test_gradients_reach_the_encoder_and_the_mask_vector(model, graphs):
    model.loss(kinds(graphs))["kinds"].sum.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_mistakes(model, graphs):
    with pytest.raises(ValueError, match=r"5 columns of torch\.float32"):
        model.loss(graphs)
    with pytest.raises(ValueError, match=r"1 columns of torch\.int64"):
        model.loss(replace(graphs, features=torch.zeros(22, 1, dtype=torch.long)))
