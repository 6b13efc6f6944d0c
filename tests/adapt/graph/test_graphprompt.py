"""A prompt, class prototypes, a frozen encoder."""

import lightning as L
import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.adapt.graph.graphprompt import GraphPrompt
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.digits import DigitsGraph
from lit_pretrain.datamodules.graph.source.motifs import Motifs
from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.labelled import Labelled
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.tune import Budget
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.downstream.tuning.linear import Linear
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.part import class_path

QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False,
         "enable_checkpointing": False}  # fmt: skip


@pytest.fixture
def digits() -> GraphDataModule:
    return GraphDataModule(DigitsGraph(noise=0.3))


@pytest.fixture
def motifs() -> GraphDataModule:
    return GraphDataModule(Motifs({"train": 60, "validation": 40, "test": 40}), graphs_per_batch=20)


def encoder_of(data: GraphDataModule, dim: int = 8) -> PyGEncoder:
    torch.manual_seed(0)
    return PyGEncoder(Raw(64) if isinstance(data.source, DigitsGraph) else Categories((5,), 8), dim=dim)


def subgraph(data: GraphDataModule, batch, example: int) -> torch.Tensor:
    """(N,) bool: the nodes of an example's subgraph."""
    if batch.seeds is None:
        return batch.graphs.example == example
    node, inside = batch.seeds[example], torch.zeros(batch.num_nodes, dtype=torch.bool)
    inside[node] = True
    inside[batch.edges.sources[batch.edges.targets == node]] = True
    return inside


@pytest.mark.parametrize("kind", ["digits", "motifs"])
def test_the_loss_is_written_with_the_prompt_inside_the_readout(kind, request):
    data = request.getfixturevalue(kind)
    encoder = encoder_of(data).requires_grad_(False)
    task = GraphPrompt(8, data.num_classes, temperature=0.2)
    with torch.no_grad():
        task.prompt.copy_(torch.rand(8))
    data.graphs_per_batch = 60
    batch = next(iter(data.loader("train", shuffle=False, labelled=True)))
    term = task.loss(task(task.encode(encoder, batch)), batch)
    weighed = task.prompt * encoder(batch.whole()).units
    sums = torch.stack([weighed[subgraph(data, batch, i)].sum(0) for i in range(batch.num_examples)])
    classes = torch.stack([sums[batch.labels == c].mean(0) for c in range(data.num_classes)])
    scores = F.cosine_similarity(sums[:, None], classes[None], dim=2) / 0.2
    torch.testing.assert_close(term.sum, F.cross_entropy(scores, batch.labels, reduction="sum"))
    found, wanted = (torch.autograd.grad(loss, task.prompt)[0] for loss in (
        term.sum, F.cross_entropy(scores, batch.labels, reduction="sum")))  # fmt: skip
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_only_the_prompt_trains_and_prototypes_are_those_of_the_training_labels(motifs):
    encoder = encoder_of(motifs)
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    model = FineTune(encoder, GraphPrompt(8, 6), Linear())
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["task.prompt"]
    model.optim = AdamW(1e-2)
    trainer = L.Trainer(max_epochs=2, **QUIET)
    data = Labelled(motifs)
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    assert all(torch.equal(weight, before[name]) for name, weight in encoder.state_dict().items())
    assert (model.task.prompt != 1).any()
    batches = list(motifs.loader("train", shuffle=False, labelled=True))
    assert len(batches) == 3, "the means are those of all batches"
    vectors = torch.cat([model.task.encode(encoder, batch).pooled for batch in batches])
    labels = torch.cat([batch.labels for batch in batches])
    assert model.task.counts.tolist() == (2 * labels.bincount(minlength=6)).tolist()
    for c in range(6):
        torch.testing.assert_close(model.task.sums[c] / model.task.counts[c], vectors[labels == c].mean(0))


def test_an_encoder_that_trains_is_refused(digits):
    model = FineTune(encoder_of(digits), GraphPrompt(8, 10), Full())
    with pytest.raises(ValueError, match=r"not frozen.*Linear"):
        model.loss(next(iter(digits.loader("train", shuffle=False, labelled=True))))
    with pytest.raises(ValueError, match="temperature=0"):
        GraphPrompt(8, 2, temperature=0.0)


def test_a_class_without_an_example_is_never_said():
    task = GraphPrompt(4, 3)
    task.count_in(torch.eye(4)[:2], torch.tensor([0, 2]))
    away = torch.tensor([[-3.0, -1.0, 0.0, 0.0]])
    assert task.decode(away).argmax(1).item() == 2


def test_is_a_task_of_the_few_shot_table(digits, tmp_path):
    budget = Budget(learning_rates=(1e-2,), epochs=1, min_steps=5)
    protocol = Protocol(labels=(10,), seeds=(0, 1), probes=(), tunings=(Linear(),), budget=budget,
                        task=class_path(GraphPrompt))  # fmt: skip
    rows = protocol.evaluate([Subject("digits", encoder_of(digits, 64), digits)], tmp_path)
    assert {row["row"] for row in rows} == {"from scratch (Linear)", "fine-tuned (Linear)"}
    assert all(row["n"] == 2 and row["mean"] > 0.2 for row in rows if row["metric"] == "accuracy"), "chance is 0.1"
