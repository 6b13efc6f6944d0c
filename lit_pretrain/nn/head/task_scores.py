"""How much each task suits an instance. Legend: I instances, D width, T tasks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.part import Part


class TaskScores(Part):
    """h -> <h, s * task> + bias of each task: (I, D) -> (I, T) float32, the network of WAS (arXiv 2403.01400).

    h is normalised over its width first, so that scores do not depend on how large an encoder's vectors are. All scores are
    equal at the start. The bias, which the paper does not have, is what a task is worth to all instances.

    Args:
        dim: D.
        num_tasks: T.
    """

    def __init__(self, dim: int, num_tasks: int):
        super().__init__()
        self.shared = nn.Parameter(torch.ones(dim))
        self.tasks = nn.Parameter(torch.zeros(num_tasks, dim))
        self.bias = nn.Parameter(torch.zeros(num_tasks))

    def forward(self, instances: Tensor) -> Tensor:
        with torch.autocast(instances.device.type, enabled=False):
            h = F.layer_norm(instances.float(), instances.shape[1:])
            return (h * self.shared) @ self.tasks.T / h.shape[1] ** 0.5 + self.bias
