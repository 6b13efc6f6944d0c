"""Programs without their identifiers. Legend: U tokens of all programs end to end, I different identifiers of them."""

import torch

from lit_pretrain.corruptions.writing import first_units, last_units, write
from lit_pretrain.types import CodeBatch, TextBatch


def hide_identifiers(batch: CodeBatch) -> tuple[TextBatch, TextBatch]:
    """Masked identifier prediction of CodeT5 (arXiv 2109.00859).

    def add(a, b): return a + b   ->   def <0>(<1>, <2>): return <1> + <2>   and   <0> add <1> a <2> b [EOS]

    Each identifier of a program gets one sentinel, at all places where it stands; the target has each with its tokens at
    the first place. White space in front of a name goes with it. Identifiers beyond the last sentinel share that one and
    are not asked for.

    Returns:
        The input, and the target.

    Raises:
        ValueError: the tokenizer has no sentinels.
    """
    vocab, tokens, example = batch.vocab, batch.tokens, batch.layout.example
    sentinels = torch.tensor(vocab.sentinels, device=tokens.device)
    if not len(sentinels):
        raise ValueError("hidden identifiers need sentinel tokens; give the tokenizer num_sentinels above 0")
    named = batch.name >= 0
    begins = named & ((batch.leaf != batch.leaf.roll(1)) | first_units(batch))  # a place where an identifier stands

    unit = named.nonzero()[:, 0]
    keys = (example << 32) + batch.name  # by program, then by identifier
    found, which = keys[unit].unique(return_inverse=True)  # (I,), (named tokens,)
    first = torch.full_like(found, len(tokens)).scatter_reduce(0, which, unit, "amin")  # (I,) where each stands first
    rank = first.argsort().argsort()
    earlier = torch.bincount(example[first], minlength=batch.num_examples).cumsum(0).roll(1)
    earlier[0] = 0
    number = rank - earlier[example[first]]  # (I,) in its program, by the first place
    asked = (batch.leaf[unit] == batch.leaf[first][which]) & (number < len(sentinels))[which]

    marker = tokens.masked_scatter(named, sentinels[number.clamp(max=len(sentinels) - 1)][which])
    at_first = torch.zeros_like(named).masked_scatter(named, asked)
    source = write(batch, [marker], [begins | ~named])
    eos = vocab.need("eos")
    return source, write(batch, [marker, tokens, eos], [begins & at_first, at_first, last_units(batch)])
