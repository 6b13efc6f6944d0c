"""Which tokens to hide. Legend: U tokens of all examples end to end, G groups of them (words).

Every masking hides tokens that stand for text only (never [CLS], [SEP], ...) and draws from the given generator.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import TextBatch


class Masking(Recorded):
    """Chooses tokens of a batch.

    Args:
        rate: expected share of the text tokens that are chosen.
    """

    def __init__(self, rate: float = 0.15):
        if not 0 < rate < 1:
            raise ValueError(f"rate={rate}: the share of masked tokens must lie between 0 and 1")
        self.rate = rate

    @abstractmethod
    def choose(self, batch: TextBatch, text: Tensor, generator: torch.Generator) -> Tensor:
        """(U,) bool, for `text` (U,) bool: the tokens that stand for text."""

    def __call__(self, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """(U,) bool, true at tokens to be hidden; at least one wherever the batch has any text."""
        text = ~batch.vocab.special[batch.tokens]
        chosen = self.choose(batch, text, generator) & text
        # A batch without a target has no loss; then its first text token is taken.
        first = torch.zeros_like(text)
        first[text.int().argmax()] = True
        return torch.where(chosen.any(), chosen, first & text)


class DynamicMasking(Masking):
    """Each token by itself, anew in each epoch (RoBERTa, arXiv 1907.11692)."""

    def choose(self, batch: TextBatch, text: Tensor, generator: torch.Generator) -> Tensor:
        return torch.rand(len(text), device=text.device, generator=generator) < self.rate


class WholeWordMasking(Masking):
    """All tokens of a word together (the whole-word models of google-research/bert, 2019)."""

    def choose(self, batch: TextBatch, text: Tensor, generator: torch.Generator) -> Tensor:
        new_example = batch.layout.position == 0
        word = (batch.vocab.starts_word[batch.tokens] | new_example | ~text).cumsum(0)  # (U,) number of the word
        draws = torch.rand(len(text) + 1, device=text.device, generator=generator)
        return draws[word] < self.rate


class SpanMasking(Masking):
    """Spans of geometric length within an example (SpanBERT, arXiv 1907.10529).

    Args:
        rate: expected share of masked tokens.
        mean_length: of a span, before it is cut at `max_length` or at the end of its example.
        max_length: longest span.
    """

    def __init__(self, rate: float = 0.15, mean_length: float = 5.0, max_length: int = 10):
        super().__init__(rate)
        if mean_length < 1:
            raise ValueError(f"mean_length={mean_length}: a span has at least one token")
        self.mean_length, self.max_length = mean_length, max_length

    def choose(self, batch: TextBatch, text: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand((2, len(text)), device=text.device, generator=generator)
        stay = torch.tensor(max(1 - 1 / self.mean_length, 1e-9), device=text.device)
        length = (draws[1].clamp(min=1e-9).log() / stay.log()).floor().clamp(max=self.max_length - 1) + 1  # geometric
        # A token stays visible if no span of length l began among the l tokens up to it, for every l; the rate s of
        # beginnings that hides `rate` of all tokens solves prod_l (1 - s P(length >= l)) = 1 - rate.
        survival = stay ** torch.arange(self.max_length, device=text.device)
        begins = draws[0] < _solve(survival.double(), self.rate)
        example = batch.layout.example
        chosen = torch.zeros_like(text)
        for shift in range(min(self.max_length, len(text))):
            reach = (begins & (length > shift))[: len(text) - shift]
            chosen[shift:] |= reach & (example[: len(text) - shift] == example[shift:])
        return chosen


def _solve(survival: Tensor, rate: float) -> float:
    """The s in [0, 1] with prod(1 - s * survival) = 1 - rate, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(40):  # 2^-40: below the resolution of the fp32 draws
        middle = (low + high) / 2
        low, high = (middle, high) if float((1 - middle * survival).prod()) > 1 - rate else (low, middle)
    return high
