"""Classification as filling a gap. Legend: B examples, P patterns, C classes, D width, V vocabulary."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.datamodules.text.tokenizer.pretrained import Pretrained
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.io.checkpoint import SUFFIX, checkpoints, load, load_data
from lit_pretrain.io.pretrained import load_head
from lit_pretrain.nn.head.base import Head
from lit_pretrain.types import Encoded, Encoder, Layout, Outcomes, Term, TextBatch

TEXT, MASK = "{text}", "{mask}"


class PET(Task):
    """Pattern-exploiting training (arXiv 2001.07676): which class's word fills the gap of a pattern around the text?

    The masked language model says it that the encoder was trained as:

        scores of a pattern = log softmax over the classes' words of head(unit of the gap)
        loss = -mean over examples of log softmax(mean over patterns of the scores)[label]

    Each word is one token. With a tuning such as `Adapters` little of the encoder trains, which few labels suffice for. The
    paper's last step, a plain classifier that learns what the patterns say of unlabelled texts, is `SoftLabels` with this
    as the teacher; its patterns are tuned one by one, and here together.

    Args:
        dim: D of the encoder.
        num_classes: C.
        patterns: such as "{text} It was {mask}."; texts must leave room for them in what the encoder reads.
        words: of the classes in their order, such as terrible and great.
        path: the run of MLM that the encoder is of, or a folder of transformers: from there come head and tokenizer.
        head: in place of that of `path`.
        ids: of patterns and words in place of a tokenizer, as a checkpoint keeps them.

    Raises:
        ValueError: a pattern lacks its text or its gap, or a word is no single token.
    """

    main = "accuracy"

    def __init__(
        self,
        dim: int,
        num_classes: int,
        patterns: tuple[str, ...],
        words: tuple[str, ...],
        path: str | None = None,
        head: Head | None = None,
        ids: dict[str, Any] | None = None,
    ):
        super().__init__()
        if len(words) != num_classes or not patterns:
            raise ValueError(f"words={list(words)}: give one for each of the num_classes={num_classes}, and a pattern")
        if bad := [pattern for pattern in patterns if pattern.count(TEXT) != 1 or pattern.count(MASK) != 1]:
            raise ValueError(f"patterns={bad}: each must hold {TEXT} once and {MASK} once")
        if path is None and (head is None or ids is None):
            raise ValueError("path=None: name the run of the masked language model whose head fills the gap")
        self.num_classes = num_classes
        self.head = _head(path) if head is None else head
        self.ids = _ids(_tokenizer(path), patterns, words) if ids is None else ids
        # A rebuilt task gets its weights from the checkpoint and needs neither head nor tokenizer of `path`.
        self._init_args |= {"path": None, "head": self.head, "ids": self.ids}
        self.metrics = MetricCollection({
            "accuracy": MulticlassAccuracy(num_classes, average="micro"),
            "macro_f1": MulticlassF1Score(num_classes, average="macro"),
        })  # fmt: skip

    def encode(self, encoder: Encoder, batch: TextBatch) -> Encoded:
        """`pooled` is the mean of the patterns' gaps. Their scores stand among the layers, since the head may be tied to the
        encoder."""
        if not isinstance(batch, TextBatch):
            raise ValueError(f"PET puts texts into patterns, and these data are batches of {type(batch).__name__}")
        gaps, scores = [], []
        for pattern in self.ids["patterns"]:
            filled, place = self.fill(batch, pattern["pieces"])
            units = encoder(filled).units[place]  # (B, D)
            gaps.append(units)
            logits = self.head(units, encoder)[:, pattern["words"]]  # (B, V) -> (B, C)
            scores.append(logits.float().log_softmax(1))
        pooled = torch.stack(gaps).mean(0)
        layout = Layout((1,) * len(pooled), pooled.device)
        return Encoded(pooled, pooled, layout, {"scores": torch.stack(scores).mean(0)})

    def fill(self, batch: TextBatch, pieces: list[list[int] | str]) -> tuple[TextBatch, Tensor]:
        """The texts in a pattern, and the numbers (B,) of the gaps among the units."""
        before, after = self.ids["around"]
        device = batch.tokens.device
        parts, lengths, places = [], [], []
        for tokens in batch.tokens.split(batch.lengths):
            text = tokens[len(before) : len(tokens) - len(after)]
            start, length = sum(lengths), 0
            for piece in (before, *pieces, after):
                if piece == MASK:
                    places.append(start + length)
                    piece = [self.ids["mask"]]
                found = text if piece == TEXT else torch.tensor(piece, dtype=torch.long, device=device)
                parts.append(found)
                length += len(found)
            lengths.append(length)
        filled = replace(batch, tokens=torch.cat(parts), lengths=tuple(lengths), num_bytes=None)
        return filled, torch.tensor(places, device=device)

    def forward(self, encoded: Encoded) -> Tensor:
        return encoded.layers["scores"]  # (B, C)

    def loss(self, predictions: Tensor, batch: TextBatch) -> Term:
        return Term(F.cross_entropy(predictions, batch.labels, reduction="sum"), len(batch.labels))

    def update(self, predictions: Tensor, encoded: Encoded, batch: TextBatch) -> None:
        super().update(predictions, encoded, batch)
        self.tally.add(Outcomes.of_classes(predictions.argmax(1), batch.labels))


def _ids(tokenizer: Tokenizer, patterns: tuple[str, ...], words: tuple[str, ...]) -> dict[str, Any]:
    """Of each pattern its `pieces`, which are ids, `{text}` and `{mask}`, and the id of each class's word in `words`; what
    stands `around` a text; the id of the `mask`."""

    def encode(text: str) -> list[int]:
        return tokenizer.encode([text])[0][0]

    found = []
    for pattern in patterns:
        space = " " if f" {MASK}" in pattern else ""  # which belongs to the word, as subword tokenizers see it
        parts = re.split(r"(\{text\}|\{mask\})", pattern.replace(space + MASK, MASK))
        tokens = [encode(space + word) for word in words]
        if bad := [f"{word} ({len(ids)})" for word, ids in zip(words, tokens, strict=True) if len(ids) != 1]:
            raise ValueError(f"words={', '.join(bad)}: in brackets, the tokens of each; choose words that are one token")
        pieces = [part if part in (TEXT, MASK) else encode(part) for part in parts if part]
        found.append({"pieces": pieces, "words": [ids[0] for ids in tokens]})
    return {"patterns": found, "around": list(tokenizer.around()), "mask": tokenizer.vocabulary.need("mask")}


def _is_ours(path: str) -> bool:
    return Path(path).suffix == SUFFIX or bool(checkpoints(path))


def _head(path: str) -> Head:
    found = getattr(load(path), "head", None) if _is_ours(path) else load_head(path)
    if not isinstance(found, Head):
        raise ValueError(f"{path} has no head over a vocabulary; PET needs a run of lit_pretrain.objectives.text.mlm.MLM")
    return found


def _tokenizer(path: str) -> Tokenizer:
    if _is_ours(path):
        return load_data(path).tokenizer
    tokenizer = Pretrained(path)
    tokenizer.prepare(lambda: (), lambda: "", Path())
    return tokenizer
