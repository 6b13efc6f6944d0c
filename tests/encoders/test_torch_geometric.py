"""PyGEncoder: torch-geometric's own numbers, and nothing of what `keep` hides."""

import copy
from dataclasses import replace

import pytest
import torch
import torch_geometric.nn

from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.nodes.linear import Linear
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.part import build, spec
from lit_pretrain.types import Edges, GraphBatch

PNA = {"aggregators": ["mean", "max", "std"], "scalers": ["identity", "attenuation"], "deg": [1, 2, 4, 3]}
MODELS = [
    ("GIN", {}),
    ("GIN", {"norm": "batch_norm", "jk": "cat"}),
    ("GCN", {"act": "prelu", "norm": "layer_norm"}),
    ("GAT", {"heads": 2}),
    ("GAT", {"edge_dim": 3}),
    ("GraphSAGE", {}),
    ("GraphSAGE", {"aggr": "max"}),
    ("PNA", PNA),
]
IDS = ["-".join([name, *map(str, options)]) for name, options in MODELS]


def encoder(model: str, *, layers: int = 2, maskable: bool = False, **options) -> PyGEncoder:
    torch.manual_seed(0)
    made = PyGEncoder(Linear(4, 6), model=model, dim=8, num_layers=layers, options=options, maskable=maskable)
    return made.eval()


def graphs(seeds: bool = False) -> GraphBatch:
    """Graphs of 5, 1 and 6 nodes, of which one has no edges; with seeds the same as one graph."""
    draw = torch.Generator().manual_seed(0)
    first = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 0, 4, 1], [1, 0, 2, 1, 3, 2, 0, 3, 1, 4]])
    second = 6 + torch.tensor([[0, 1, 2, 2, 3, 4, 5], [1, 2, 0, 3, 4, 5, 3]])
    edges, _ = Edges.of(torch.cat([second, first], 1), 12)
    return GraphBatch(
        torch.randn(12, 4, generator=draw), edges, (12,) if seeds else (5, 1, 6),
        torch.randn(len(edges), 3, generator=draw), torch.tensor([7, 0, 4]) if seeds else None,
    )  # fmt: skip


def relabelled(batch: GraphBatch, order: torch.Tensor) -> GraphBatch:
    """Node order[n] becomes node n."""
    edges, places = Edges.of(order.argsort()[batch.edges.index], batch.num_nodes)
    return replace(batch, features=batch.features[order], edges=edges, edge_features=batch.edge_features[places])


@pytest.mark.parametrize("seeds", [False, True])
@torch.no_grad()
def test_the_last_layer_is_made_of_what_its_attention_weighs(seeds):
    ours, batch = encoder("GAT", heads=2), graphs(seeds)
    weights, last = ours.attention(batch), ours.model.convs[-1]
    state = last.__dict__.copy()
    units = ours(batch.whole(), layers=True)
    values = last.lin(units.layers["block00"]).unflatten(1, (2, 4))  # (N, heads, D / heads)
    sources, targets = batch.edges.index
    own = 1 - torch.zeros(12, 2).index_add(0, targets, weights)  # of the self loop
    expected = (own[..., None] * values).index_add(0, targets, weights[..., None] * values[sources])
    torch.testing.assert_close(units.units, expected.flatten(1) + last.bias)
    assert "input" not in state and len(weights) == len(batch.edges)
    assert ours.attention_pictures(batch).shape[:3] == (batch.num_examples, 2, 3)
    assert encoder("GIN").attention_pictures(batch) is None


@pytest.mark.parametrize(("name", "options"), MODELS, ids=IDS)
@torch.no_grad()
def test_equals_torch_geometric(name, options):
    ours, batch = encoder(name, **options), graphs()
    theirs_options = {**options, "deg": torch.tensor(options["deg"])} if "deg" in options else options
    theirs = getattr(torch_geometric.nn, name)(6, 8, 2, **theirs_options).eval()
    theirs.load_state_dict(ours.model.state_dict())
    shuffled = torch.randperm(len(batch.edges))  # torch-geometric asks for no order
    features = {"edge_attr": batch.edge_features[shuffled]} if "edge_dim" in options else {}
    expected = theirs(ours.nodes(batch), batch.edges.index[:, shuffled], batch=batch.graphs.example, **features)
    encoded = ours(batch)
    torch.testing.assert_close(encoded.units, expected)
    means = torch.stack([part.mean(0) for part in expected.split((5, 1, 6))])
    torch.testing.assert_close(encoded.pooled, means)
    assert encoded.units.shape == (12, ours.dim) and encoded.layout.lengths == (5, 1, 6)


