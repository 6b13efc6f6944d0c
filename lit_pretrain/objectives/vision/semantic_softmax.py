"""A softmax for each level of a tree of classes. Legend: B images, D width, K levels, C nodes of the tree."""

import torch
import torch.nn.functional as F
from torch import nn

from lit_pretrain.losses.class_tree import ClassTree
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses, Term


class SemanticSoftmax(PretrainModule):
    """Semantic softmax (ImageNet-21K pretraining for the masses, arXiv 2104.10972).

    A picture of a poodle is one of a dog and of an animal: in one flat softmax these classes fight each other. Here each
    level k of the tree has a softmax of its own, and its target is the label's ancestor on that level:

        loss = sum over k of W_k L_k,   L_k = -sum over labels that reach level k of log p_k(ancestor) / B,
        W_k = min(20, number of nodes / number of nodes on level k and below)

    so that deep levels, which few labels reach, still count. The classifier is left behind. The paper's second part,
    distillation from a teacher on the same levels, is not here.

    Args:
        encoder: its pooled vector is trained.
        tree: the classes of the data and their kinds.
        smoothing: of the targets of each level; 0.2 in the paper.
    """

    def __init__(self, encoder: Encoder, tree: ClassTree, *, smoothing: float = 0.2):
        super().__init__()
        self.encoder, self.tree, self.smoothing = encoder, tree, smoothing
        self.classifier = nn.Linear(encoder.dim, len(tree.names))
        sizes = [len(level) for level in tree.levels]
        self.weights = [min(20.0, sum(sizes) / sum(sizes[k:])) for k in range(len(sizes))]
        for k, level in enumerate(tree.levels):
            place = {node: i for i, node in enumerate(level)}
            of_label = [place[path[k]] if k < len(path) else -1 for path in tree.path]
            self.register_buffer(f"nodes{k}", torch.tensor(level), persistent=False)
            self.register_buffer(f"target{k}", torch.tensor(of_label), persistent=False)  # of each label; -1: none

    def loss(self, batch: ImageBatch) -> Losses:
        if batch.labels is None:
            raise ValueError("semantic softmax needs labels: give data that have them in every training image")
        logits = self.classifier(self.encoder(batch).pooled).float()  # (B, C); softmax in fp32
        return {f"level{k}": Term(self.level(k, logits, batch.labels), len(batch.labels), weight)
                for k, weight in enumerate(self.weights)}  # fmt: skip

    def level(self, k: int, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The sum over labels that reach level k."""
        nodes, target = getattr(self, f"nodes{k}"), getattr(self, f"target{k}")[labels]
        return F.cross_entropy(logits[:, nodes], target, reduction="sum", ignore_index=-1, label_smoothing=self.smoothing)
