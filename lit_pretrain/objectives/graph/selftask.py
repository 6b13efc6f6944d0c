"""A pool of pretext tasks on graphs. Legend: B examples, U units, T tasks, C classes."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import nn

from lit_pretrain.nn.graph_task.base import GraphTask
from lit_pretrain.nn.graph_task.pool import Encodings, TaskPool
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term


class SelfTask(PretrainModule):
    """Self-supervised tasks on graphs, one or several, with or without labels (arXiv 2006.10141).

        loss = sum over tasks of weight * task's loss  [+ labels_weight * mean over labelled examples of -log p(label)]

    Tasks (`nn.graph_task`): EdgeMask, AttributeMask, NodeProperty, DistanceToClusters, PairwiseDistance,
    PairAttributeSimilarity, ContextLabel. In the paper's joint scheme labels are learned in the same run (labels_weight
    above 0); in its two-stage scheme the tasks come first (labels_weight 0), then fine-tuning, as after any objective. Heads
    are left behind. Base setting: two layers of GCN, 16 wide, one task at a time, weights chosen on validation nodes.

    Losses of tasks are divided by that of the best constant answer, so that they can be added; the paper's are not. Masks
    and pairs are drawn anew in each step, in the published code once for most tasks. Of the paper's new tasks there is
    ContextLabel with label propagation, without its classifiers, ensembles and corrected labels.

    Args:
        encoder: its units are trained; with AttributeMask, built with maskable=true.
        tasks: each with heads of its own.
        weights: of the tasks; None: 1 / T each.
        labels_weight: of the supervised loss.
        num_classes: C, where that is above 0.
    """

    def __init__(
        self,
        encoder: Encoder,
        tasks: Sequence[GraphTask],
        *,
        weights: Sequence[float] | None = None,
        labels_weight: float = 0.0,
        num_classes: int | None = None,
    ):
        super().__init__()
        self.encoder, self.tasks = encoder, TaskPool(tasks)
        self.weights = [1 / len(tasks)] * len(tasks) if weights is None else list(weights)
        if len(self.weights) != len(tasks) or min(self.weights) < 0:
            raise ValueError(f"weights={weights}: give {len(tasks)} of them, one a task, none below 0")
        if labels_weight < 0 or (labels_weight > 0) != (num_classes is not None):
            raise ValueError(f"labels_weight={labels_weight}, num_classes={num_classes}: give num_classes with a weight"
                             " above 0, or leave both")  # fmt: skip
        self.labels_weight = labels_weight
        self.classifier = nn.Linear(encoder.dim, num_classes) if labels_weight else None

    def loss(self, batch: GraphBatch) -> Losses:
        encodings = Encodings(self.encoder, batch)
        found = self.tasks.ask(encodings, self.generator)
        terms = {
            name: Term(losses.sum.sum(), losses.count.sum(), weight)
            for (name, losses), weight in zip(found.items(), self.weights, strict=True)
        }
        if self.classifier is not None:
            terms["labels"] = self.supervised(encodings)
        return terms

    def supervised(self, encodings: Encodings) -> Term:
        labels = encodings.batch.labels
        if labels is None:
            raise ValueError("labels_weight is above 0 and the training data have no labels: set it to 0")
        logits = self.classifier(encodings.pooled()).float()  # (B, C); softmax in fp32
        nll = F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
        return Term(nll, (labels >= 0).sum(), self.labels_weight)
