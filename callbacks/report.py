"""One HTML page about a run, which opens anywhere without a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from lit_pretrain.callbacks import report_sections as show
from lit_pretrain.callbacks.features import LabelledView
from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.callbacks.online_probe import OnlineProbe
from lit_pretrain.callbacks.report_charts import number
from lit_pretrain.callbacks.report_history import History, Map
from lit_pretrain.callbacks.report_page import folded, page, section
from lit_pretrain.callbacks.summary import versions


class Report(Observer):
    """Writes `report.html` into the run folder when fitting ends: losses, probes, pictures, embeddings, speed and
    configuration.

    It keeps the curves itself, so that no logger is needed, and in checkpoints, so that they survive a resumption.

    Args:
        map_points: examples of the validation split in the map of embeddings, which is drawn where the data have
            labels; 0: no map.
    """

    name = "report"

    def __init__(self, map_points: int = 1000):
        if map_points < 0:
            raise ValueError(f"map_points={map_points}: give 0 or more")
        self.map_points = map_points
        self.history = History()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        if trainer.global_step % trainer.log_every_n_steps == 0:
            self._collect(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.sanity_checking:
            self.history.add(trainer.global_step, _starting(trainer.callback_metrics, "val/"))

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._collect(trainer)
        self.history.title = f"{type(pl_module).__name__} with {type(pl_module.encoder).__name__}"
        size = sum(p.numel() for p in pl_module.encoder.parameters())
        self.history.facts = (f"{number(size)} parameters in the encoder, {trainer.global_step:,} steps on"
                              f" {trainer.world_size} x {pl_module.device.type} in {trainer.precision}")  # fmt: skip
        self.history.probes = {c.name: c.history for c in trainer.callbacks if isinstance(c, OnlineProbe) and c.history}
        # What cannot be drawn must not fail a run that has ended well.
        try:
            with self.observing(pl_module):
                self.history.map = embedding_map(trainer, pl_module, self.map_points)
        except Exception as error:
            rank_zero_warn(f"the report has no map of embeddings: {error}")
        try:
            if trainer.is_global_zero:
                write_report(Path(trainer.default_root_dir), self.history)
        except Exception as error:
            rank_zero_warn(f"the report was not written: {error}")

    def state_dict(self) -> dict[str, Any]:
        return {"curves": {name: [list(point) for point in curve] for name, curve in self.history.curves.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history.curves = state["curves"]

    def _collect(self, trainer: L.Trainer) -> None:
        rates = {"learning rate": trainer.optimizers[0].param_groups[-1]["lr"]} if trainer.optimizers else {}
        self.history.add(trainer.global_step, _starting(trainer.callback_metrics, "train/") | rates)
        for observer in trainer.callbacks:
            if isinstance(observer, Observer) and not isinstance(observer, OnlineProbe):
                self.history.add(*observer.published)


def embedding_map(trainer: L.Trainer, pl_module: L.LightningModule, points: int) -> Map | None:
    """Of so many labelled validation examples, those of the first probe where there is one. All ranks must call it.

    It must be called inside `Observer.observing`. None: there are no labels, or too few examples.
    """
    probes = [c for c in trainer.callbacks if isinstance(c, OnlineProbe) and c.history]
    if not points or not (probes or getattr(trainer.datamodule, "class_names", ())):
        return None
    view = probes[0].view if probes else LabelledView(None, points, None)
    features, labels = view.features(trainer, pl_module, "validation")
    features, labels = features[:points].cpu(), labels[:points].cpu()
    return Map(project(features), labels, view.class_names(trainer)) if len(labels) > 4 else None


def project(features: Tensor) -> dict[str, Tensor]:
    """The first two principal components of (N, D) and, of what lies within 50 of them, t-SNE (both deterministic)."""
    from sklearn.manifold import TSNE

    centred = (features - features.mean(0)).double()
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    share = float(s[:2].square().sum() / s.square().sum().clamp(min=1e-30))
    near = (u * s)[:, :50]
    sne = TSNE(perplexity=min(30.0, (len(features) - 1) / 3), init="pca", random_state=0).fit_transform(near.numpy())
    return {f"Principal components ({share:.0%} of the variance)": near[:, :2], "t-SNE": torch.from_numpy(sne)}


def write_report(folder: Path, history: History) -> Path:
    """Write `folder/report.html`.

    Tables come from `folder/results.json`, where it exists: a list of rows, or table title -> rows. Rows with `row`,
    `labels`, `metric`, `mean` and `std` become one table a metric; others are shown as they are. The last
    pictures are read from `folder/pictures`, and the configuration from `folder/config.yaml`.
    """
    curves = history.curves
    probe_note = "Fitted on frozen features of training examples, scored on validation examples. Dashed: before step 1."
    sections = [
        show.results(folder / "results.json"),
        section("Probes", probe_note, *show.probe_charts(history.probes)),
        section("Losses", "Training losses are of single batches; validation is the mean over all targets.",
                *show.loss_charts(curves)),
        section("Pictures", *show.pictures(folder / "pictures")),
        section("Map of the embeddings", "Validation examples after the last step, coloured by label.",
                *show.map_charts(history.map)),
        section("Throughput", "Without padding; steps with a probe, validation or a checkpoint left out.",
                *show.charts(curves, show.THROUGHPUT)),
        section("Optimisation", "What moves and how far.", *show.charts(curves, show.OPTIMISATION)),
        "<section><h2>How it was made</h2>",
        folded("Configuration", _read(folder / "config.yaml")),
        folded("Versions", "\n".join(f"{name} {found}" for name, found in versions().items())),
        "</section>",
    ]  # fmt: skip
    path = folder / "report.html"
    path.write_text(
        page(history.title, show.headline(history), history.facts, show.tiles(history), sections), encoding="utf-8"
    )
    return path


def _starting(metrics: Mapping[str, Tensor], prefix: str) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if name.startswith(prefix)}


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
