"""Which tasks suit which node or graph, and how much. Legend: I instances (nodes or graphs), T tasks, D width."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import sum_over_ranks
from lit_pretrain.nn.ema import EMA
from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses
from lit_pretrain.nn.graph_task.pool import Encodings, TaskPool
from lit_pretrain.nn.head.task_scores import TaskScores
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, GraphBatch, Losses, Term

TINY = 1e-4  # chances lie so far from 0 and 1, where gradients end


class WAS(PretrainModule):
    """Weigh And Select (arXiv 2403.01400): each instance has a combination of tasks, and weights of those, of its own.

        select:  p = exp(s - max s),   k drawn with chance p, by Gumbel-softmax; the best task of an instance always
        weigh:   weight = k exp(w) / sum over tasks of k exp(w)
        loss of the encoder = sum over tasks of the mean of weight * task's loss

    s and w are scores by two networks of one form (`TaskScores`) of the instance's vector, without gradient to it. They are
    decoupled: each is trained beside the moving average of the other, and the encoder gets the averages of both.

        loss of w = mean over instances of sum(weight * loss) + temperature * KL(weight | equal weights of the selected)
        loss of s = mean over instances of sum(weight * loss) + margin * mean over tasks of -log p

    Where the networks have learned all they can, weight goes as exp(-loss / temperature), and a task whose loss is e above
    that of the combination is selected with a chance of about margin / e, or always. With equal scores, as at the start,
    this is the equally weighted pool. Heads and networks are left behind.

    Differences: in the paper each task has a teacher of its own, fitted to labels, what is weighed are the predictions that
    a student distils, and labels say what is a good combination. Here tasks share one encoder, what is weighed are their
    losses, relative to that of a constant answer, and nothing asks for a label; the terms with temperature and margin keep
    all weight from going to the easiest task. The paper's selecting network is a moving average of its weighing network
    under one more linear map; here each has weights of its own. Base setting: two layers of GCN, momentum 0.9.

    Args:
        encoder: its units are trained; with AttributeMask, built with maskable=true.
        tasks: the pool.
        temperature: of the weights.
        margin: how much worse than the combination a task may be and still be selected.
        momentum: of the moving averages.
    """

    def __init__(
        self,
        encoder: Encoder,
        tasks: Sequence[GraphTask],
        *,
        temperature: float = 1.0,
        margin: float = 0.2,
        momentum: float = 0.9,
    ):
        super().__init__()
        if temperature <= 0 or margin <= 0:
            raise ValueError(f"temperature={temperature} and margin={margin} must be above 0")
        self.encoder, self.tasks = encoder, TaskPool(tasks)
        self.temperature, self.margin = temperature, margin
        self.weighing, self.selecting = (TaskScores(encoder.dim, len(tasks)) for _ in range(2))
        self.slow_weighing, self.slow_selecting = EMA(self.weighing, momentum), EMA(self.selecting, momentum)

    def loss(self, batch: GraphBatch) -> Losses:
        encodings = Encodings(self.encoder, batch)
        asked = self.tasks.ask(encodings, self.generator)
        instances = encodings.pooled().detach()  # (I, D)
        selected = select(self.slow_selecting(instances))[0]
        scores = self.slow_weighing(instances)
        weights = weigh(scores, selected)  # (I, T)
        of_unit = weights[batch.layout.example]
        losses = {
            name: Term((of_unit[:, k] * found.sum).sum(), found.count.sum()) for k, (name, found) in enumerate(asked.items())
        }
        known = of_instances(asked, batch)
        losses["weighing"] = self.weighing_loss(instances, selected, known)
        losses["selecting"] = self.selecting_loss(instances, scores, known)
        for k, name in enumerate(asked):
            losses[f"weight_of_{name}"] = Term(weights[:, k].sum(), len(weights), 0.0)
        return losses

    def weighing_loss(self, instances: Tensor, selected: Tensor, losses: Tensor) -> Term:
        weights = weigh(self.weighing(instances), selected)
        surplus = (weights * weights.clamp(min=1e-9).log()).sum(1) + selected.sum(1).log()  # KL from equal weights
        return Term(((weights * losses).sum(1) + self.temperature * surplus).sum(), len(losses))

    def selecting_loss(self, instances: Tensor, scores: Tensor, losses: Tensor) -> Term:
        selected, chance = select(self.selecting(instances))
        combined = (weigh(scores, selected) * losses).sum(1)
        return Term((combined - self.margin * chance.log().mean(1)).sum(), len(losses))

    def after_step(self) -> None:
        self.slow_weighing.update(self.weighing)
        self.slow_selecting.update(self.selecting)


def select(scores: Tensor) -> tuple[Tensor, Tensor]:
    """(I, T) scores -> (I, T) ones for what is drawn, zeros for the rest, with a relaxed draw's gradient; and chances."""
    chance = TINY + (1 - 2 * TINY) * (scores - scores.amax(1, keepdim=True)).exp()
    drawn = F.gumbel_softmax(torch.stack([chance.log(), (-chance).log1p()], -1), hard=True)[..., 0]
    best = F.one_hot(scores.argmax(1), scores.shape[1]).bool()
    return torch.where(best, 1.0, drawn), chance


def weigh(scores: Tensor, selected: Tensor) -> Tensor:
    """(I, T), (I, T) -> (I, T) a softmax over the selected tasks of each instance."""
    highest = scores.masked_fill(selected == 0, -torch.inf).amax(1, keepdim=True)
    parts = selected * (scores - highest).clamp(max=20.0).exp()  # finite also where one that is not selected is far above
    return parts / parts.sum(1, keepdim=True)


@torch.no_grad()
def of_instances(asked: dict[str, NodeLosses], batch: GraphBatch) -> Tensor:
    """(I, T) the mean loss of each instance by task; that of all where a task asks it nothing in this step."""
    found = []
    for losses in asked.values():
        sums, counts = (
            x.new_zeros(batch.num_examples).index_add(0, batch.layout.example, x) for x in (losses.sum, losses.count)
        )
        total, asked_of = sum_over_ranks(torch.stack([sums.sum(), counts.sum()]))
        mean = total / asked_of.clamp(min=1)
        found.append(torch.where(counts > 0, sums / counts.clamp(min=1), mean))
    return torch.stack(found, 1)
