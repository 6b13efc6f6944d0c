"""How much the clusters of a representation tell about labels.

Legend: N rows, D width.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from lit_pretrain.probes.base import check

ROWS = 10  # that a cluster has on average, at least


class MutualInformation(NamedTuple):
    """Between labels and cluster numbers.

    Args:
        nats: from 0 to the entropy of the labels.
        share: of the entropy of the labels, from 0 to 1; 0 where all labels are alike.
    """

    nats: float
    share: float


def mutual_information(
    features: Tensor, labels: Tensor, fitted_on: Tensor | None = None, clusters: int = 500, seed: int = 0
) -> MutualInformation:
    """I(labels; nearest cluster) where mini-batch k-means made the clusters, as in arXiv 2107.04734.

    Few rows make it too high, by about (clusters - 1) · (classes - 1) / 2N nats.

    Args:
        features: (N, D).
        labels: (N,) int64.
        fitted_on: (M, D) what is clustered; None: the features.
        clusters: the most that are made, of at least 10 rows on average.
        seed: of k-means, which draws from a generator of its own.

    Raises:
        ValueError: labels are not one class each, or features are not finite.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.metrics import mutual_info_score

    if clusters < 1:
        raise ValueError(f"clusters={clusters}: make at least one")
    check(features, labels)
    ground = features if fitted_on is None else fitted_on
    count = max(1, min(clusters, len(ground) // ROWS))
    means = MiniBatchKMeans(count, batch_size=max(1024, 3 * count), n_init=3, random_state=seed)
    means.fit(ground.float().cpu().numpy())
    found, known = means.predict(features.float().cpu().numpy()), labels.cpu().numpy()
    nats, entropy = float(mutual_info_score(known, found)), float(mutual_info_score(known, known))
    return MutualInformation(max(nats, 0.0), float(np.clip(nats / entropy, 0, 1)) if entropy > 0 else 0.0)