@pytest.mark.parametrize(("name", "options"), MODELS, ids=IDS)
@torch.no_grad()
def test_graphs_of_a_batch_do_not_see_each_other(name, options):
    batch = graphs()
    alone = batch.without_nodes(torch.arange(12) < 6)
    torch.testing.assert_close(encoder(name, **options)(batch).units[6:], encoder(name, **options)(alone).units)


@pytest.mark.parametrize(("name", "options"), MODELS, ids=IDS)
@torch.no_grad()
def test_relabelled_nodes_get_the_same_vectors(name, options):
    batch, order = graphs(), torch.cat([torch.randperm(5), torch.tensor([5]), 6 + torch.randperm(6)])
    model = encoder(name, **options)
    before, after = model(batch), model(relabelled(batch, order))
    torch.testing.assert_close(after.units, before.units[order])
    torch.testing.assert_close(after.pooled, before.pooled)


@pytest.mark.parametrize("seeds", [False, True])
@pytest.mark.parametrize("name", ["GCN", "GAT"])
@torch.no_grad()
def test_nodes_that_are_not_kept_are_not_there(name, seeds):
    batch, model = graphs(seeds), encoder(name, maskable=True)
    model.mask_vector.normal_()
    keep = torch.tensor([True, False, True]) if seeds else torch.arange(12) % 3 != 1
    mask = torch.tensor([False, False, True]) if seeds else torch.arange(12) % 4 == 0
    hidden = batch.of_nodes(~keep)
    left = batch.without_nodes(hidden) if not seeds else batch.at(batch.seeds[keep]).without_nodes(hidden)
    assert torch.equal(model(batch, keep=keep).units, model(left).units)
    assert torch.equal(model(batch, keep=keep, mask=mask).units, model(left, mask=mask[keep]).units)
    noisy = replace(batch, features=torch.where(hidden[:, None], torch.nan, batch.features))
    assert model(noisy, keep=keep).units.isfinite().all()


@torch.no_grad()
def test_masked_nodes_show_the_mask_vector_alone():
    batch, model = graphs(), encoder("GIN", maskable=True)
    model.mask_vector.normal_()
    mask = torch.zeros(12, dtype=torch.bool)
    mask[[1, 7]] = True
    noisy = replace(batch, features=torch.where(mask[:, None], 9.0, batch.features))
    masked = model(batch, mask=mask, layers=True)
    assert torch.equal(masked.units, model(noisy, mask=mask).units) and not torch.equal(masked.units, model(batch).units)
    assert torch.equal(masked.layers["embedding"][mask], model.mask_vector.expand(2, -1))
    assert torch.equal(masked.layers["embedding"][~mask], model.nodes(batch)[~mask])
    assert torch.equal(model(batch, mask=torch.zeros_like(mask)).units, model(batch).units)
    with pytest.raises(ValueError, match="maskable=true"):
        encoder("GIN")(batch, mask=mask)


def test_the_mask_vector_is_learned():
    batch, model = graphs(seeds=True), encoder("GIN", maskable=True)
    model(batch, mask=torch.tensor([True, False, False])).units.sum().backward()
    assert model.mask_vector.grad.abs().sum() > 0


@torch.no_grad()
def test_layers_are_what_each_layer_gets_and_the_end():
    batch, model = graphs(), encoder("GCN", layers=3)
    encoded = model(batch, layers=True)
    assert list(encoded.layers) == ["embedding", "block00", "block01", "block02"]
    assert torch.equal(encoded.layers["embedding"], model.nodes(batch)) and encoded.layers["block02"] is encoded.units
    conv = torch_geometric.nn.GCNConv(6, 8)
    conv.load_state_dict(model.model.convs[0].state_dict())
    first = model.model.act(conv(model.nodes(batch), batch.edges.index))
    torch.testing.assert_close(encoded.layers["block00"], first)
    assert torch.equal(encoded.pool("block02"), encoded.pooled) and len(model.blocks) == model.num_layers == 3
    assert model(batch).layers == {}


