"""Bytes as tokens: no file, no training (ByT5, arXiv 2105.13626)."""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from lit_pretrain.datamodules.text.tokenizer.base import WHITE, Template, Tokenizer
from lit_pretrain.types import Vocabulary

OFFSET = 3  # 0 padding, 1 end, 2 unknown, then the 256 bytes, then the sentinels
SENTINELS = 125


class Bytes(Tokenizer):
    """UTF-8 bytes in the layout of transformers' ByT5Tokenizer; 384 ids in all.

    The last four of its 125 sentinels serve as [MASK], [CLS], [SEP] and [BOS], so that the other objectives run on
    bytes too. (ByT5 itself was pretrained without separate sentinels: it counts down from id 258, bytes that no UTF-8
    holds.) A byte starts a word if it is white space, so a word is a space and what follows.

    Args:
        template: which special tokens surround a piece of text.
    """

    def __init__(self, template: Template = "seq2seq"):
        super().__init__(template)

    def prepare(self, texts: Callable[[], Iterable[str]], fingerprint: Callable[[], str], cache: Path) -> None:
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
        starts_word[[OFFSET + b for b in WHITE]] = True
        mask, cls, sep, bos = range(size - 4, size)
        return Vocabulary(size, special, starts_word, pad=0, eos=1, mask=mask, cls=cls, sep=sep, bos=bos,
                          sentinels=tuple(range(OFFSET + 256, size - 4)))  # fmt: skip

    def artifacts(self) -> dict[str, str]:
        return {"tokenizer_config.json": '{"tokenizer_class": "ByT5Tokenizer", "extra_ids": 125}\n'}

    def restore(self, artifacts: dict[str, str]) -> None:
        pass  # there is one only

    def identity(self) -> str:
        return "bytes 2"  # changes with the layout above
