"""Visual tokens without a trained tokenizer: the nearest of some typical patches.

Legend: B images, C channels, P side of a patch, N patches of an image, M = B N, V tokens.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.nn.tokenizer.base import VisualTokenizer


class PatchKMeans(VisualTokenizer):
    """The number of the nearest of V mean patches, by plain distance of pixels.

    The mean patches are those of k-means over the first batch that arrives, and stay as they are from then on: no other run
    and no download is needed. They know edges and shades, but no content, which tokens of a trained autoencoder (`VQGAN`)
    do to some degree.

    Args:
        vocab_size: V; the first batch should have many more patches.
        patch_size: P.
        iterations: of k-means, after k-means++.
    """

    def __init__(self, vocab_size: int = 256, patch_size: int = 16, channels: int = 3, iterations: int = 20):
        super().__init__()
        self.vocab_size, self.stride, self.iterations = vocab_size, patch_size, iterations
        self.register_buffer("codebook", torch.zeros(vocab_size, channels * patch_size**2))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))
        self._ready = False  # known on the host, so that only the first batch waits for the device

    @torch.no_grad()
    def encode_tokens(self, images: Tensor) -> Tensor:
        patches = F.unfold(images.float(), self.stride, stride=self.stride).mT  # (B, N, C P P)
        with torch.autocast(images.device.type, enabled=False):  # small differences count
            if not self._ready and not self.fitted:
                self.fit(patches.flatten(0, 1))
            self._ready = True
            return nearest(patches.flatten(0, 1), self.codebook).unflatten(0, patches.shape[:2])

    @torch.no_grad()
    def fit(self, patches: Tensor) -> None:
        """k-means over (M, C P P), the same on all ranks."""
        centres = patches[torch.randint(len(patches), (1,), device=patches.device)]
        distance = (patches - centres).square().sum(1)  # (M,) to the nearest so far
        for _ in range(self.vocab_size - 1):  # k-means++: far patches are likely to be the next
            chosen = patches[torch.multinomial(distance + 1e-12, 1)]
            centres = torch.cat([centres, chosen])
            distance = torch.minimum(distance, (patches - chosen).square().sum(1))
        for _ in range(self.iterations):
            token = nearest(patches, centres)
            counts = torch.bincount(token, minlength=self.vocab_size)[:, None]
            means = torch.zeros_like(centres).index_add_(0, token, patches) / counts.clamp(min=1)
            centres = torch.where(counts > 0, means, centres)
        self.codebook.copy_(centres)
        self.fitted.fill_(True)
        if dist.is_available() and dist.is_initialized():
            dist.broadcast(self.codebook, 0)


def nearest(x: Tensor, codebook: Tensor) -> Tensor:
    """(M,) int64: the row of (V, D) that is nearest to each of (M, D)."""
    return (codebook.square().sum(1) - 2 * x @ codebook.T).argmin(1)
