"""What our trained tokenizers and those of `transformers` share: both run on the `tokenizers` library."""

from itertools import accumulate
from pathlib import Path

import tokenizers
import torch
from tokenizers import models
from torch import Tensor

from lit_pretrain.datamodules.files import json_object
from lit_pretrain.datamodules.text.tokenizer.base import WHITE

MOST = 2**24  # ids; the library makes room for all up to the largest
# How a token begins that begins a word: byte-level alphabets write a white byte b as chr(256 + b), SentencePiece "▁".
MARKS = (*(chr(256 + b) for b in WHITE), "▁")


def check_ids(path: Path) -> None:
    """
    Raises:
        ValueError: a `tokenizer.json` is damaged, or has an id for which the library asks for more memory than there is,
            which ends the process.
    """
    held = json_object(path, "model")
    vocab = held["model"].get("vocab") if isinstance(held["model"], dict) else None
    ids = [*(vocab.values() if isinstance(vocab, dict) else ()), *(token["id"] for token in held.get("added_tokens") or ())]
    if largest := [i for i in ids if isinstance(i, int) and i >= MOST]:
        raise ValueError(f"{path} has the id {largest[0]}, and ids end before {MOST:,}")


def encode(made: tokenizers.Tokenizer, texts: list[str]) -> list[tuple[list[int], list[int]]]:
    """Of each text, its ids without special tokens, and the UTF-8 bytes that each stands for."""
    made.encode_special_tokens = True  # a "[MASK]" that stands in a text is text; not kept when pickled, so set here
    encoded = made.encode_batch(texts, add_special_tokens=False)
    return [(e.ids, widths(text, e.offsets)) for text, e in zip(texts, encoded, strict=True)]


def widths(text: str, offsets: list[tuple[int, int]]) -> list[int]:
    """UTF-8 bytes of each token, so that they add up to the text's.

    Offsets count characters; they overlap where a character is cut, and leave out what a normaliser drops, which then
    counts to the next token, at the end of the text to the last.
    """
    if not offsets:
        return []
    starts = [0, *accumulate(len(c.encode()) for c in text)] if not text.isascii() else range(len(text) + 1)
    ends = [*accumulate((starts[end] for _, end in offsets[:-1]), max), starts[-1]]
    return [b - a for a, b in zip([0, *ends], ends, strict=False)]


def word_starts(made: tokenizers.Tokenizer, size: int) -> Tensor:
    """(V,) bool, true at tokens that begin a word: without ## in WordPiece, else with white space in front."""
    tokens = [made.id_to_token(i) or "" for i in range(size)]
    if isinstance(made.model, models.WordPiece):
        continued = made.model.continuing_subword_prefix
        return torch.tensor([not token.startswith(continued) for token in tokens])
    return torch.tensor([token.startswith(MARKS) for token in tokens])
