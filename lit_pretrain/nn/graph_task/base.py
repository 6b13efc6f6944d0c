"""The slot of pretext tasks on graphs.

Legend: N nodes of all graphs, D width of the encoder, M questions, P pairs of nodes, K numbers that are predicted.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import moments_over_ranks, sum_over_ranks
from lit_pretrain.part import Part
from lit_pretrain.types import GraphBatch


@dataclass(frozen=True)
class View:
    """What an encoder sees of a batch in a task.

    Args:
        graph: all its nodes are units.
        hidden: (N,) bool, nodes whose features are hidden; None: no one's.
        dropped: (2, M) ends of the edges that are left out, each once; None: no edge is.
    """

    graph: GraphBatch
    hidden: Tensor | None = None
    dropped: Tensor | None = None


class NodeLosses(NamedTuple):
    """
    Args:
        sum: (N,) float32, over the questions that a node is asked.
        count: (N,) float32, how many; 0: none in this step.
    """

    sum: Tensor
    count: Tensor


class GraphTask(Part):
    """A question about graphs that their own features and edges answer.

    Losses are divided by that of the best constant answer (to the questions of all ranks), so that 1 is what such an answer
    gets in every task: the losses of different tasks can be added and compared. Structure is that of the batch: in a sampled
    part of a graph, degrees and distances are those in the part.
    """

    def corrupt(self, batch: GraphBatch, generator: torch.Generator) -> View:
        """What the encoder is to see; the clean batch, unless a task hides something."""
        return View(batch.whole())

    @abstractmethod
    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        """
        Args:
            nodes: (N, D) what the encoder makes of the view.
            batch: as it was before `corrupt`.
            view: what `corrupt` gave.
            generator: of all draws.
        """


def relative_error(predicted: Tensor, wanted: Tensor) -> Tensor:
    """(M, K) -> (M,) float32: the squared error over the variance of what is wanted, both as means over K."""
    variance = moments_over_ranks(wanted)[1].mean()
    scale = torch.where(variance > 1e-6, variance, 1.0)  # nothing to tell apart: the plain error
    return (predicted.float() - wanted).square().mean(1) / scale


def relative_nll(logits: Tensor, classes: Tensor, asked: Tensor) -> Tensor:
    """(M, K), (M,) int64, (M,) bool -> (M,) float32: -log p over the entropy of the classes that are asked for.

    It is 0 where no one asks.
    """
    counts = sum_over_ranks(F.one_hot(classes, logits.shape[1]).float().mul(asked[:, None]).sum(0))
    share = counts / counts.sum().clamp(min=1)
    entropy = torch.special.entr(share).sum()
    scale = torch.where(entropy > 1e-3, entropy, math.log(logits.shape[1]))  # one class alone: as if all were alike
    return F.cross_entropy(logits.float(), classes, reduction="none") * asked / scale


def of_both_ends(losses: Tensor, asked: Tensor, pairs: Tensor, num_nodes: int) -> NodeLosses:
    """Losses (P,) of pairs (2, P), where (P,) bool is true, are those of either node: their mean stays what it is."""
    ends, twice = pairs.flatten(), (losses * asked).repeat(2)
    nothing = losses.new_zeros(num_nodes)
    return NodeLosses(nothing.index_add(0, ends, twice), nothing.index_add(0, ends, asked.to(losses.dtype).repeat(2)))


def differences(nodes: Tensor, pairs: Tensor) -> Tensor:
    """|h_a - h_b| of pairs (2, P): (P, D)."""
    return (nodes[pairs[0]] - nodes[pairs[1]]).abs()


def own_nodes(batch: GraphBatch) -> Tensor:
    """The nodes that are units: questions start from them."""
    return torch.arange(batch.num_nodes, device=batch.features.device) if batch.seeds is None else batch.seeds
