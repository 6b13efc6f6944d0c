"""Noise on some examples, as TERA does. Legend: B examples, U frames, F width."""

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import Layout


class MagnitudeAlteration(Recorded):
    """Some examples get independent Gaussian noise on every number (TERA, arXiv 2007.06028).

    Args:
        probability: that an example gets it.
        std: of the noise; 0.2 as in the published code, for features with a deviation of 1.
    """

    def __init__(self, probability: float = 0.15, std: float = 0.2):
        if not 0 < probability <= 1 or std <= 0:
            raise ValueError(f"probability={probability} must be above 0 and at most 1, and std={std} above 0")
        self.probability, self.std = probability, std

    def __call__(self, features: Tensor, layout: Layout, generator: torch.Generator) -> Tensor:
        """(U, F) -> (U, F), a copy."""
        noisy = torch.rand(layout.num_examples, 1, generator=generator, device=layout.device) < self.probability
        noise = torch.randn(features.shape, generator=generator, device=features.device, dtype=features.dtype)
        return features + self.std * noise * noisy[layout.example]
