"""Are classes there before anyone names them? Clusters of features, compared with labels.

Legend: N examples, D width of the features, C classes, K clusters.
"""

from collections.abc import Iterator
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe, check


class ClusterProbe(Probe):
    """k-means of the training features, without their labels; examples that are scored join the nearest centre.

    `accuracy`: the share of examples in the right cluster, where clusters and classes are paired one to one so that it is
    highest (Hungarian matching, on the scored examples); clusters beyond the number of classes are always wrong.
    `nmi`: mutual information of clusters and labels, over the mean of their entropies; `ari`: the adjusted Rand index, the
    share of pairs that both put together or both apart, 0 for clusters drawn at random.

    Args:
        clusters: K; None: as many as classes.
        normalise: each row to length 1 first, so that clusters are those of directions.
        starts: of k-means, of which the tightest clusters are taken.
        seed: of k-means, which draws from a generator of its own.
    """

    main = "nmi"

    def __init__(self, clusters: int | None = None, normalise: bool = False, starts: int = 10, seed: int = 0):
        if (clusters is not None and clusters < 1) or starts < 1:
            raise ValueError(f"clusters={clusters}, starts={starts}: give at least one")
        self.clusters, self.normalise, self.starts, self.seed = clusters, normalise, starts, seed

    def fit(self, features: Tensor, labels: Tensor, validation: Labelled | None = None) -> Self:
        from sklearn.cluster import KMeans

        check(features, labels)
        self.selected = {}
        self.classes = labels.unique()
        count = self.clusters or len(self.classes)
        if count > len(features):
            raise ValueError(f"clusters={count}: {len(features)} training examples cannot fill them")
        means = KMeans(count, n_init=self.starts, random_state=self.seed)
        means.fit(self._prepared(features).cpu().numpy())
        self.centres = torch.from_numpy(means.cluster_centers_)  # (K, D)
        return self

    def assign(self, features: Tensor) -> Tensor:
        """(N,) int64 cluster of each row."""
        return torch.cdist(self._prepared(features), self.centres.to(features.device)).argmin(1)

    def score(self, features: Tensor, labels: Tensor) -> Iterator[tuple[str, float]]:
        from scipy.optimize import linear_sum_assignment
        from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

        check(features, labels)
        found, known = self.assign(features).cpu().numpy(), labels.cpu().numpy()
        table = self.table(features, labels).numpy()
        yield "nmi", float(normalized_mutual_info_score(known, found))
        yield "ari", float(adjusted_rand_score(known, found))
        yield "accuracy", float(table[linear_sum_assignment(table, maximize=True)].sum() / len(known))

    def table(self, features: Tensor, labels: Tensor) -> Tensor:
        """(C, K) int64: examples of each class, of those that occur in training or here, in each cluster; on the host."""
        classes, rows = torch.cat([self.classes, labels]).unique(return_inverse=True)
        rows = rows[len(self.classes) :]
        cells = rows * len(self.centres) + self.assign(features)
        return cells.bincount(minlength=len(classes) * len(self.centres)).unflatten(0, (-1, len(self.centres))).cpu()

    def _prepared(self, features: Tensor) -> Tensor:
        return F.normalize(features.float(), dim=1) if self.normalise else features.float()
