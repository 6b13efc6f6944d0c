"""Changed descriptions (ContraBERT, arXiv 2301.09072). Legend: B programs, U tokens, S segments: words, other tokens."""

from abc import abstractmethod

import torch
from torch import Tensor

from lit_pretrain.corruptions.code.augmentation import Augmentation
from lit_pretrain.corruptions.writing import expand, first_units
from lit_pretrain.types import CodeBatch


class WordAugmentation(Augmentation):
    """Changes words of descriptions.

    Args:
        rate: share of the words that are changed; 0.1 as in EDA (arXiv 1901.11196).
    """

    def __init__(self, rate: float = 0.1):
        super().__init__()
        if not 0 < rate < 1:
            raise ValueError(f"rate={rate}: the share of words that are changed must lie between 0 and 1")
        self.rate = rate

    def __call__(self, batch: CodeBatch, which: Tensor, generator: torch.Generator) -> CodeBatch:
        doc = batch.is_doc
        starts = batch.vocab.starts_word[batch.tokens] | ~doc.roll(1) | first_units(batch) | ~doc
        start = starts.nonzero()[:, 0]  # (S,)
        length = torch.cat([start[1:], start.new_tensor([len(doc)])]) - start
        example = batch.layout.example[start]
        draw = torch.rand(len(start), device=start.device, generator=generator) < self.rate
        order = self.order(doc[start], doc[start] & draw & which[example], example)
        return batch.of_units(expand(start[order], length[order]))

    @abstractmethod
    def order(self, word: Tensor, chosen: Tensor, example: Tensor) -> Tensor:
        """Numbers of segments, as they stand in the variant; all (S,): which are words, which are chosen, whose they are."""


class DeleteWords(WordAugmentation):
    """Leaves words out, but never the last one that is left."""

    def order(self, word: Tensor, chosen: Tensor, example: Tensor) -> Tensor:
        count = int(example[-1]) + 1
        left = torch.zeros(count, dtype=torch.long, device=word.device).index_add_(0, example, (word & ~chosen).long())
        return (~(chosen & (left > 0)[example])).nonzero()[:, 0]


class SwitchWords(WordAugmentation):
    """Lets a word change places with the one after it."""

    def order(self, word: Tensor, chosen: Tensor, example: Tensor) -> Tensor:
        order = torch.arange(len(word), device=word.device)
        first = chosen & word.roll(-1) & (example == example.roll(-1))
        first &= ~first.roll(1)  # in a run of chosen words each second one: none moves twice
        first = first.nonzero()[:, 0]
        order[first], order[first + 1] = first + 1, first
        return order


class CopyWords(WordAugmentation):
    """Writes words twice."""

    def order(self, word: Tensor, chosen: Tensor, example: Tensor) -> Tensor:
        return torch.repeat_interleave(torch.arange(len(word), device=word.device), 1 + chosen.long())
