"""The slot that names what an image shows by a grid of integers."""

from abc import abstractmethod
from typing import Self

from torch import Tensor

from lit_pretrain.part import Part


class VisualTokenizer(Part):
    """Images (B, C, H, W) -> visual tokens (B, N), one for each square of `stride` x `stride` pixels, row by row.

    It is frozen: objectives take targets from it. It stays in evaluation mode, and its parameters get no gradient.

    Attributes:
        vocab_size: number of different tokens.
        stride: side of the square of pixels that a token stands for.
    """

    vocab_size: int
    stride: int

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    @abstractmethod
    def encode_tokens(self, images: Tensor) -> Tensor:
        """(B, N) int64, for images that are normalised as those the tokenizer was made with."""
