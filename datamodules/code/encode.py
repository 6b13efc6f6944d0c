"""Parsed programs as token ids with their annotations. Legend: K tokens of a program, T its leaves."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import chain, pairwise

import numpy as np

from lit_pretrain.datamodules.code.parse.parsed import Parsed
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.types.code import Kind

KNOWN = 500_000  # pieces whose ids are remembered: most leaves are seen again and again
LONG = 64  # characters; longer pieces are hardly seen again


@dataclass(frozen=True)
class Encoded:
    """A program as numbers; the K tokens are those of its description, then those of its code.

    Args:
        ids, widths: (K,) ids, and the UTF-8 bytes that each stands for.
        kind, leaf, name: (K,) see `CodeBatch`.
        tree, variables: see `CodeBatch`.
        flow: (2 E,) pairs of numbers of `variables`, one after the other.
        target: ids of what is to be produced.
        doc: how many of the tokens are the description's.
    """

    ids: np.ndarray
    widths: np.ndarray
    kind: np.ndarray
    leaf: np.ndarray
    name: np.ndarray
    tree: np.ndarray
    variables: np.ndarray
    flow: np.ndarray
    target: np.ndarray
    doc: int


COLUMNS = tuple(f.name for f in fields(Encoded) if f.name != "doc")


class Encoder:
    """Encodes each leaf of a program by itself, together with the white space before it.

    So no token reaches over the border of two leaves, and the ids of a program, one after the other, decode to its text
    (with a tokenizer that keeps all of a text, as those over bytes do).
    """

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.known: dict[str, tuple[list[int], list[int]]] = {}

    def encode(self, programs: list[tuple[Parsed, str]]) -> list[Encoded]:
        """Of each program with its target."""
        cut = [pieces(parsed) for parsed, _ in programs]
        self._learn(chain.from_iterable(cut))
        whole = self.tokenizer.encode([text for parsed, target in programs for text in (parsed.doc, target)])
        return [
            self._one(parsed, own, whole[2 * i], whole[2 * i + 1][0])
            for i, ((parsed, _), own) in enumerate(zip(programs, cut, strict=True))
        ]

    def _learn(self, found: Iterable[str]) -> None:
        if len(self.known) > KNOWN:
            self.known.clear()
        new = list(dict.fromkeys(piece for piece in found if len(piece) <= LONG and piece not in self.known))
        self.known.update(zip(new, self.tokenizer.encode(new), strict=True))

    def _one(self, parsed: Parsed, own: list[str], doc: tuple[list[int], list[int]], target: list[int]) -> Encoded:
        encoded = [self.known.get(piece) or self.tokenizer.encode([piece])[0] for piece in own]
        counts = np.array([len(ids) for ids, _ in encoded], np.int64)
        leaves, num_docs = len(parsed.kinds), len(doc[0])
        outside = len(own) - leaves  # white space at the end, or all of a program without leaves
        kinds = np.concatenate([parsed.kinds, np.full(outside, Kind.OTHER, np.uint8)])
        names: dict[str, int] = {}
        name = [names.setdefault(piece.strip(), len(names)) if kind == Kind.IDENTIFIER else -1
                for piece, kind in zip(own, kinds.tolist(), strict=True)]  # fmt: skip
        leaf = np.concatenate([np.arange(leaves, dtype=np.int32), np.full(outside, -1, np.int32)])
        of_docs = np.full(num_docs, -1, np.int32)
        return Encoded(
            ids=np.array([*doc[0], *chain.from_iterable(ids for ids, _ in encoded)], np.int64),
            widths=np.array([*doc[1], *chain.from_iterable(widths for _, widths in encoded)], np.int64),
            kind=np.concatenate([np.full(num_docs, Kind.DOC, np.uint8), np.repeat(kinds, counts)]),
            leaf=np.concatenate([of_docs, np.repeat(leaf, counts)]),
            name=np.concatenate([of_docs, np.repeat(np.array(name, np.int32), counts)]),
            tree=parsed.tree,
            variables=parsed.variables,
            flow=parsed.flow.ravel(),
            target=np.array(target, np.int64),
            doc=num_docs,
        )


def pieces(parsed: Parsed) -> list[str]:
    """The code cut after each of its leaves; what comes after the last is one piece more."""
    code = parsed.code.encode()
    cuts = [0, *parsed.spans[:, 1].tolist()]
    found = [code[a:b].decode() for a, b in pairwise(cuts)]
    return [*found, code[cuts[-1] :].decode()] if cuts[-1] < len(code) else found
