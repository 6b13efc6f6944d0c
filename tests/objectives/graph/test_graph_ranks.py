"""Two ranks of different numbers of graphs have the loss and the gradients of one process with all of them.

Draws are replaced by rules that know a graph and nothing of the batch around it, so that both see the same.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from two_ranks import run_two_ranks

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.corruptions.graph.restart_walks import RestartWalks
from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.encoders.ego_nets import EgoNets
from lit_pretrain.encoders.graph_tokens import GraphTokens
from lit_pretrain.encoders.modern import CausalTransformer
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.graph_task.attribute_mask import AttributeMask
from lit_pretrain.nn.graph_task.base import View
from lit_pretrain.nn.graph_task.context_label import ContextLabel
from lit_pretrain.nn.graph_task.distance_to_clusters import DistanceToClusters
from lit_pretrain.nn.graph_task.node_property import NodeProperty
from lit_pretrain.nn.graph_tokenizer.sequence import GraphSequence
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.head.plain_mlp import PlainMLP
from lit_pretrain.nn.head.shortcut_mlp import ShortcutMLP
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.nodes.ego import EgoFeatures
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.nn.queue import Queue
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.objectives.graph.attribute_masking import AttributeMasking
from lit_pretrain.objectives.graph.bgrl import BGRL
from lit_pretrain.objectives.graph.context_prediction import ContextPrediction
from lit_pretrain.objectives.graph.dgi import DGI
from lit_pretrain.objectives.graph.g2pt import G2PT
from lit_pretrain.objectives.graph.gcc import GCC
from lit_pretrain.objectives.graph.graphcl import GraphCL
from lit_pretrain.objectives.graph.graphmae import GraphMAE
from lit_pretrain.objectives.graph.graphprompt import GraphPrompt
from lit_pretrain.objectives.graph.infograph import InfoGraph
from lit_pretrain.objectives.graph.selftask import SelfTask
from lit_pretrain.objectives.graph.was import WAS
from lit_pretrain.types import Edges, GraphBatch, Layout

LENGTHS, FIRST = (6, 9, 7, 8, 5), 2  # nodes of the graphs, and how many of them the first rank has


class Cut(GraphCorruption):
    """Leaves out the edges whose ends have a sum of places that is `rest` modulo 3."""

    def __init__(self, rest: int):
        self.rest = rest

    def __call__(self, batch, generator):
        return batch.without_edges(batch.graphs.position[batch.edges.index].sum(0) % 3 == self.rest)


class Turned(GraphCorruption):
    """The features of each graph's nodes in the opposite order."""

    def __call__(self, batch, generator):
        first, last = batch.graphs.offsets[batch.graphs.example], batch.graphs.offsets[batch.graphs.example + 1]
        return replace(batch, features=batch.features[first + last - 1 - torch.arange(batch.num_nodes)])


class Thirds(RandomUnits):
    def __call__(self, layout: Layout, generator) -> Tensor:
        return layout.position % 3 == 0


class MaskThirds(AttributeMask):
    def corrupt(self, batch, generator):
        return View(batch.whole(), hidden=batch.graphs.position % 3 == 0)


class AsTheyStand(GraphSequence):
    def forward(self, batch, *, shuffle=True, generator=None):
        return super().forward(batch, shuffle=False)


def network(maskable: bool = False, categories: bool = False, dim: int = 8) -> PyGEncoder:
    nodes = Categories([4], 8) if categories else Raw(5)
    return PyGEncoder(nodes, model="GIN", dim=dim, num_layers=2, maskable=maskable)


def egos(queue: bool) -> GCC:
    walks = RestartWalks(0.3, 4)
    encoder = EgoNets(PyGEncoder(EgoFeatures(4), dim=16), walks)
    return GCC(encoder, walks=walks, queue=Queue(6, 16) if queue else None)


def tokens() -> G2PT:
    sequence = AsTheyStand(9, 4)
    size = sequence.vocabulary.size
    return G2PT(GraphTokens(sequence, CausalTransformer(size, 16, 1, 2)), LinearHead(16, size))


def pool() -> list:
    return [NodeProperty(8), DistanceToClusters(8, 2), MaskThirds(8, 5), ContextLabel(8, 3, 5)]


CASES: dict[str, Callable[[], PretrainModule]] = {
    "attribute_masking": lambda: AttributeMasking(network(True, True), [4], masking=Thirds()),
    "bgrl": lambda: BGRL(network(), PlainMLP(8, 16, 8), Cut(0), Cut(1)),
    "context_prediction": lambda: ContextPrediction(network(), network(), hops=2, inner=0, outer=3, negatives=2),
    "dgi": lambda: DGI(network(), Turned()),
    "g2pt": tokens,
    "gcc": partial(egos, False),
    "gcc_queue": partial(egos, True),
    "graphcl": lambda: GraphCL(network(), PlainMLP(8, 16, 8), Cut(0), Cut(1)),
    "graphmae": lambda: GraphMAE(network(True), network_of_units(), masking=Thirds(), replaced=0.0),
    "graphprompt": lambda: GraphPrompt(network(), unlinked=2),
    "infograph": lambda: InfoGraph(network(), ShortcutMLP(8), ShortcutMLP(8)),
    "selftask": lambda: SelfTask(network(True), pool()),
    "was": lambda: WAS(network(True), pool()),
}


