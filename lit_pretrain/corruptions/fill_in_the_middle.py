"""Documents whose middle comes last, so that a causal model learns to fill it in (arXiv 2207.14255).

Legend: B documents, U tokens of all documents end to end.
"""

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import TextBatch


class FillInTheMiddle(Recorded):
    """Cuts a document in two places, drawn uniformly among all, and moves the part between them to the end.

        as it was               prefix middle suffix
        prefix, suffix, middle  <PRE> prefix <SUF> suffix <MID> middle
        suffix, prefix, middle  <PRE> <SUF> suffix <MID> prefix middle

    Special tokens around the text stay where they are. <PRE>, <SUF> and <MID> are the first three sentinels. The cuts lie
    between tokens; the paper's lie between characters.

    Args:
        rate: the chance of a document to be changed; 0.5 to 0.9 cost the left-to-right loss nothing in the paper.
        suffix_first: of the changed documents, the share in the third order; 0.5 in the paper.
    """

    def __init__(self, rate: float = 0.5, suffix_first: float = 0.5):
        if not 0 < rate <= 1 or not 0 <= suffix_first <= 1:
            raise ValueError(f"rate={rate} must be above 0 and at most 1, suffix_first={suffix_first} between 0 and 1")
        self.rate, self.suffix_first = rate, suffix_first

    def __call__(self, batch: TextBatch, generator: torch.Generator) -> TextBatch:
        """The documents in the same order, changed ones with three tokens more.

        Raises:
            ValueError: the tokenizer has fewer than three sentinels.
        """
        vocab, tokens, example = batch.vocab, batch.tokens, batch.layout.example
        if len(vocab.sentinels) < 3:
            raise ValueError("filling in the middle needs sentinel tokens; give the tokenizer num_sentinels of 3 or more")
        draws = torch.rand((2, batch.num_examples), device=tokens.device, generator=generator)
        changed, order = draws[0] < self.rate, (draws[1] < self.suffix_first).long()  # (B,)
        places = torch.tensor([[0, 2, 6, 4, 7], [0, 5, 6, 3, 7]], device=tokens.device)  # of the parts, in each order
        marks = torch.tensor([[1, 3, 5], [1, 2, 4]], device=tokens.device)  # places of <PRE>, <SUF> and <MID>

        part = self.parts(batch, generator)
        place = torch.where(changed[example], places[order[example], part], part)
        which = changed.nonzero()[:, 0]
        every = torch.cat([tokens, torch.tensor(vocab.sentinels[:3], device=tokens.device).repeat(len(which))])
        keys = torch.cat([8 * example + place, (8 * which[:, None] + marks[order[which]]).flatten()])
        added = (3 * changed).tolist()
        lengths = tuple(length + more for length, more in zip(batch.lengths, added, strict=True))
        return TextBatch(every[keys.argsort(stable=True)], lengths, vocab, batch.num_bytes)

    def parts(self, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """(U,) int64: 0 special tokens in front, 1 prefix, 2 middle, 3 suffix, 4 special tokens behind."""
        layout, text = batch.layout, ~batch.vocab.special[batch.tokens]
        total = layout.counts(text)  # (B,)
        draws = torch.rand((2, batch.num_examples), device=text.device, generator=generator)
        cuts = (draws * (total + 1)).long().sort(0).values[:, layout.example]  # (2, U) tokens of text in front of each
        total = total[layout.example]
        before = text.long().cumsum(0) - text.long()
        before = before - before[layout.offsets[:-1].long()][layout.example]  # (U,) tokens of text in front
        part = 1 + (before >= cuts).sum(0)
        return torch.where(text, part, torch.where(before == 0, 0, torch.where(before == total, 4, part)))
