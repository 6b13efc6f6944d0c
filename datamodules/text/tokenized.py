"""What datamodules of text and of code share: a tokenizer, and batches of whole examples by a budget of tokens."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.draws import run_seed
from lit_pretrain.datamodules.files import cache_folder
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.order import balanced, plan
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.types import TextBatch, Vocabulary


class Examples(Protocol):
    """A map-style dataset of what a batch is made of."""

    labels: np.ndarray

    def __len__(self) -> int: ...

    def __getitem__(self, i: int) -> Any: ...

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, special tokens included."""

    def choose(self, which: np.ndarray) -> None:
        """Keep only these examples."""


class TokenizedDataModule(DataModule):
    """Packed batches of token ids, by a tokenizer that may have to be trained on the source first.

    A batch holds up to `tokens_per_batch` tokens of whole examples, laid end to end without padding.

    Args:
        source: where texts come from; has a `fingerprint(split)`.
        tokenizer: None: taken over from the pretraining data (`adopt`), for data that only a probe or a fine-tuning reads.
        max_length: the most tokens of an example, special tokens included.
        tokens_per_batch: the budget of a batch.
        bucket: put examples of similar length together, which padded attention back ends want.
        num_workers: processes that collate.
    """

    def __init__(self, source: Any, tokenizer: Tokenizer | None, *, max_length: int, tokens_per_batch: int, bucket: bool,
                 num_workers: int):  # fmt: skip
        super().__init__()
        if tokens_per_batch < max_length:
            raise ValueError(f"tokens_per_batch={tokens_per_batch} must hold one example of max_length={max_length}")
        self.source, self.tokenizer = source, tokenizer
        self.max_length, self.tokens_per_batch = max_length, tokens_per_batch
        self.bucket, self.num_workers = bucket, num_workers
        self._vocabulary: Vocabulary | None = None

    @abstractmethod
    def texts(self) -> Iterator[str]:
        """What a tokenizer is trained on."""

    @abstractmethod
    def examples(self, split: str, labelled: bool) -> Examples:
        """The examples of a split; only those with a label, if `labelled`."""

    @abstractmethod
    def collate(self) -> Callable[[list], TextBatch]:
        """What makes a batch of examples, in the workers."""

    @property
    def vocabulary(self) -> Vocabulary:
        if self._vocabulary is None:
            self._vocabulary = self._ready_tokenizer().vocabulary
        return self._vocabulary

    @property
    def vocab_size(self) -> int:
        """The ids that there really are; a trained tokenizer may have fewer than it was allowed."""
        return self.vocabulary.size

    def adopt(self, pretraining: DataModule) -> None:
        if self.tokenizer is None and isinstance(pretraining, TokenizedDataModule):
            self.tokenizer = pretraining._ready_tokenizer()

    def artifacts(self) -> dict[str, str]:
        return self._ready_tokenizer().artifacts()

    def restore(self, artifacts: dict[str, str]) -> None:
        if self.tokenizer is not None:
            self.tokenizer.restore(artifacts)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"tokenizer": self._ready_tokenizer().digest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError if the checkpoint was trained with another tokenizer: the same ids would mean other text."""
        super().load_state_dict(state)
        if state["tokenizer"] != self._ready_tokenizer().digest:
            raise ValueError(
                "the checkpoint was trained with another tokenizer: the training data have changed, or the cache"
                f" {cache_folder()} was lost and training came out differently. Give the checkpoint's own, as Pretrained"
                " with the folder that `lit-pretrain export` writes"
            )

    def describe(self, batch: TextBatch) -> list[str]:
        """The text of each example, for people."""
        return [self._ready_tokenizer().decode(ids.tolist()) for ids in batch.tokens.split(batch.lengths)]

    def setup(self, stage: str | None = None) -> None:
        """Check that the encoder has an embedding for every id and every position.

        Raises:
            ValueError: one of its tables is too small.
        """
        super().setup(stage)
        encoder = getattr(getattr(self.trainer, "lightning_module", None), "encoder", None)
        positions = getattr(getattr(encoder, "position", None), "max_length", None)
        if positions is not None and positions < self.max_length:
            raise ValueError(
                f"the encoder has {positions} positions and the data examples of max_length={self.max_length}:"
                " raise the encoder's max_length, or lower the data's"
            )
        try:
            rows = len(encoder.token_table())
        except (AttributeError, ValueError):  # not an encoder of ours, or one without token embeddings
            return
        if rows < self.vocab_size:
            raise ValueError(f"the encoder has {rows} token embeddings and the tokenizer {self.vocab_size} ids:"
                             f" set the encoder's vocab_size to at least {self.vocab_size}")  # fmt: skip

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        if split not in SPLITS:
            raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
        examples = self.examples(split, labelled)
        if labelled and not len(examples):
            raise ValueError(f"{type(self.source).__name__} has no labelled examples in {split!r}: give its label field")
        if limit is not None:
            examples.choose(balanced(examples.labels, limit, seed))
        attached = self.trainer is not None
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if attached and not labelled else (0, 1)

        def of_epoch(epoch: int) -> list[list[int]]:
            return plan(examples.lengths, self.tokens_per_batch, shuffle=shuffle, bucket=self.bucket, seed=run_seed(),
                        epoch=epoch)  # fmt: skip

        vocabulary = self.vocabulary
        return ResumableLoader(
            examples,
            of_epoch,
            self.collate(),
            attach=lambda batch: replace(batch, vocab=vocabulary),
            num_workers=self.num_workers,
            pin_memory=attached and torch.cuda.is_available(),
            rank=rank,
            ranks=world,
        )

    def _ready_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ValueError(f"{type(self).__name__} has no tokenizer: give one, or let it adopt() the pretraining data's")
        self.tokenizer.prepare(self.texts, lambda: self.source.fingerprint("train"), cache_folder())
        return self.tokenizer


def label_numbers(label_names: tuple[str, ...], labels: np.ndarray, class_names: tuple[str, ...], check: bool) -> np.ndarray:
    """Labels that are numbers in `label_names` as numbers in `class_names`; -1: none.

    Each split numbers the labels that it has.

    Raises:
        ValueError: `check` is true and a name is not among the classes.
    """
    if check and (unknown := sorted(set(label_names) - set(class_names))):
        raise ValueError(f"labels {unknown[:5]} do not occur in the training split, which has {class_names[:20]}")
    numbers = {name: number for number, name in enumerate(class_names)}
    return np.array([*(numbers.get(name, -1) for name in label_names), -1])[labels]  # the last entry keeps -1, no label
