"""Visual tokens of hidden patches.

Legend: B images, N patches of an image, U units of all images end to end ([CLS] included), M hidden patches, D width,
V visual tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.blockwise import Blockwise
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.tokenizer.base import VisualTokenizer
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Layout, Losses, Term


class BEiT(PretrainModule):
    """BEiT (arXiv 2106.08254): BERT's task on images, with discrete tokens of a tokenizer in the place of pixels.

    Blocks of patches are replaced by a learned vector. At their places the encoder, which sees whole images otherwise, must
    tell the token that a frozen tokenizer gives to the untouched patch:

        loss = -mean over hidden patches of log p(token | image with hidden patches)

    Logged beside it: how often the most likely token is right, and how often the batch's most frequent one would be.
    Tokenizer and head are left behind. Base setting: BEiT-base/16 on 224 x 224 pixels, 8192 tokens of DALL-E's tokenizer
    (which is made for images half as large, so it gets them so), 40 % hidden in blocks. Here tokenizers are `PatchKMeans`,
    which needs no other run, and `TokenizerFromCheckpoint`, which takes that of a `VQGAN` run.

    Args:
        encoder: of patches, with a vector for masked units.
        tokenizer: gets the images at the size that gives a token for each patch.
        head: units (M, D) -> logits (M, V), such as `LinearHead`, or `NormedLinearHead` where the encoder has no last norm.
        masking: which patches are hidden.
    """

    def __init__(self, encoder: Encoder, tokenizer: VisualTokenizer, head: Head, masking: Blockwise = Blockwise()):
        super().__init__()
        self.encoder, self.head, self.masking = encoder, head, masking
        self.tokenizer = tokenizer.requires_grad_(False).eval()

    def loss(self, batch: ImageBatch) -> Losses:
        layout = self.encoder.layout(batch)
        hidden = self.masking(layout, self.generator)  # (U,) bool
        targets = self.targets(batch, layout)[hidden]  # (M,)
        logits = self.head(self.encoder(batch, mask=hidden).units[hidden], self.encoder).float()  # (M, V)
        if logits.shape[1] != self.tokenizer.vocab_size:
            raise ValueError(f"the head's vocab_size={logits.shape[1]} differs from the tokenizer's"
                             f" {self.tokenizer.vocab_size}")  # fmt: skip
        nll = F.cross_entropy(logits, targets, reduction="sum")  # softmax in fp32
        right, most = (logits.argmax(1) == targets).sum(), torch.bincount(targets).max()
        return {
            "beit": Term(nll, len(targets)),
            "accuracy": Term(right, len(targets), weight=0.0),
            "majority": Term(most, len(targets), weight=0.0),
        }

    def targets(self, batch: ImageBatch, layout: Layout) -> Tensor:
        """(U,) int64: the visual token of each patch; 0 for leading units."""
        images, sides = batch.images, [n * self.tokenizer.stride for n in layout.grid]
        if list(images.shape[2:]) != sides:
            images = F.interpolate(images.float(), sides, mode="bicubic", antialias=True)
        tokens = self.tokenizer.encode_tokens(images)  # (B, N)
        return F.pad(tokens, (layout.leading, 0)).flatten()
