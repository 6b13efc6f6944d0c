"""Bytes as tokens: no file, no training (ByT5, arXiv 2105.13626)."""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from lit_pretrain.datamodules.text.tokenizer.base import Template, Tokenizer
from lit_pretrain.types import Vocabulary

OFFSET = 3  # 0 padding, 1 end, 2 unknown, then the 256 bytes, then the sentinels
SENTINELS = 125


class Bytes(Tokenizer):
    """UTF-8 bytes in the layout of ByT5's ids; 384 in all.

    The last four sentinels, which ByT5 hardly meets, also serve as [MASK], [CLS], [SEP] and [BOS], so that the other
    objectives run on bytes too. A byte starts a word if it is white space, so a word is a space and what follows.
    """

    def __init__(self, template: Template = "seq2seq"):
        super().__init__(template)

    def prepare(self, texts: Callable[[], Iterable[str]], fingerprint: str, cache: Path) -> None:
        pass  # bytes need no training

    def encode(self, texts: list[str]) -> list[tuple[list[int], list[int]]]:
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        return [([b + OFFSET for b in data], [1] * len(data)) for data in encoded]

    def decode(self, ids: list[int]) -> str:
        return bytes(i - OFFSET for i in ids if OFFSET <= i < OFFSET + 256).decode("utf-8", "replace")

    @property
    def vocabulary(self) -> Vocabulary:
        size = OFFSET + 256 + SENTINELS
        special = torch.ones(size, dtype=torch.bool)
        special[OFFSET : OFFSET + 256] = False
        starts_word = torch.zeros(size, dtype=torch.bool)
        starts_word[[OFFSET + b for b in b" \t\r\n"]] = True
        # ByT5 counts its sentinels downwards from the last id.
        sentinels = tuple(range(size - 1, OFFSET + 256 + 3, -1))
        first = OFFSET + 256
        return Vocabulary(size, special, starts_word, pad=0, eos=1, mask=first, cls=first + 1, sep=first + 2,
                          bos=first + 3, sentinels=sentinels)  # fmt: skip

    def artifacts(self) -> dict[str, str]:
        return {"tokenizer_config.json": '{"tokenizer_class": "ByT5Tokenizer", "extra_ids": 125}\n'}

    def identity(self) -> str:
        return "bytes"
