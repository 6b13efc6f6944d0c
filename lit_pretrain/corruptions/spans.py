"""Span corruption of T5 (arXiv 1910.10683).

Legend: B examples, U tokens of all examples end to end, T text tokens (not special) among them.
"""

import torch
from torch import Tensor

from lit_pretrain.corruptions.writing import last_units, write
from lit_pretrain.part import Recorded
from lit_pretrain.types import TextBatch


class SpanCorruption(Recorded):
    """Cuts spans out of each document.

    Thank you <X> me to your party <Y> week </s>   ->   <X> for inviting <Y> last </s>

    Every document loses round(rate * T) of its T text tokens, in round(that / mean_length) spans; the lengths of the
    spans and of the gaps between them are uniform random compositions, a gap first.

    Args:
        rate: share of the text tokens that is cut out; 0.15 in T5.
        mean_length: mean length of a span; 3 in T5, 20 in ByT5 (arXiv 2105.13626).
    """

    def __init__(self, rate: float = 0.15, mean_length: float = 3.0):
        if not 0 < rate < 1 or mean_length < 1:
            raise ValueError(f"rate={rate} must lie between 0 and 1, and mean_length={mean_length} be at least 1")
        self.rate, self.mean_length = rate, mean_length

    def __call__(self, batch: TextBatch, generator: torch.Generator) -> tuple[TextBatch, TextBatch]:
        """The input with a sentinel in place of each span, and the target: each sentinel followed by its span."""
        vocab, tokens, layout = batch.vocab, batch.tokens, batch.layout
        sentinels = torch.tensor(vocab.sentinels, device=tokens.device)
        if not len(sentinels):
            raise ValueError("span corruption needs sentinel tokens; give the tokenizer num_sentinels above 0")
        noise = self.choose(batch, generator)
        follows = torch.zeros_like(noise)  # true where the unit before belongs to the same span
        follows[1:] = noise[:-1] & (layout.example[1:] == layout.example[:-1])
        begins = noise & ~follows
        in_batch = begins.long().cumsum(0)  # spans begun so far, over all examples
        before = (in_batch - begins.long())[layout.offsets[:-1].long()]  # (B,) spans begun in earlier examples
        marker = sentinels[(in_batch - 1 - before[layout.example]).clamp(min=0)]  # (U,) sentinel of the unit's span

        source = write(batch, [torch.where(begins, marker, tokens)], [~noise | begins])
        # Each unit offers up to three target tokens: its span's sentinel, itself, and the end of its document.
        target = write(batch, [marker, tokens, vocab.need("eos")], [begins, noise, last_units(batch)])
        return source, target

    def choose(self, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """(U,) bool, true at tokens that are cut out."""
        text = ~batch.vocab.special[batch.tokens]
        total = batch.layout.counts(text)  # (B,) text tokens
        cut = (total * self.rate).round().long().clamp(min=1).minimum((total - 1).clamp(min=0))
        spans = (cut / self.mean_length).round().long().clamp(min=1).minimum(cut).minimum(total - cut)
        spans = spans.clamp(max=len(batch.vocab.sentinels))
        cut = torch.where(spans > 0, cut, 0)
        # Alternate gap and span: gap_1, span_1, gap_2, span_2, ... of each example.
        gaps = compositions(total - cut, spans.clamp(min=1).minimum(total), generator)
        holes = compositions(cut, spans, generator)
        noise = text.clone()
        lengths, is_hole = _alternate(gaps, spans.clamp(min=1).minimum(total), holes, spans)
        noise[text] = torch.repeat_interleave(is_hole, lengths)
        return noise


def compositions(total: Tensor, parts: Tensor, generator: torch.Generator) -> Tensor:
    """Split each total (B,) into parts (B,) positive integers, uniformly at random; flat, (sum of parts,).

    Of the total - 1 places between units, parts - 1 are chosen: those with the smallest random keys.
    """
    example = torch.repeat_interleave(torch.arange(len(total), device=total.device), total)
    first = torch.zeros(len(example), dtype=torch.bool, device=total.device)
    starts = (total.cumsum(0) - total)[total > 0]
    first[starts] = True
    key = torch.rand(len(example), device=total.device, generator=generator, dtype=torch.float64)
    order = (example + torch.where(first, 0.0, key * 0.999 + 0.0005)).argsort()  # by example, its first unit first
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=total.device)
    begins = rank - (total.cumsum(0) - total)[example] < parts[example]
    part = begins.long().cumsum(0) - 1
    return torch.bincount(part, minlength=int(parts.sum()))


def _alternate(gaps: Tensor, num_gaps: Tensor, holes: Tensor, num_holes: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths of gaps and holes in turn, and which of them are holes."""
    b = torch.arange(len(num_gaps), device=gaps.device)

    width = 2 * int(torch.maximum(num_gaps, num_holes).max()) + 4

    def place(count: Tensor, parity: int) -> Tensor:
        example = torch.repeat_interleave(b, count)
        inside = torch.arange(len(example), device=gaps.device) - (count.cumsum(0) - count)[example]
        return example * width + 2 * inside + parity

    order = torch.cat([place(num_gaps, 0), place(num_holes, 1)]).argsort()
    is_hole = torch.cat([torch.zeros_like(gaps, dtype=torch.bool), torch.ones_like(holes, dtype=torch.bool)])
    return torch.cat([gaps, holes])[order], is_hole[order]
