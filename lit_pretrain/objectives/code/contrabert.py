"""Masked tokens, and programs that find their variants. Legend: B programs, U tokens, M masked ones, Q queue, D width."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.code.augmentation import Augmentation
from lit_pretrain.corruptions.code.renaming import RenameFunction, RenameVariables
from lit_pretrain.corruptions.code.words import CopyWords, DeleteWords, SwitchWords
from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.corruptions.replacing import replace_masked
from lit_pretrain.losses.info_nce import info_nce
from lit_pretrain.nn.ema import EMA
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.queue import Queue
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import CodeBatch, Encoder, Losses, Term


class ContraBERT(PretrainModule):
    """ContraBERT (arXiv 2301.09072): a program and its variant have the same vector, so names and comments do not count.

        loss = MLM + -mean over programs of log( exp(cos(q, k+) / t) / sum over k of exp(cos(q, k) / t) )

    with q the pooled units of the masked program, k+ those of its variant by a moving average of the encoder, and k over k+
    and the variants of earlier batches (a queue, as in MoCo). A variant has one change of its code and one of its
    description, each drawn for each program. The paper's nine:

        rename variables, rename function      here, identifier by identifier (`corruptions.code.renaming`)
        insert dead code, reorder, sample      here too, where the data give a variant as `target`, which is made from the
                                               text (`datamodules.code.source.varied`); these run, but for `sample`
        delete, switch, copy words             of the description, here (`corruptions.code.words`)
        back-translate the description         needs a translator, and is left out

    Defaults of momentum, temperature and queue are MoCo's (arXiv 1911.05722). The paper starts from CodeBERT or
    GraphCodeBERT.

    Args:
        encoder: bidirectional.
        head: units (M, D) -> logits (M, V).
        queue: of Q vectors as wide as the encoder's.
        code_changes, doc_changes: of which one is drawn for each program; none: no change.
        masking: which tokens are hidden.
        mask_share, random_share: 0.8 and 0.1, as in BERT.
        momentum: of the moving average.
        temperature: t.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        queue: Queue,
        code_changes: tuple[Augmentation, ...] = (RenameVariables(), RenameFunction()),
        doc_changes: tuple[Augmentation, ...] = (DeleteWords(), SwitchWords(), CopyWords()),
        masking: Masking = DynamicMasking(0.15),
        *,
        mask_share: float = 0.8,
        random_share: float = 0.1,
        momentum: float = 0.999,
        temperature: float = 0.07,
    ):
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} must be above 0")
        if queue.vectors.shape[1] != encoder.dim:
            raise ValueError(f"the queue's dim={queue.vectors.shape[1]} must be the encoder's, {encoder.dim}")
        self.encoder, self.head, self.queue, self.masking = encoder, head, queue, masking
        self.code_changes, self.doc_changes = tuple(code_changes), tuple(doc_changes)
        self.mask_share, self.random_share, self.temperature = mask_share, random_share, temperature
        self.teacher = EMA(encoder, momentum)
        self._new: list[Tensor] = []

    def loss(self, batch: CodeBatch) -> Losses:
        masked = self.masking(batch, self.generator)  # (U,) bool
        tokens = replace_masked(batch, masked, self.mask_share, self.random_share, self.generator)
        encoded = self.encoder(replace(batch, tokens=tokens))
        nll = self.head.cross_entropy(encoded.units[masked], batch.tokens[masked], self.encoder)

        keys = F.normalize(self.teacher(self.variant(batch)).pooled.float(), dim=1)  # (B, D)
        contrast = info_nce(encoded.pooled, keys, self.temperature, self.queue())
        if self.training:
            self._new.append(keys)
        count = batch.num_examples
        return {"mlm": Term(nll, masked.sum()), "contrastive": Term(count * contrast, count)}

    def variant(self, batch: CodeBatch) -> CodeBatch:
        """Each program with one change of its code and one of its description."""
        for changes in (self.code_changes, self.doc_changes):
            draw = torch.rand(batch.num_examples, device=self.device, generator=self.generator)
            drawn = (draw * len(changes)).long()  # (B,) number of the change
            for number, change in enumerate(changes):
                batch = change(batch, drawn == number, self.generator)
        return batch

    def after_step(self) -> None:
        self.teacher.update(self.encoder, self.progress)
        for keys in self._new:
            self.queue.push(keys)
        self._new = []
