"""Programs as flattened syntax trees (UniXcoder, arXiv 2203.03850).

Legend: U tokens of all programs end to end, N entries of all flattened trees, V vocabulary.
"""

from dataclasses import replace

import torch

from lit_pretrain.corruptions.writing import expand, write
from lit_pretrain.types import CodeBatch, TextBatch, Vocabulary

MODES = 2  # ids after the vocabulary that are no node: [Dec] and [E2D]; the tokenizer's [CLS] stands for [Enc]


def with_nodes(vocab: Vocabulary, node_types: int) -> Vocabulary:
    """The vocabulary with ids V and V + 1 for [Dec] and [E2D], then two for each type of node: it opens, it closes."""
    further = torch.arange(MODES + 2 * node_types, device=vocab.special.device)
    return replace(vocab, size=vocab.size + len(further), special=torch.cat([vocab.special, further < MODES]),
                   starts_word=torch.cat([vocab.starts_word, further >= 0]))  # fmt: skip


def flat_trees(batch: CodeBatch) -> TextBatch:
    """Each program's tree from left to right: an id where a node opens and one where it closes, and the tokens of each leaf.

    The tree can be read back from the ids. Programs without a tree have no ids; nor has white space outside of leaves.
    """
    entries, sizes = batch.tree.values, torch.tensor(batch.tree.lengths, device=batch.tokens.device)
    begin = sizes.cumsum(0) - sizes  # (B,); a tree has at least as many entries as leaves, so leaves are numbered from here
    of_leaf = batch.leaf >= 0
    leaf = (begin[batch.layout.example] + batch.leaf)[of_leaf]  # (tokens of leaves,)
    unit = of_leaf.nonzero()[:, 0]
    tokens_of = torch.zeros(len(entries), dtype=torch.long, device=leaf.device).index_add_(0, leaf, torch.ones_like(leaf))
    first_of = torch.zeros_like(tokens_of).scatter_reduce(0, leaf, unit, "amin", include_self=False)

    example = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)
    is_leaf = entries >= 0
    entry_leaf = torch.where(is_leaf, begin[example] + entries, 0)
    count = torch.where(is_leaf, tokens_of[entry_leaf], 1)  # (N,) ids that each entry becomes
    node = batch.vocab.size + MODES - 1 - entries  # an opening node of type t is -1 - 2t, a closing one -2 - 2t
    of_node = len(batch.tokens) + torch.arange(len(entries), device=count.device)
    unit = expand(torch.where(is_leaf, first_of[entry_leaf], of_node), count)
    lengths = torch.zeros_like(sizes).index_add_(0, example, count)
    return TextBatch(torch.cat([batch.tokens, node])[unit], tuple(lengths.tolist()), batch.vocab)


def plain_programs(batch: CodeBatch) -> TextBatch:
    """The tokens of code of each program."""
    return write(batch, [batch.tokens], [batch.is_code])
