"""An encoder-decoder that knows which tokens of a program are identifiers.

Legend: B programs, U tokens of all programs end to end, N tokens that the decoder writes, D width, V vocabulary.
"""

from dataclasses import replace
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.code.identifiers import hide_identifiers
from lit_pretrain.corruptions.code.modalities import code, description, has
from lit_pretrain.corruptions.spans import SpanCorruption
from lit_pretrain.corruptions.writing import first_units, pick
from lit_pretrain.nn.embedding.share import share_embedding
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.head.binary import BinaryHead
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import CodeBatch, Encoded, Encoder, Kind, Layout, Losses, Term, TextBatch

Example = tuple[TextBatch, int]  # an example of a batch, by its number


class CodeT5(PretrainModule):
    """CodeT5 (arXiv 2109.00859): four tasks, of which three need to know the identifiers or the description.

        masked spans        description and code with spans cut out -> the spans, as in T5
        masked identifiers  code without identifiers, each marked by its sentinel -> sentinels and names
        tagging             code -> is this token part of an identifier? by the encoder, for each token of code
        dual generation     <0> description -> code, and <1> code -> description; <0> and <1> are the last two sentinels

        loss = -mean over N of log p(y_i | y_<i, input) + mean over tokens of code of BCE(score_i, [identifier])

    A third of the programs each has one of the first three tasks, until `dual_from` of the training is done; from then on
    all programs with a description have the last, in both directions. In the paper a whole batch has one task, spans keep
    to word borders, and the marks name the languages. Programs that could not be parsed have masked spans.
    Encoder and decoder share their embedding; the encoder is kept.

    Args:
        encoder: bidirectional.
        decoder: causal, with cross attention; as deep as the encoder in the paper (12 blocks in CodeT5-base).
        head: units (N, D) -> logits (N, V).
        tagger: units (U, D) -> scores (U,).
        corruption: which spans are cut out; 15 % of the tokens, 3 a span on average.
        dual_from: 2/3 in the paper, which trains for 100 epochs on the first tasks and for 50 on the last.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Encoder,
        head: Head,
        tagger: BinaryHead,
        corruption: SpanCorruption = SpanCorruption(0.15, 3.0),
        *,
        dual_from: float = 2 / 3,
    ):
        super().__init__()
        if not 0 <= dual_from <= 1:
            raise ValueError(f"dual_from={dual_from} must be a share of the training, between 0 and 1")
        self.encoder, self.decoder, self.head, self.tagger = encoder, decoder, head, tagger
        self.corruption, self.dual_from = corruption, dual_from
        share_embedding(encoder, decoder)

    def loss(self, batch: CodeBatch) -> Losses:
        tasks = self.tasks(batch)
        pairs = self.pairs(batch, tasks)
        inputs, targets = zip(*(pair for of_task in pairs.values() for pair in of_task), strict=True)
        target = pick(targets)
        encoded = self.encoder(pick([*inputs, *((batch, b) for b in tasks["tagging"])]))
        lengths = iter(target.lengths)
        counts = [sum(islice(lengths, len(of_task))) for of_task in pairs.values()]  # tokens of each task
        units, tokens = self.decode(encoded, target).split(counts), target.tokens.split(counts)
        nll = [self.head.cross_entropy(x, y, self.encoder) for x, y in zip(units, tokens, strict=True)]
        terms = {"codet5": Term(sum(nll), sum(counts)), "tagging": self.tag(encoded, batch, tasks["tagging"])}
        return terms | {name: Term(x.detach(), n, 0.0) for name, x, n in zip(pairs, nll, counts, strict=True)}

    def tasks(self, batch: CodeBatch) -> dict[str, list[int]]:
        """The programs that have each task."""
        order = torch.rand(batch.num_examples, device=self.device, generator=self.generator).argsort().tolist()
        dual: set[int] = set()
        if self.progress >= self.dual_from:
            both = zip(has(batch, batch.is_doc), has(batch, batch.is_code), strict=True)
            dual = {b for b, (doc, code) in enumerate(both) if doc and code}
        parsed = has(batch, batch.name >= 0)
        known = [b for b in order if parsed[b] and b not in dual]
        unknown = [b for b in order if not parsed[b] and b not in dual]
        return {"masked_spans": known[::3] + unknown, "masked_identifiers": known[1::3], "tagging": known[2::3],
                "dual_generation": sorted(dual)}  # fmt: skip

    def pairs(self, batch: CodeBatch, tasks: dict[str, list[int]]) -> dict[str, list[tuple[Example, Example]]]:
        """The inputs of each task in which the decoder writes, and what it shall write."""
        if len(batch.vocab.sentinels) < 3:
            raise ValueError("CodeT5 needs sentinel tokens; give the tokenizer num_sentinels of 3 or more")
        *sentinels, to_code, to_description = batch.vocab.sentinels
        vocab = replace(batch.vocab, sentinels=tuple(sentinels))
        changed = {
            "masked_spans": [self.corruption(TextBatch(batch.tokens, batch.lengths, vocab), self.generator)],
            "masked_identifiers": [hide_identifiers(replace(batch, vocab=vocab))],
            "dual_generation": [
                (description(batch, to_code), code(batch)),
                (code(batch, to_description), description(batch)),
            ],
        }
        return {task: [((source, b), (target, b)) for source, target in both for b in tasks[task]]
                for task, both in changed.items()}  # fmt: skip

    def decode(self, encoded: Encoded, target: TextBatch) -> Tensor:
        """(N, D), from which the target's tokens are told: of the first examples of `encoded`, teacher-forced."""
        layout = Layout(encoded.layout.lengths[: target.num_examples], target.tokens.device)
        source = Encoded(encoded.pooled[: target.num_examples], encoded.units[: layout.num_units], layout)
        before = target.tokens.roll(1).masked_fill(first_units(target), target.vocab.need("pad"))  # T5 starts with it
        return self.decoder(replace(target, tokens=before), source=source).units

    def tag(self, encoded: Encoded, batch: CodeBatch, examples: list[int]) -> Term:
        """Whether tokens of code are parts of identifiers, for the last examples of `encoded`, which are `examples`."""
        kinds = batch.kind.split(batch.lengths)
        kind = torch.cat([batch.kind[:0], *(kinds[b] for b in examples)])
        units = encoded.units[len(encoded.units) - len(kind) :]
        is_code = kind >= Kind.IDENTIFIER
        scores = self.tagger(units[is_code]).float()
        bce = F.binary_cross_entropy_with_logits(scores, (kind[is_code] == Kind.IDENTIFIER).float(), reduction="sum")
        return Term(bce, len(scores))