def network_of_units() -> PyGEncoder:
    return PyGEncoder(Raw(8), model="GIN", dim=5, num_layers=1)


def graphs(name: str) -> GraphBatch:
    draws, pairs, first = torch.Generator().manual_seed(0), [], 0
    for length in LENGTHS:
        pairs += [(first + i, first + (i + 1) % length) for i in range(length)]
        pairs += [(first, first + length // 2), (first + 1, first + length - 2)]
        first += length
    once = torch.tensor([sorted(pair) for pair in pairs]).unique(dim=0).T
    edges, _ = Edges.of(torch.cat([once, once.flip(0)], 1), first)
    numbers = torch.randn(first, 5, generator=draws)
    categories = torch.randint(4, (first, 1), generator=draws)
    return GraphBatch(categories if name in ("attribute_masking", "g2pt") else numbers, edges, LENGTHS)


def some(batch: GraphBatch, chosen: range) -> GraphBatch:
    inside = torch.isin(batch.graphs.example, torch.tensor(chosen))
    return replace(batch.without_nodes(~inside), lengths=LENGTHS[chosen.start : chosen.stop])


def step(name: str, batch: GraphBatch) -> dict[str, Tensor]:
    """Terms and gradients as a step of the trainer has them, over all ranks."""
    torch.manual_seed(0)
    model = CASES[name]()
    total = {}
    for term, x in model._terms(batch).items():
        both = torch.stack([torch.as_tensor(y, dtype=torch.float64).detach() for y in (x.sum, x.count)])
        if dist.is_initialized():
            dist.all_reduce(both)
        total[term] = (both[0] / both[1]).float()
        if x.weight:
            (x.weight * x.sum / both[1]).backward(retain_graph=True)
    model.after_step()
    for key, parameter in model.named_parameters():
        if parameter.grad is not None:
            if dist.is_initialized():
                dist.all_reduce(parameter.grad)
            total[f"gradient of {key}"] = parameter.grad
    return total | {f"buffer {key}": value for key, value in model.named_buffers() if "queue" in key or "means" in key}


def without_draws(patch: Callable[[object, str, Callable], None]) -> None:
    def same(*shape, generator=None, **options):
        return torch.full(shape if isinstance(shape[0], int) else shape[0], 0.4, **options)

    patch(torch, "rand", same)
    patch(torch, "randperm", lambda n, generator=None, **options: torch.arange(n, **options))
    patch(F, "gumbel_softmax", lambda logits, hard: logits.softmax(-1))


def main(out: str) -> None:
    """One rank."""
    dist.init_process_group("gloo")
    place = dist.get_rank()
    batches = {name: some(graphs(name), [range(FIRST), range(FIRST, 5)][place]) for name in CASES}
    without_draws(setattr)
    found = {name: step(name, batch) for name, batch in batches.items()}
    if place == 0:
        torch.save(found, out)
    dist.barrier()
    sys.stdout.flush()
    os._exit(0)  # gloo's threads sometimes abort at a regular exit


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> dict[str, dict[str, Tensor]]:
    out = tmp_path_factory.mktemp("ranks") / "out.pt"
    run_two_ranks(__file__, str(out))
    return torch.load(out)


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_take_the_step_of_one(name, ranks, monkeypatch):
    batch = graphs(name)
    without_draws(monkeypatch.setattr)
    whole = step(name, batch)
    assert whole.keys() == ranks[name].keys() and any(key.startswith("gradient of encoder") for key in whole)
    for key, wanted in whole.items():
        torch.testing.assert_close(ranks[name][key], wanted, rtol=1e-4, atol=1e-5, msg=partial("{}: {}".format, key))


@pytest.mark.parametrize("name", CASES)
def test_graphs_without_edges_and_lone_nodes_do_no_harm(name):
    batch = some(graphs(name), range(3))
    batch = batch.without_edges(batch.graphs.example[batch.edges.sources] == 2)
    edges = Edges(torch.cat([batch.edges.offsets, batch.edges.offsets[-1:]]), batch.edges.sources)  # one more node
    features = torch.cat([batch.features, batch.features[:1]])
    found = step(name, replace(batch, features=features, edges=edges, lengths=(*batch.lengths, 1)))
    assert all(value.isfinite().all() for value in found.values())


def test_every_objective_is_here():
    folder = Path(sys.modules[GraphCL.__module__].__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == CASES.keys() - {"gcc_queue"}


if __name__ == "__main__":
    main(sys.argv[1])
