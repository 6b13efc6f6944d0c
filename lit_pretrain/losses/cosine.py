"""Agreement of predictions with targets. Legend: B examples, D width."""

import torch.nn.functional as F
from torch import Tensor


def disagreement(predicted: Tensor, target: Tensor) -> Tensor:
    """1 - cos(predicted, target), the mean over examples in fp32; no gradient reaches the target.

    Args:
        predicted, target: (B, D).
    """
    return 1 - F.cosine_similarity(predicted.float(), target.detach().float(), dim=1).mean()
