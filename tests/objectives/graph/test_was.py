"""WAS: a combination of tasks and weights of them for each instance, by two networks that do not touch each other."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.nn.graph_task.attribute_mask import AttributeMask
from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses
from lit_pretrain.nn.graph_task.distance_to_clusters import DistanceToClusters
from lit_pretrain.nn.graph_task.edge_mask import EdgeMask
from lit_pretrain.nn.graph_task.node_property import NodeProperty
from lit_pretrain.objectives.graph.selftask import SelfTask
from lit_pretrain.objectives.graph.was import WAS, of_instances, select, weigh


class Fixed(GraphTask):
    """Costs each node what it is told to."""

    def __init__(self, losses: list[float]):
        super().__init__()
        self.losses = losses

    def loss(self, nodes, batch, view, generator):
        losses = torch.tensor(self.losses) + 0 * nodes.sum()
        return NodeLosses(losses, torch.ones_like(losses))


class Noise(GraphTask):
    """Draws to be predicted, anew in each step: nothing can be learned."""

    def __init__(self, dim: int):
        super().__init__()
        self.head = torch.nn.Linear(dim, 1)

    def loss(self, nodes, batch, view, generator):
        losses = (self.head(nodes)[:, 0] - torch.randn(len(nodes), generator=generator)).square()
        return NodeLosses(losses, torch.ones_like(losses))


def pool() -> list[GraphTask]:
    return [NodeProperty(8), DistanceToClusters(8, 2), EdgeMask(8, 0.3), AttributeMask(8, 5, ratio=0.5)]


def losses_of(model, batch, seed: int = 0):
    model.generator.manual_seed(seed)
    torch.manual_seed(seed)
    return model.loss(batch)


def train(model, batch, steps: int, lr: float = 0.05) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for seed in range(steps):
        optimizer.zero_grad()
        terms = losses_of(model, batch, seed).values()
        sum(x if isinstance(x, torch.Tensor) else x.weight * x.sum / x.count for x in terms).backward()
        optimizer.step()
        model.after_step()


def moved(model: WAS) -> WAS:
    """With networks and averages that are all different."""
    with torch.no_grad():
        for part in (model.weighing, model.selecting, model.slow_weighing, model.slow_selecting):
            for parameter in part.parameters():
                parameter.add_(torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("level", ["graphs", "nodes"])
def test_with_equal_scores_it_is_the_equally_weighted_pool(level, encoder, request):
    batch, tasks = request.getfixturevalue(level), pool()
    found = losses_of(WAS(encoder, tasks), batch)
    uniform = losses_of(SelfTask(encoder, tasks), batch)
    for name, term in uniform.items():
        torch.testing.assert_close(found[name].sum / found[name].count, term.weight * term.sum / term.count)


def test_what_is_not_selected_does_not_enter():
    scores = torch.tensor([[1.0, 2.0, 3.0, 0.0], [0.5, 0.5, 9.0, 0.5]])
    selected = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
    found = weigh(scores, selected)
    expected = torch.tensor([[*torch.tensor([1.0, 2.0]).softmax(0), 0, 0], [0.5, 0, 0, 0.5]])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(weigh(scores + 999 * (1 - selected), selected), expected)


@pytest.mark.parametrize("level", ["graphs", "nodes"])
def test_the_loss_of_an_unselected_task_is_not_seen(level, encoder, request):
    """Its parameters get no gradient from an instance that did not draw it."""
    batch = request.getfixturevalue(level)
    model = WAS(encoder, [NodeProperty(8), DistanceToClusters(8, 2)])
    with torch.no_grad():
        model.slow_selecting.teacher.bias[1] = -50.0
    found = losses_of(model, batch)
    assert float(found["DistanceToClusters"].sum) == 0.0 and float(found["NodeProperty"].sum) > 0
    assert float(found["weight_of_NodeProperty"].sum) == batch.num_examples


def test_selection_is_per_instance_with_the_chance_of_its_scores():
    torch.manual_seed(0)
    scores = torch.tensor([[0.0, -1.0, -3.0], [-2.0, 0.0, -0.5]])
    drawn, chance = select(scores.repeat_interleave(4000, 0))
    rates = drawn.view(2, 4000, 3).mean(1)
    torch.testing.assert_close(rates, scores.exp(), atol=0.03, rtol=0)
    assert set(drawn.unique().tolist()) == {0.0, 1.0} and len(drawn[:4000].unique(dim=0)) == 4
    assert (drawn.view(2, 4000, 3)[0, :, 0] == 1).all() and (drawn.view(2, 4000, 3)[1, :, 1] == 1).all()
    torch.testing.assert_close(chance[::4000], scores.exp(), atol=2e-4, rtol=0)


def test_the_gradient_of_a_draw_is_that_of_its_chance():
    """A relaxed draw: on average, what is worth nothing is drawn less often after a step."""
    torch.manual_seed(0)
    scores = torch.tensor([[0.0, -1.0, -1.0]]).repeat(4000, 1).requires_grad_()
    drawn, _ = select(scores)
    (drawn * torch.tensor([0.0, 1.0, -1.0])).sum(1).mean().backward()
    gradient = scores.grad.sum(0)
    assert gradient[1] > 0.05 and gradient[2] < -0.05


def test_weighing_and_selecting_do_not_touch_each_other_nor_the_encoder(encoder, nodes):
    model = moved(WAS(encoder, pool()))
    reached = {
        "weighing": model.weighing, "selecting": model.selecting, "slow_weighing": model.slow_weighing,
        "slow_selecting": model.slow_selecting, "encoder": model.encoder, "tasks": model.tasks,
    }  # fmt: skip
    for term, own in (("weighing", {"weighing"}), ("selecting", {"selecting"}), ("NodeProperty", {"encoder", "tasks"})):
        model.zero_grad()
        loss = losses_of(model, nodes)[term]
        (loss if isinstance(loss, torch.Tensor) else loss.sum).backward()
        found = {
            name for name, part in reached.items() if any(p.grad is not None and p.grad.any() for p in part.parameters())
        }
        assert found == own, (term, found)


def test_each_is_trained_beside_the_average_of_the_other(encoder, nodes):
    """A change of a network itself changes its own loss and no other; a change of its average changes the other's."""
    model = moved(WAS(encoder, pool()))
    before = losses_of(model, nodes)
    with torch.no_grad():
        model.selecting.bias[0] += 1
    after = losses_of(model, nodes)
    assert torch.equal(before["weighing"].sum, after["weighing"].sum)
    assert not torch.equal(before["selecting"].sum, after["selecting"].sum)
    assert torch.equal(before["NodeProperty"].sum, after["NodeProperty"].sum)
    with torch.no_grad():
        model.slow_weighing.teacher.bias[0] += 1
    last = losses_of(model, nodes)
    assert torch.equal(after["weighing"].sum, last["weighing"].sum)
    assert not torch.equal(after["selecting"].sum, last["selecting"].sum)
    assert not torch.equal(after["NodeProperty"].sum, last["NodeProperty"].sum)


