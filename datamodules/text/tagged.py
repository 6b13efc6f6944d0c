"""Text whose words have tags, such as names of people and places."""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_pretrain.datamodules.text.source.columns import Columns, Sentence
from lit_pretrain.datamodules.text.tokenized import TokenizedDataModule
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.types import Ragged, TextBatch


class TaggedTextDataModule(TokenizedDataModule):
    """Sentences as packed batches of token ids, with the tag of the word of each token as `unit_labels`, -1 for special
    tokens. Tagging learns it (`TagUnits`, `TagSpans`), and edge probing looks for it in the layers.

    Words are joined by spaces, and a token has the tag of the word that its last byte is of. Sentences are held in memory;
    longer ones than `max_length` are cut.

    Args:
        source: of tagged sentences.
        tokenizer: trained on the training sentences where it must be; None: taken over from the pretraining data (`adopt`).
        first: of the tokens of a word only the first has its tag, the others have -1, as BERT tags (arXiv 1810.04805); for
            `TagSpans`, which then sees words.
        types: drop the B- and I- of tags (`B-location` and `I-location` become `location`): runs of a tag are then spans.
        max_length, tokens_per_batch, bucket, num_workers: see `TokenizedDataModule`.
    """

    def __init__(
        self,
        source: Columns,
        tokenizer: Tokenizer | None = None,
        *,
        first: bool = False,
        types: bool = False,
        max_length: int = 128,
        tokens_per_batch: int = 4096,
        bucket: bool = False,
        num_workers: int = 0,
    ):
        super().__init__(source, tokenizer, max_length=max_length, tokens_per_batch=tokens_per_batch, bucket=bucket,
                         num_workers=num_workers)  # fmt: skip
        self.first, self.types = first, types

    @cached_property
    def unit_names(self) -> tuple[str, ...]:
        """The tags of the training sentences, sorted."""
        return tuple(sorted({self._tag(tag) for sentence in self.source.sentences("train") for tag in sentence.tags}))

    def texts(self) -> Iterator[str]:
        return (" ".join(sentence.words) for sentence in self.source.sentences("train"))

    def examples(self, split: str, labelled: bool) -> "TaggedSentences":
        numbers = {name: number for number, name in enumerate(self.unit_names)}
        sentences = list(self.source.sentences(split))
        encoded = self._ready_tokenizer().encode([" ".join(sentence.words) for sentence in sentences])
        tags = [
            token_tags(sentence, widths, lambda tag: numbers.get(self._tag(tag), -1), self.first)
            for sentence, (_, widths) in zip(sentences, encoded, strict=True)
        ]
        before, after = self._ready_tokenizer().around()
        return TaggedSentences([np.array(ids, np.int64) for ids, _ in encoded], tags, before, after, self.max_length)

    def collate(self) -> Callable[[list], TextBatch]:
        return collate

    def _tag(self, tag: str) -> str:
        return tag[2:] if self.types and tag[:2] in ("B-", "I-") else tag


class TaggedSentences(Dataset):
    """Sentences, each (number, ids, tags) with special tokens around it.

    Args:
        ids, tags: of each sentence.
        before, after: special ids around each sentence.
        max_length: of them together.
    """

    def __init__(self, ids: list[np.ndarray], tags: list[np.ndarray], before: list[int], after: list[int], max_length: int):
        room = max_length - len(before) - len(after)
        if room < 1:
            raise ValueError(f"max_length={max_length} leaves no room for text")
        self.ids, self.tags = [x[:room] for x in ids], [x[:room] for x in tags]
        self.before, self.after = np.array(before, np.int64), np.array(after, np.int64)
        self.numbers = np.array([i for i, x in enumerate(self.ids) if len(x)], np.int64)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def labels(self) -> np.ndarray:
        """Sentences have no classes: all are of one."""
        return np.zeros(len(self), np.int64)

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(self.ids[i]) for i in self.numbers], np.int64) + len(self.before) + len(self.after)

    def choose(self, which: np.ndarray) -> None:
        """Keep only these examples."""
        self.numbers = self.numbers[which]

    def __getitem__(self, i: int) -> tuple[int, np.ndarray, np.ndarray]:
        number = int(self.numbers[i])
        none_before, none_after = np.full(len(self.before), -1), np.full(len(self.after), -1)
        ids = np.concatenate([self.before, self.ids[number], self.after])
        return number, ids, np.concatenate([none_before, self.tags[number], none_after])


def token_tags(sentence: Sentence, widths: list[int], number: Callable[[str], int], first: bool = False) -> np.ndarray:
    """(tokens,) the tag of the word of which each token holds the last byte.

    Args:
        sentence: whose words are joined by spaces.
        widths: UTF-8 bytes of each token.
        number: of a tag.
        first: tokens that are not the first of their word get -1.
    """
    ends = np.cumsum([len(word.encode()) + 1 for word in sentence.words])  # a word and the space after it
    last = np.maximum(np.cumsum(widths) - 1, 0)
    words = np.minimum(np.searchsorted(ends, last, side="right"), len(sentence.words) - 1)
    tags = np.array([number(tag) for tag in sentence.tags], np.int64)[words]
    return np.where(first & (np.diff(words, prepend=-1) == 0), -1, tags)


def collate(samples: list[tuple[int, np.ndarray, np.ndarray]]) -> TextBatch:
    index, ids, tags = zip(*samples, strict=True)
    lengths = tuple(len(x) for x in ids)
    labels = Ragged(torch.from_numpy(np.concatenate(tags)), lengths)
    return TextBatch(torch.from_numpy(np.concatenate(ids)), lengths, index=torch.tensor(index), unit_labels=labels)
