"""How representations lie in their space, whatever they stand for. All is computed in fp32 or wider.

Legend: N rows, D width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def effective_rank(features: Tensor) -> float:
    """exp(entropy of the normalised singular values) of centred features (N, D) (Roy and Vetterli, 2007).

    In how many directions rows differ, from 1 to min(N - 1, D). 0: all rows are equal.
    """
    features = features.float()
    centred = features - features.mean(0)
    values = torch.linalg.svdvals(centred)
    if values.sum() <= 1e-6 * features.norm():
        return 0.0
    return float(torch.special.entr(values / values.sum()).sum().exp())


def rankme(features: Tensor) -> float:
    """RankMe (arXiv 2210.02885): the same of features (N, D) that are not centred, from 1 to min(N, D). 0: all rows are 0.

    So a long direction that all rows share makes it low. As in the paper, 1e-7 is added to each share.
    """
    values = torch.linalg.svdvals(features.float())
    if not values.any():
        return 0.0
    return float(torch.special.entr(values / values.sum() + 1e-7).sum().exp())


def alignment(x: Tensor, y: Tensor, alpha: float = 2.0) -> float:
    """Mean of |x - y|^alpha over pairs that belong together, of rows (N, D) of length 1 (arXiv 2005.10242).

    0: both of each pair are equal; with alpha = 2, 2 is what pairs at right angles have.
    """
    x, y = F.normalize(x.float(), dim=1), F.normalize(y.float(), dim=1)
    return float((x - y).norm(dim=1).pow(alpha).mean())


def uniformity(features: Tensor, t: float = 2.0) -> float:
    """log of the mean over all pairs of exp(-t |x - y|²), of at least two rows (N, D) of length 1 (arXiv 2005.10242).

    0: all rows are equal; with t = 2, -4 is what rows at right angles have.
    """
    distances = F.pdist(F.normalize(features.float(), dim=1))
    return float((-t * distances.square()).exp().mean().log())


def mean_cosine(features: Tensor) -> float:
    """Of all pairs of two different rows of (N, D) (arXiv 1909.00512). 0: they point everywhere; 1: all in one direction."""
    total = F.normalize(features.double(), dim=1).sum(0).square().sum()
    n = len(features)
    return float((total - n) / (n * (n - 1)))


def partition_isotropy(features: Tensor) -> float:
    """min Z(c) / max Z(c), where Z(c) = sum over rows x of exp(c · x) and c are the eigenvectors of the second moment of
    (N, D), in both their directions (arXiv 1702.01417). 1: the rows favour no direction; near 0: some lie far in one.

    It is measured on rows divided by their mean length, so that it does not depend on their scale.
    """
    x = features.double() / features.double().norm(dim=1).mean().clamp(min=1e-12)
    along = x @ torch.linalg.eigh(x.T @ x).eigenvectors  # (N, D)
    z = torch.cat([along, -along], 1).logsumexp(0)
    return float((z.min() - z.max()).exp())
