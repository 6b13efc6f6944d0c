"""Few labels, a frozen encoder and a prompt. Legend: B examples, C classes, N nodes, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.nn.pooling.ego import EgoSum
from lit_pretrain.nn.pooling.sum import Sum
from lit_pretrain.types import Encoded, Encoder, GraphBatch, Outcomes, Term


class GraphPrompt(Task):
    """The prompt tuning of GraphPrompt (arXiv 2302.08043): to which class's subgraphs is this one similar?

        s_x = sum of p * encoder(graph) over the nodes of x's subgraph,    c_y = mean of s_x over the labelled x of class y
        loss = -mean over labelled x of log( exp(cos(s_x, c_label) / t) / sum over y of exp(cos(s_x, c_y) / t) )

    A graph's subgraph is the graph, a node's is what lies around it, as in pretraining. The prompt p (D,) is all that
    trains: the encoder must be frozen. p weighs the numbers of all nodes alike, so it can be drawn out of the sums, and what
    is kept for the prototypes are sums without it. p starts at ones, where examples are compared as in pretraining. The
    authors' code makes the prototypes of validation and test from their own labels; here all come from the training labels.

    Train it with `lit_pretrain.downstream.tuning.linear.Linear`, in `FineTune` or as `task` of a protocol.

    Args:
        dim: D of the encoder.
        num_classes: C.
        readout: of a node's subgraph.
        temperature: t.
    """

    main = "accuracy"

    def __init__(self, dim: int, num_classes: int, readout: EgoSum = EgoSum(), temperature: float = 0.1):
        super().__init__()
        if num_classes < 2 or temperature <= 0:
            raise ValueError(f"num_classes={num_classes} must be at least 2 and temperature={temperature} above 0")
        self.num_classes, self.readout, self.sum, self.temperature = num_classes, readout, Sum(), temperature
        self.prompt = nn.Parameter(torch.ones(dim))
        self.register_buffer("sums", torch.zeros(num_classes, dim))
        self.register_buffer("counts", torch.zeros(num_classes))
        self.metrics = MetricCollection({
            "accuracy": MulticlassAccuracy(num_classes, average="micro"),
            "macro_f1": MulticlassF1Score(num_classes, average="macro"),
        })  # fmt: skip

    def encode(self, encoder: Encoder, batch: GraphBatch) -> Encoded:
        """`pooled` are sums over subgraphs, without the prompt.

        Raises:
            ValueError: the encoder is not frozen, or the batch holds no graphs.
        """
        if not isinstance(batch, GraphBatch):
            raise ValueError(f"GraphPrompt reads graphs, and these data are batches of {type(batch).__name__}")
        if any(parameter.requires_grad for parameter in encoder.parameters()):
            raise ValueError("GraphPrompt trains a prompt alone, and this encoder is not frozen: use the tuning"
                             " lit_pretrain.downstream.tuning.linear.Linear")  # fmt: skip
        graph = batch.whole()
        nodes = encoder(graph).units  # (N, D)
        if batch.seeds is None:
            return Encoded(self.sum(nodes, graph.layout), nodes, graph.layout)
        return Encoded(batch.of_units(self.readout(nodes, graph.edges)), batch.of_units(nodes), batch.layout)

    def forward(self, encoded: Encoded) -> Tensor:
        return encoded.pooled.float()  # (B, D), since prototypes may need the labels before there are scores

    def loss(self, predictions: Tensor, batch: GraphBatch) -> Term:
        if self.training:
            self.count_in(predictions, batch.labels)
        return Term(F.cross_entropy(self.decode(predictions), batch.labels, reduction="sum"), len(batch.labels))

    @torch.no_grad()
    def count_in(self, subgraphs: Tensor, labels: Tensor) -> None:
        """Each epoch counts all labelled examples once more, which leaves the means as they are."""
        self.sums.index_add_(0, labels, subgraphs)
        self.counts.index_add_(0, labels, torch.ones_like(labels, dtype=torch.float))

    def decode(self, predictions: Tensor) -> Tensor:
        """(B, C) scores; norms in fp32. A class of which no example was seen has the least."""
        means = self.sums / self.counts.clamp(min=1)[:, None]
        queries, prototypes = (F.normalize(self.prompt * x, dim=1) for x in (predictions, means))
        return torch.where(self.counts > 0, queries @ prototypes.T, -1.0) / self.temperature

    def update(self, predictions: Tensor, encoded: Encoded, batch: GraphBatch) -> None:
        scores = self.decode(predictions)
        self.metrics.update(scores, batch.labels)
        self.tally.add(Outcomes.of_classes(scores.argmax(1), batch.labels))