def test_the_averages_follow(encoder):
    model = WAS(encoder, pool(), momentum=0.75)
    with torch.no_grad():
        model.weighing.bias += 1
        model.selecting.bias -= 2
    model.after_step()
    assert model.slow_weighing.teacher.bias.tolist() == [0.25] * 4
    assert model.slow_selecting.teacher.bias.tolist() == [-0.5] * 4


def test_weights_go_to_each_instance_s_own_task(encoder, nodes):
    """Two tasks, each easy for one half of the nodes: the halves differ in a feature that the encoder shows."""
    half = torch.arange(22) < 11
    features = nodes.features.clone()
    features[:, 0] = torch.where(half, 4.0, -4.0)
    batch = replace(nodes, features=features, edges=nodes.edges.keep(torch.zeros(len(nodes.edges), dtype=torch.bool)))
    easy = torch.where(half, 0.1, 1.0)
    model = WAS(encoder, [Fixed(easy.tolist()), Fixed((1.1 - easy).tolist())], temperature=0.3, margin=5.0)
    encoder.requires_grad_(False)
    train(model, batch, 60)
    weights = weigh(model.slow_weighing(encoder(batch).units), torch.ones(8, 2))
    mine = half[batch.seeds]
    assert (weights[mine, 0] > 0.8).all() and (weights[~mine, 1] > 0.8).all(), weights


def test_learned_weights_are_the_softmax_and_chances_the_margin_of_the_card(encoder, nodes):
    """One node for all: exp(-loss / temperature), and margin / (loss - that of the combination)."""
    model = WAS(encoder, [Fixed([0.2] * 22), Fixed([0.2] * 22), Fixed([1.0] * 22)], temperature=0.5, margin=0.2)
    encoder.requires_grad_(False)
    for parameter in (model.weighing.tasks, model.selecting.tasks):
        parameter.requires_grad_(False)  # zeros: scores are the bias
    known = torch.tensor([[0.2, 0.2, 1.0]]).expand(400, 3)
    instances, everything = torch.randn(400, 8), torch.ones(400, 3)
    optimizer = torch.optim.Adam([model.weighing.bias, model.selecting.bias], lr=0.03)
    torch.manual_seed(0)
    for _ in range(120):
        optimizer.zero_grad()
        weighing = model.weighing_loss(instances, everything, known)
        selecting = model.selecting_loss(instances, torch.zeros(400, 3), known)
        (weighing.sum / weighing.count + selecting.sum / selecting.count).backward()
        optimizer.step()
    expected = (-known[0] / 0.5).softmax(0)
    torch.testing.assert_close(model.weighing.bias.softmax(0), expected, atol=0.02, rtol=0)
    chance = select(model.selecting.bias[None])[1][0]
    assert chance[:2].min() > 0.9 and 0.2 < chance[2] < 0.6, chance


def test_a_useless_task_gets_less_weight_than_a_useful_one(encoder, graphs):
    model = WAS(encoder, [NodeProperty(8, ["degree"]), Noise(8)], temperature=0.5)
    train(model, graphs, 40)
    useful, useless = (float(losses_of(model, graphs)[f"weight_of_{name}"].sum) / 3 for name in ("NodeProperty", "Noise"))
    assert useful > 0.7 and useless < 0.3 and useful + useless == pytest.approx(1.0)


def test_what_an_instance_is_not_asked_counts_as_the_mean(graphs):
    first = NodeLosses(torch.arange(22.0), torch.ones(22))
    second = NodeLosses(torch.full((22,), 4.0) * (torch.arange(22) >= 6), 2.0 * (torch.arange(22) >= 6))
    found = of_instances({"a": first, "b": second}, graphs)
    assert found[:, 0].tolist() == [2.5, 10.0, 18.0] and found[:, 1].tolist() == [2.0, 2.0, 2.0]


def test_numbering_does_not_matter(encoder, nodes, relabelled):
    model = WAS(encoder, [NodeProperty(8), NodeProperty(8, ["degree"])])
    for one, other in zip(losses_of(model, nodes).values(), losses_of(model, relabelled(nodes)[0]).values(), strict=True):
        value, same = (x if isinstance(x, torch.Tensor) else x.sum for x in (one, other))
        torch.testing.assert_close(value, same)


def test_mistakes_are_named(encoder):
    with pytest.raises(ValueError, match="margin=0"):
        WAS(encoder, pool(), margin=0.0)
