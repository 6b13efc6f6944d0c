"""One Transformer as encoder, decoder and both, over descriptions, code and syntax trees.

Legend: B programs, U units of all sequences end to end, P predicted ones, D width, V vocabulary.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.code.flattening import flat_trees, plain_programs, with_nodes
from lit_pretrain.corruptions.code.modalities import description
from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.corruptions.replacing import replace_masked
from lit_pretrain.corruptions.spans import SpanCorruption
from lit_pretrain.corruptions.writing import pick
from lit_pretrain.losses.info_nce import info_nce
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import CodeBatch, Encoder, Losses, Term, TextBatch

TASKS = ("mlm", "ulm", "denoising", "generation")


@dataclass
class Sequence:
    """What one pass reads and is asked for: (L,) tokens, (L,) what each unit shall predict (-1: nothing), and the prefix."""

    task: str
    tokens: Tensor
    targets: Tensor
    prefix: int


class UniXcoder(PretrainModule):
    """UniXcoder (arXiv 2203.03850): the first token of a sequence says who may see whom, and what is to be done.

        [CLS], as the data come   all see all: `mlm`, masked tokens from all the others; `contrastive`
        [Dec]                     each sees those before it: `ulm`, the next token
        [E2D]                     the target sees the source, and itself backwards: `denoising`, the spans that are cut out;
                                  `generation`, the description from the program or (half of the times) the other way

        loss = the sum of the means of these four, and of -log( exp(cos(h, h+) / t) / sum over h' of exp(cos(h, h') / t) )

    where h and h+ are the pooled units of two passes over a program, between which only dropout differs, and h' are those
    of all programs of the batch. A program is its description and its syntax tree, flattened one to one into nodes that
    open and close and the tokens of leaves (`flat_trees`); half of the times its code alone. A third of the programs each
    has one of the first three tasks (a whole batch in the paper); those with a description are generated.

    [Dec], [E2D] and the nodes have the ids after the tokenizer's (`with_nodes`); encoder and head must have room for them.

    Args:
        encoder: sees what `prefix` says, such as `encoders.unified.UnifiedTransformer`; its dropout makes the two passes
            differ, 0.1 in the paper.
        head: units (P, D) -> logits (P, V).
        masking: of the first task.
        corruption: of the third; 15 % of the tokens, 5 a span on average.
        mask_share, random_share: 0.8 and 0.1, as in BERT.
        tree_share: of programs that are read as trees, 0.5 in the paper.
        temperature: t; 0.05 as in SimCSE (arXiv 2104.08821).
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        masking: Masking = DynamicMasking(0.15),
        corruption: SpanCorruption = SpanCorruption(0.15, 5.0),
        *,
        mask_share: float = 0.8,
        random_share: float = 0.1,
        tree_share: float = 0.5,
        temperature: float = 0.05,
    ):
        super().__init__()
        if temperature <= 0 or not 0 <= tree_share <= 1:
            raise ValueError(f"temperature={temperature} must be above 0 and tree_share={tree_share} between 0 and 1")
        self.encoder, self.head, self.masking, self.corruption = encoder, head, masking, corruption
        self.mask_share, self.random_share = mask_share, random_share
        self.tree_share, self.temperature = tree_share, temperature

    def loss(self, batch: CodeBatch) -> Losses:
        programs = self.programs(batch)
        inputs = joined(batch, programs)
        read = [*self.language(batch, inputs), *self.generation(batch, programs)]
        views = 2 * inputs.tokens.split(inputs.lengths)
        tokens = [*(s.tokens for s in read), *views]
        lengths = tuple(len(x) for x in tokens)
        prefix = (*(s.prefix for s in read), *(len(x) for x in views))
        encoded = self.encoder(TextBatch(torch.cat(tokens), lengths, inputs.vocab, prefix=prefix))

        targets = torch.cat([s.targets for s in read])
        units = encoded.units[: len(targets)]
        task = torch.tensor([TASKS.index(s.task) for s in read]).repeat_interleave(torch.tensor(lengths[: len(read)]))
        task = task.to(targets.device).masked_fill(targets < 0, -1)  # of each unit that predicts
        terms = {}
        for number, name in enumerate(TASKS):
            asked = task == number
            terms[name] = Term(self.head.cross_entropy(units[asked], targets[asked], self.encoder), asked.sum())
        first, second = encoded.pooled[len(read) :].chunk(2)  # (B, D)
        return terms | {"contrastive": Term(len(first) * info_nce(first, second, self.temperature), len(first))}

    def programs(self, batch: CodeBatch) -> TextBatch:
        """Each program as its flattened tree or as its code, without special tokens."""
        vocab = with_nodes(batch.vocab, batch.node_types)
        if (rows := len(self.encoder.token_table())) < vocab.size:
            raise ValueError(f"the encoder's vocab_size={rows} must be {vocab.size} or more: {batch.vocab.size} of the"
                             f" tokenizer, 2 modes, and 2 for each of {batch.node_types} types of nodes")  # fmt: skip
        trees, code = flat_trees(batch), plain_programs(batch)
        chance = torch.rand(batch.num_examples, device=self.device, generator=self.generator).tolist()
        as_tree = [x < self.tree_share and n > 0 for x, n in zip(chance, trees.lengths, strict=True)]
        return replace(pick([(trees if tree else code, b) for b, tree in enumerate(as_tree)]), vocab=vocab)

    def language(self, batch: CodeBatch, inputs: TextBatch) -> list[Sequence]:
        """One of the first three tasks for each program, in the order of the tasks."""
        order = torch.rand(batch.num_examples, device=self.device, generator=self.generator).argsort().tolist()
        masked = self.masking(inputs, self.generator)  # (U,) bool
        hidden = replace_masked(inputs, masked, self.mask_share, self.random_share, self.generator).split(inputs.lengths)
        asked = torch.where(masked, inputs.tokens, -1).split(inputs.lengths)
        read = [Sequence("mlm", hidden[b], asked[b], len(hidden[b])) for b in order[::3]]

        clean = inputs.tokens.split(inputs.lengths)
        for b in order[1::3]:
            x = torch.cat([mode(batch, 0), clean[b][1:]])
            read.append(Sequence("ulm", x, F.pad(x[1:], (0, 1), value=-1), 0))

        source, target = self.corruption(inputs, self.generator)
        sources, targets = source.tokens.split(source.lengths), target.tokens.split(target.lengths)
        return read + [written("denoising", batch, sources[b][1:], targets[b]) for b in order[2::3]]

    def generation(self, batch: CodeBatch, programs: TextBatch) -> list[Sequence]:
        """The description from the program, or the other way, where there is a description."""
        docs = description(batch)
        end = batch.tokens.new_full((1,), batch.vocab.need("eos"))
        there = torch.rand(batch.num_examples, device=self.device, generator=self.generator).lt(0.5).tolist()
        pairs = zip(docs.tokens.split(docs.lengths), programs.tokens.split(programs.lengths), there, strict=True)
        return [written("generation", batch, *((program, doc) if to_doc else (doc[:-1], torch.cat([program, end]))))
                for doc, program, to_doc in pairs if len(doc) > 1 and len(program)]  # fmt: skip


def joined(batch: CodeBatch, programs: TextBatch) -> TextBatch:
    """[CLS] description [SEP] program [SEP] of each example, or [CLS] program [SEP]."""
    cls, sep = (batch.tokens.new_full((1,), batch.vocab.need(name)) for name in ("cls", "sep"))
    docs = description(batch)
    pairs = zip(docs.tokens.split(docs.lengths), programs.tokens.split(programs.lengths), strict=True)
    each = [torch.cat([cls, *((doc[:-1], sep) if len(doc) > 1 else ()), program, sep]) for doc, program in pairs]
    return TextBatch(torch.cat(each), tuple(len(x) for x in each), programs.vocab)


def mode(batch: CodeBatch, number: int) -> Tensor:
    """(1,) the id of [Dec] (0) or [E2D] (1)."""
    return batch.tokens.new_full((1,), batch.vocab.size + number)


def written(task: str, batch: CodeBatch, source: Tensor, target: Tensor) -> Sequence:
    """[E2D] source target, of which the target is predicted; the last unit of the source predicts its first token."""
    source = torch.cat([mode(batch, 1), source])
    targets = torch.cat([torch.full_like(source[1:], -1), target])
    return Sequence(task, torch.cat([source, target[:-1]]), targets, len(source))
