"""What objectives on graphs draw of a batch: what is hidden or altered, and what is said of it."""

import lightning as L
import pytest
import torch
from PIL import Image

from lit_pretrain.callbacks.pictures import Pictures
from lit_pretrain.corruptions.graph.edge_dropping import EdgeDropping
from lit_pretrain.corruptions.graph.edge_perturbation import EdgePerturbation
from lit_pretrain.corruptions.graph.node_dropping import NodeDropping
from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.motifs import Motifs
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.head.plain_mlp import PlainMLP
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.objectives.graph.attribute_masking import AttributeMasking
from lit_pretrain.objectives.graph.bgrl import BGRL
from lit_pretrain.objectives.graph.graphcl import GraphCL
from lit_pretrain.objectives.graph.graphmae import GraphMAE


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
@pytest.mark.parametrize("method", [GraphCL, BGRL])
def test_views_are_drawn_beside_the_original(method, kind, encoder, request):
    batch = request.getfixturevalue(kind)
    model = method(encoder, PlainMLP(8, 8, 8), EdgeDropping(0.0), EdgeDropping(0.5))
    ((title, drawn),) = model.pictures(batch).items()
    assert title.startswith("altered")  # "views" is what Pictures calls the preview of the batch
    assert drawn.shape[:3] == (batch.num_examples, 3, 3)
    original = batch.preview()[:, 0]
    assert torch.equal(drawn[:, 0], original) and torch.equal(drawn[:, 1], original), "nothing was dropped"
    assert not torch.equal(drawn[:, 2], original)


def test_nodes_that_are_dropped_and_edges_that_are_added_do_not_move_the_others(graphs, encoder):
    model = GraphCL(encoder, PlainMLP(8, 8, 8), NodeDropping(0.3), EdgePerturbation(0.3))
    drawn = model.pictures(graphs)["altered: original, first view, second view"]
    same = (drawn[:, :1] == drawn[:, 1:]).all(2).float().mean((2, 3))
    assert (same > 0.8).all() and (same < 1).all()


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_hidden_features_and_what_is_predicted_in_their_place(kind, encoder, request):
    batch = request.getfixturevalue(kind)
    decoder = PyGEncoder(Raw(8), model="GIN", dim=5, num_layers=1)
    ((title, drawn),) = GraphMAE(encoder, decoder, masking=RandomUnits(0.5)).pictures(batch).items()
    assert title == "features: hidden, predicted, original" and drawn.shape[:3] == (batch.num_examples, 3, 3)
    assert torch.equal(drawn[:, 2], batch.preview()[:, 0])
    assert (drawn[:, 0] != drawn[:, 2]).flatten(1).any(1).all() and not torch.equal(drawn[:, 1], drawn[:, 0])


def test_a_run_draws_its_graphs_and_its_attention(tmp_path):
    encoder = PyGEncoder(Categories([3], 8), model="GAT", dim=8, maskable=True)
    model = AttributeMasking(encoder, [3], masking=RandomUnits(0.3))
    data = GraphDataModule(Motifs({"train": 20, "validation": 8, "test": 4}, kinds=3), graphs_per_batch=10)
    pictures = Pictures(0, examples=4, map_points=0)
    trainer = L.Trainer(default_root_dir=tmp_path, accelerator="cpu", max_steps=2, logger=False, callbacks=[pictures],
                        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(model, datamodule=data)
    folder = tmp_path / "pictures/step-0000002"
    assert {path.stem for path in folder.iterdir()} == {"kinds", "views", "attention"}
    with Image.open(folder / "kinds.png") as drawn:
        assert drawn.text["Title"] == "kinds: hidden, predicted, original" and drawn.width > drawn.height * 0.5
