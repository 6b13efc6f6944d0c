"""Discrete units of a data set, made in steps that survive being cut.

Legend: N examples of a split, U units of a batch, F width of their vectors, V clusters, M vectors that k-means sees.
"""

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from sklearn.cluster import MiniBatchKMeans

from lit_pretrain.config.run_folder import flat
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.downstream.piecewise import Arrays, collect, write
from lit_pretrain.downstream.unit_features import UnitFeatures
from lit_pretrain.nn.quantizer.kmeans import nearest
from lit_pretrain.part import spec
from lit_pretrain.types import Batch


class UnitMaker:
    """k-means over the training split, then the nearest mean of every unit of every split.

    The folder gets `kmeans.safetensors` (`means` (V, F)), `units-SPLIT.npz` (`ids` int32 of all examples in source order,
    end to end, and `offsets` int64 (N + 1,)) and at last `units.json`, which says how they were made. Until then its folder
    `partial` holds what is done. The same arguments give the same bytes.

    Args:
        data: set up, with a `source` that has fingerprints; its batches number their examples.
        features: what is clustered.
        clusters: V.
        sample: M at most; about the same number of each batch is drawn.
        seed: of the drawing and of k-means.
    """

    def __init__(self, data: DataModule, features: UnitFeatures, clusters: int, sample: int = 500_000, seed: int = 0):
        if not 1 <= clusters <= sample:
            raise ValueError(f"clusters={clusters} must be at least 1 and at most sample={sample}")
        if not hasattr(data, "source"):
            raise ValueError(f"{type(data).__name__} has no source whose fingerprint could be kept with the units")
        self.data, self.features, self.clusters, self.sample, self.seed = data, features, clusters, sample, seed
        self.device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
        self.loaders = {split: data.whole(split) for split in SPLITS}
        self.loaders = {split: loader for split, loader in self.loaders.items() if len(loader)}
        if "train" not in self.loaders:
            raise ValueError("the training split, which k-means is fitted to, is empty")

    def made(self) -> dict[str, Any]:
        """All that the units depend on."""
        return {
            **self.features.describe(),
            "clusters": self.clusters,
            "sample": self.sample,
            "seed": self.seed,
            "data": spec(self.data),
            "fingerprints": {split: self.data.source.fingerprint(split) for split in self.loaders},
        }

    def make(self, out: Path) -> dict[str, Any]:
        """Write the folder, or go on with it. Gives the content of `units.json`.

        Raises:
            ValueError: the folder holds other units, or the data cannot be clustered.
        """
        made, partial = self.made(), out / "partial"
        if (out / "units.json").is_file():
            card = json.loads((out / "units.json").read_bytes())
            same(out, {key: card[key] for key in made.keys() & card.keys()}, made)
            return card
        partial.mkdir(parents=True, exist_ok=True)
        if (plan := partial / "made.json").is_file():
            same(out, json.loads(plan.read_bytes()), made)
        write_card(plan, made)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns) as progress:
            if not (out / "kmeans.safetensors").is_file():
                self.fit(out, partial, progress)
            found = load_file(out / "kmeans.safetensors")
            counts = {split: self.assign(split, found["means"], out, partial, progress) for split in self.loaders}
        hop = self.features.hop(next(iter(self.loaders["train"])))
        card = made | {"hop": hop, "rate": hop and 1 / hop, "inertia": float(found["inertia"]), "units": counts}
        write_card(out / "units.json", card)
        shutil.rmtree(partial)
        return card

    def fit(self, out: Path, partial: Path, progress: Progress) -> None:
        """Writes the means and their inertia, the mean squared distance of a unit to the nearest."""
        loader = self.loaders["train"]
        quota = math.ceil(self.sample / len(loader))
        bar = progress.add_task("features of train", total=len(loader))

        def drawn(batch: Batch, number: int) -> Arrays:
            vectors = self.features(batch.to(self.device))[0]
            rows = np.random.default_rng([self.seed, number]).permutation(len(vectors))[:quota]
            return {"vectors": vectors[np.sort(rows)].float().cpu().numpy()}

        x = collect(loader, drawn, partial / "sample", lambda done: progress.update(bar, completed=done))["vectors"]
        if len(x) < self.clusters:
            raise ValueError(f"clusters={self.clusters}: the training split has {len(x)} units only; give fewer clusters")
        bar = progress.add_task(f"k-means of {len(x)} units", total=None)
        # As in the published code of HuBERT.
        solver = MiniBatchKMeans(self.clusters, max_iter=100, batch_size=10_000, tol=0.0, max_no_improvement=100, n_init=20,
                                 reassignment_ratio=0.0, compute_labels=False, random_state=self.seed)  # fmt: skip
        means = torch.from_numpy(solver.fit(x).cluster_centers_)
        pieces = torch.from_numpy(x).split(65_536)
        distance = sum(float((own - means[nearest(own, means)]).double().square().sum()) for own in pieces)
        save_file({"means": means, "inertia": torch.tensor(distance / len(x), dtype=torch.float64)}, partial / "kmeans")
        os.replace(partial / "kmeans", out / "kmeans.safetensors")
        progress.update(bar, total=1, completed=1)

    def assign(self, split: str, means: torch.Tensor, out: Path, partial: Path, progress: Progress) -> int:
        """Writes the units of a split; gives their number."""
        loader, means = self.loaders[split], means.to(self.device)
        bar = progress.add_task(f"units of {split}", total=len(loader))

        def assigned(batch: Batch, number: int) -> Arrays:
            vectors, layout = self.features(batch.to(self.device))
            if batch.index is None:
                raise ValueError(f"{type(self.data).__name__} does not number its examples (`index`), so that no unit could"
                                 " be found again")  # fmt: skip
            ids = nearest(vectors.float(), means).int().cpu().numpy()
            return {"ids": ids, "lengths": np.array(layout.lengths), "index": batch.index.cpu().numpy()}

        found = collect(loader, assigned, partial / split, lambda done: progress.update(bar, completed=done))
        ids, offsets = in_source_order(**found)
        write(out / f"units-{split}.npz", {"ids": ids, "offsets": offsets})
        return len(ids)


def in_source_order(ids: np.ndarray, lengths: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units of examples that came in any order -> ids (int32) and offsets (N + 1,); of examples that never came, none.

    An example may come twice (in the place of one that cannot be read).

    Raises:
        ValueError: it comes with other units, since it was cut or altered.
    """
    found: dict[int, np.ndarray] = {}
    for i, own in zip(index.tolist(), np.split(ids, lengths.cumsum()[:-1]), strict=True):
        if not np.array_equal(found.setdefault(i, own), own):
            raise ValueError(f"example {i} came twice and with different units: the data must give every example whole, and"
                             " unaltered")  # fmt: skip
    sequences = [found.get(i, ids[:0]) for i in range(max(found) + 1)]
    offsets = np.cumsum([0, *map(len, sequences)], dtype=np.int64)
    return np.concatenate(sequences).astype(np.int32), offsets


def same(out: Path, there: dict[str, Any], here: dict[str, Any], what: str = "units") -> None:
    """Raises ValueError if what was asked for there is not what is asked for here."""
    there, here = flat(json.loads(json.dumps(there))), flat(json.loads(json.dumps(here)))
    keys = [key for key in sorted(there.keys() | here.keys()) if there.get(key) != here.get(key)]
    if keys:
        changes = ", ".join(f"{key} ({there.get(key)} there, {here.get(key)} here)" for key in keys[:3])
        raise ValueError(f"{out} holds other {what}: {changes}; choose another --out")


def write_card(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())
    os.replace(partial, path)
