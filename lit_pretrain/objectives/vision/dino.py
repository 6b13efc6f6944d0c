"""A student sees parts and must say what its teacher says of the whole. Legend: B images, K prototypes, D width."""

import torch
from torch import Tensor, nn

from lit_pretrain.kernels.gather import mean_over_ranks
from lit_pretrain.nn.ema import EMA
from lit_pretrain.nn.head.projection import Prototypes
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses


class DINO(PretrainModule):
    """DINO (arXiv 2104.14294): self-distillation without labels.

        teacher: P_t(x) = softmax((g_t(x) - c) / tau_t),   student: P_s(x) = softmax(g_s(x) / tau_s)
        loss = mean over pairs (global view x, other view y) and images of  -sum over k of P_t(x)_k log P_s(y)_k

    The teacher, a moving average of the student, sees the global views only (those as large as the first); the student
    sees all. Subtracting the centre c, a moving average of the teacher's outputs, keeps one prototype from winning
    everywhere, and the low temperature tau_t keeps all from being equal: together they prevent collapse. Head, teacher and
    centre are left behind. The paper raises the weight decay from 0.04 to 0.4; here it stays as the recipe has it.

    Args:
        encoder: takes views of different sizes; its pooled vector is trained.
        head: to K prototypes; 65536 in the paper.
        student_temperature: tau_s.
        teacher_temperature: tau_t after its warm-up, which begins at 0.04.
        warmup: share of the training in which tau_t rises; the first 30 of 100 epochs in the paper.
        momentum: of the teacher at the start; 1 at the end, along half a cosine.
        centre_momentum: of c.
        frozen: share of the training in which the prototypes stay as they are; the first of 100 epochs in the paper.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Prototypes,
        *,
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.07,
        warmup: float = 0.3,
        momentum: float = 0.996,
        centre_momentum: float = 0.9,
        frozen: float = 0.01,
    ):
        super().__init__()
        if min(student_temperature, teacher_temperature) <= 0:
            raise ValueError(f"student_temperature={student_temperature}, teacher_temperature={teacher_temperature}: both"
                             " must be above 0")  # fmt: skip
        self.encoder, self.head = encoder, head
        self.teacher = EMA(nn.ModuleList([encoder, head]), momentum, 1.0, batch_statistics=True)
        self.register_buffer("centre", torch.zeros(head.out))
        self.student_temperature, self.teacher_temperature, self.warmup = student_temperature, teacher_temperature, warmup
        self.centre_momentum, self.frozen = centre_momentum, frozen
        self._next: Tensor | None = None  # the centre after this step

    def loss(self, batch: ImageBatch) -> Losses:
        views = [batch.view(i) for i in range(max(2, len(batch.all_views)))]
        large = [i for i, view in enumerate(views) if view.images.shape == batch.images.shape]
        encoder, head = self.teacher.teacher
        with torch.no_grad():
            given = torch.stack([head(encoder(views[i]).pooled) for i in large]).float()  # (global views, B, K)
            targets = ((given - self.centre) / self.temperature).softmax(-1)  # in fp32
        guesses = [self.head(self.encoder(view).pooled).float() / self.student_temperature for view in views]
        logs = [guess.log_softmax(-1) for guess in guesses]
        pairs = [-(target * logs[j]).sum(-1).mean() for i, target in zip(large, targets, strict=True)
                 for j in range(len(views)) if j != i]  # fmt: skip
        if self.training:
            self._next = torch.lerp(mean_over_ranks(given.mean((0, 1))), self.centre, self.centre_momentum)
        return {"dino": torch.stack(pairs).mean()}

    @property
    def temperature(self) -> float:
        """tau_t at this point of the training."""
        done = min(1.0, self.progress / self.warmup) if self.warmup else 1.0
        return 0.04 + (self.teacher_temperature - 0.04) * done

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        super().on_before_optimizer_step(optimizer)
        if self.progress < self.frozen:
            self.head.prototypes.grad = None

    def after_step(self) -> None:
        self.teacher.update(nn.ModuleList([self.encoder, self.head]), self.progress)
        if self._next is not None:
            self.centre.copy_(self._next)
            self._next = None