@torch.no_grad()
def test_seeds_are_rows_of_the_whole():
    model = encoder("GraphSAGE")
    whole, nodes = model(graphs().whole(), layers=True), model(graphs(seeds=True), layers=True)
    assert nodes.layout.lengths == (1, 1, 1) and torch.equal(nodes.units, whole.units[[7, 0, 4]])
    assert nodes.pooled is nodes.units and torch.equal(nodes.pool("block00"), nodes.layers["block00"])
    assert torch.equal(nodes.layers["embedding"], whole.layers["embedding"][[7, 0, 4]])


def test_a_graph_without_edges_is_its_nodes():
    lonely = graphs().without_edges(torch.ones(17, dtype=torch.bool))
    for name, options in MODELS:
        if "edge_dim" not in options:
            model = encoder(name, **options)
            model(lonely).units.sum().backward()
            assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_weights_stand_once_under_their_names_and_the_encoder_is_rebuilt():
    model = encoder("GIN", maskable=True, norm="batch_norm")
    names = set(model.state_dict())
    assert {"mask_vector", "nodes.linear.weight", "model.convs.0.nn.lins.0.weight"} <= names
    assert not any(name.startswith("blocks") for name in names)
    again = build(spec(model))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(graphs()).units, model(graphs()).units)


@torch.no_grad()
def test_without_its_map_jk_gives_the_layers():
    options, batch = {"act": "prelu", "norm": "layer_norm"}, graphs()
    torch.manual_seed(0)
    nodes = Linear(4, 6)
    mapped, cat, last = (
        PyGEncoder(nodes, model="GIN", dim=8, options={**options, "jk": jk}, mapped=m).eval()
        for jk, m in (("cat", True), ("cat", False), ("last", False))
    )
    for model in (cat, last):
        model.load_state_dict({k: v for k, v in mapped.state_dict().items() if not k.startswith("model.lin.")})
    assert (mapped.dim, cat.dim, last.dim) == (8, 16, 8)
    torch.testing.assert_close(mapped.model.lin(cat(batch).units), mapped(batch).units)
    assert torch.equal(cat(batch).units[:, 8:], last(batch).units) and cat(batch).pooled.shape == (3, 16)


def test_sparse_features_give_the_same_numbers_and_gradients():
    batch = graphs()
    batch = replace(batch, features=batch.features.relu())
    dense, sparse = (PyGEncoder(Raw(4), model="GCN", dim=8, maskable=True, sparse=s) for s in (False, True))
    sparse.load_state_dict(dense.state_dict())
    shuffled = replace(batch, features=batch.features.flip(0))
    for inputs in (batch, shuffled, batch):
        for model in (dense, sparse):
            model.zero_grad()
            model(inputs).units.square().sum().backward()
        torch.testing.assert_close(sparse(inputs).units, dense(inputs).units)
        torch.testing.assert_close(sparse.model.convs[0].lin.weight.grad, dense.model.convs[0].lin.weight.grad)
    mask = torch.arange(12) % 3 == 0
    torch.testing.assert_close(sparse(batch, mask=mask).units, dense(batch, mask=mask).units)
    sparse(batch, mask=mask).units.sum().backward()
    assert sparse.mask_vector.grad.abs().sum() > 0
    batch.features.mul_(2)  # in place: what was kept of these features is void
    torch.testing.assert_close(sparse(batch).units, dense(batch).units)
    torch.testing.assert_close(copy.deepcopy(sparse)(batch).units, sparse(batch).units)


def test_mistakes():
    batch = graphs()
    for name in ("GINN", "GCNConv", "Linear"):
        with pytest.raises(ValueError, match=f"model='{name}'.*GAT, GCN, GIN, GraphSAGE"):
            encoder(name)
    with pytest.raises(ValueError, match="heads"):
        encoder("GIN", heads=2)
    with pytest.raises(ValueError, match="have 4 features and the encoder was made for 5"):
        PyGEncoder(Raw(5), dim=8)(batch)
    with pytest.raises(ValueError, match=r"float32.*use Linear or Raw"):
        PyGEncoder(Categories([2, 2, 2, 2], 8), dim=8)(batch)
    with pytest.raises(ValueError, match=r"int64.*use Categories"):
        PyGEncoder(Raw(4), dim=8)(replace(batch, features=batch.features.long()))
    with pytest.raises(ValueError, match="edges of these data have no features"):
        encoder("GAT", edge_dim=3)(replace(batch, edge_features=None))
    with pytest.raises(ValueError, match="there is no jk"):
        PyGEncoder(Raw(4), mapped=False)
    with pytest.raises(ValueError, match=r"sparse=true is for GCN.*'GIN'"):
        PyGEncoder(Raw(4), sparse=True)
