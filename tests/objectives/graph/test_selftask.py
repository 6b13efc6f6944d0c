"""SelfTask: each task alone or all together, with labels or without."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.graph_task.attribute_mask import AttributeMask
from lit_pretrain.nn.graph_task.context_label import ContextLabel
from lit_pretrain.nn.graph_task.distance_to_clusters import DistanceToClusters
from lit_pretrain.nn.graph_task.edge_mask import EdgeMask
from lit_pretrain.nn.graph_task.node_property import NodeProperty
from lit_pretrain.nn.graph_task.pair_attribute_similarity import PairAttributeSimilarity
from lit_pretrain.nn.graph_task.pairwise_distance import PairwiseDistance
from lit_pretrain.objectives.graph.selftask import SelfTask

TASKS = {
    "EdgeMask": lambda: EdgeMask(8, 0.3),
    "AttributeMask": lambda: AttributeMask(8, 5, ratio=0.5),
    "NodeProperty": lambda: NodeProperty(8),
    "DistanceToClusters": lambda: DistanceToClusters(8, 2),
    "PairwiseDistance": lambda: PairwiseDistance(8),
    "PairAttributeSimilarity": lambda: PairAttributeSimilarity(8, 1),
    "ContextLabel": lambda: ContextLabel(8, 3, 5),
}


def mean(term) -> torch.Tensor:
    return term.weight * term.sum / term.count


def step(model: SelfTask, batch) -> torch.Tensor:
    """The total, with the same draws each time."""
    model.generator.manual_seed(0)
    torch.manual_seed(0)
    return sum(mean(term) for term in model.loss(batch).values())


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("level", ["graphs", "nodes"])
def test_each_task_alone_is_learned_through_the_encoder(name, level, encoder, request):
    batch, model = request.getfixturevalue(level), SelfTask(encoder, [TASKS[name]()])
    step(model, batch).backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.encoder.parameters())
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.02), []
    for _ in range(25):
        optimizer.zero_grad()
        loss = step(model, batch)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < min(0.7 * losses[0], 1.0), (losses[0], losses[-1])  # better than a constant answer


def test_the_total_is_the_weighted_sum_of_the_tasks(encoder, nodes):
    tasks = [TASKS[name]() for name in ("NodeProperty", "DistanceToClusters", "ContextLabel")]
    single = [step(SelfTask(encoder, [task]), nodes) for task in tasks]
    torch.testing.assert_close(step(SelfTask(encoder, tasks), nodes), sum(single) / 3)
    weighted = step(SelfTask(encoder, tasks, weights=[1.0, 0.0, 2.5]), nodes)
    torch.testing.assert_close(weighted, single[0] + 2.5 * single[2])


@pytest.mark.parametrize("level", ["graphs", "nodes"])
def test_numbering_does_not_matter(level, encoder, relabelled, request):
    batch = request.getfixturevalue(level)
    model = SelfTask(encoder, [NodeProperty(8), ContextLabel(8, 3, 5)])
    torch.testing.assert_close(step(model, relabelled(batch)[0]), step(model, batch))


def test_labels_join_in_and_only_those_that_are_known(encoder, nodes):
    labels = torch.tensor([1, -1, 0, -1, 2, -1, -1, 1])
    model = SelfTask(encoder, [NodeProperty(8)], labels_weight=0.5, num_classes=3)
    term = model.loss(replace(nodes, labels=labels))["labels"]
    known = labels >= 0
    logits = model.classifier(encoder(nodes).units[known])
    assert term.count == 4 and term.weight == 0.5
    torch.testing.assert_close(term.sum, F.cross_entropy(logits, labels[known], reduction="sum"))
    with pytest.raises(ValueError, match="have no labels"):
        model.loss(nodes)


def test_labels_of_graphs_are_told_from_pooled_vectors(encoder, graphs):
    batch = replace(graphs, labels=torch.tensor([0, 1, 1]))
    model = SelfTask(encoder, [NodeProperty(8)], labels_weight=1.0, num_classes=2)
    expected = F.cross_entropy(model.classifier(encoder(batch).pooled), batch.labels, reduction="sum")
    torch.testing.assert_close(model.loss(batch)["labels"].sum, expected)


def test_two_stages_know_no_labels(encoder, nodes):
    model = SelfTask(encoder, [NodeProperty(8), EdgeMask(8)])
    labelled = replace(nodes, labels=torch.arange(8) % 3)
    assert set(model.loss(labelled)) == {"NodeProperty", "EdgeMask"} and "classifier.weight" not in model.state_dict()
    torch.testing.assert_close(step(model, labelled), step(model, nodes))


def test_mistakes_are_named(encoder):
    with pytest.raises(ValueError, match=r"weights=\[1.0\]: give 2"):
        SelfTask(encoder, [NodeProperty(8), EdgeMask(8)], weights=[1.0])
    with pytest.raises(ValueError, match="give num_classes"):
        SelfTask(encoder, [NodeProperty(8)], labels_weight=1.0)
