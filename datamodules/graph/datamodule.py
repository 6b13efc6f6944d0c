"""Graphs for pretraining, and labelled nodes or graphs for probes and fine-tuning."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.draws import fold, run_seed
from lit_pretrain.datamodules.graph.graphs import Graphs, NodeGraph
from lit_pretrain.datamodules.graph.pairs import Pairs
from lit_pretrain.datamodules.graph.sampling.base import Sampling
from lit_pretrain.datamodules.graph.sampling.whole import Whole
from lit_pretrain.datamodules.graph.source.base import GraphSource, NodeSource, Source
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.order import balanced, by_budget
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.unreadable import UnreadableSamples, limit_of
from lit_pretrain.types import GraphBatch

FULL = 1 + 1e-9  # shares of a batch that are summed up may miss 1 by as much


class GraphDataModule(DataModule):
    """Many graphs, laid end to end up to a budget; or one graph, of which batches hold the whole or a sampled part.

    In one graph all nodes are seen in training, those of every split, but of labels only those of the training split (the
    transductive setting). If it comes with pairs of nodes (`HeldOutEdges`), these are what labelled batches hold. A graph
    that is unsound (see `graph.sound`) is named and left out; if there is only one, it ends the run.

    Args:
        source: where graphs come from.
        sampling: what training batches hold of one graph.
        labelled_sampling: what all other batches hold of it; the whole is right wherever it fits.
        graphs_per_batch: the most of many graphs.
        elements_per_batch: the most nodes plus edges of many graphs (one graph at least).
        num_workers: processes that put batches together; with `Whole` there is nothing to do for them.
        max_unreadable: the most unsound graphs of a split: a number, or a share of them (then at least 10).
        drop_last: leave the rest of an epoch out that fills less than half a batch, in the shuffled loader without labels.
    """

    def __init__(
        self,
        source: Source,
        *,
        sampling: Sampling = Whole(),
        labelled_sampling: Sampling = Whole(),
        graphs_per_batch: int = 128,
        elements_per_batch: int = 100_000,
        num_workers: int = 0,
        max_unreadable: int | float = 0.01,
        drop_last: bool = True,
    ):
        super().__init__()
        for name, value in (("graphs_per_batch", graphs_per_batch), ("elements_per_batch", elements_per_batch)):
            if value < 1:
                raise ValueError(f"{name}={value} must be at least 1")
        self.source, self.sampling, self.labelled_sampling = source, sampling, labelled_sampling
        self.graphs_per_batch, self.elements_per_batch = graphs_per_batch, elements_per_batch
        self.num_workers, self.max_unreadable, self.drop_last = num_workers, max_unreadable, drop_last
        self._graphs: dict[str, Graphs] = {}
        self._graph: NodeGraph | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names

    @property
    def label_names(self) -> tuple[str, ...]:
        return self.source.label_names

    @property
    def pair_names(self) -> tuple[str, ...]:
        return self.source.pair_names

    def prepare_data(self) -> None:
        if isinstance(self.source, NodeSource):
            self.graph()
        else:
            for split in SPLITS:
                self.graphs(split)

    def fingerprint(self) -> dict[str, Any]:
        if isinstance(self.source, NodeSource):
            return super().fingerprint() | {"the number of nodes": self.graph().num_nodes}
        return super().fingerprint() | {"the number of graphs": len(self.graphs("train"))}

    def graph(self) -> NodeGraph:
        """The one graph of a source of nodes, opened once."""
        assert isinstance(self.source, NodeSource)
        self._graph = self._graph or self.source.graph()
        return self._graph

    def graphs(self, split: str) -> Graphs:
        """The many graphs of a split, opened once.

        Raises:
            ValueError: more of them are unsound than `max_unreadable` allows.
        """
        assert isinstance(self.source, GraphSource)
        if split not in self._graphs:
            found = self.source.graphs(split)
            allowed = limit_of(self.max_unreadable, len(found) + len(found.unreadable))
            folder = None if self.trainer is None else Path(self.trainer.default_root_dir)
            UnreadableSamples("graphs", split, allowed).meet(found.unreadable, folder)
            self._graphs[split] = found
        return self._graphs[split]

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        if split not in SPLITS:
            raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
        training = shuffle and not labelled
        rank, world = (0, 1) if labelled or self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        if isinstance(self.source, NodeSource):
            graph = self.graph()
            examples = np.arange(graph.num_nodes) if training else graph.splits.get(split, np.zeros(0, np.int64))
            labels, sampling = graph.labels, self.sampling if training else self.labelled_sampling
            dataset: Dataset = Parts(graph.in_training if training else graph, sampling)
            if labelled and graph.pairs:
                pairs = graph.pairs[split]
                dataset, examples, labels = PairParts(graph, sampling, pairs), np.arange(len(pairs)), pairs.labels

            def cut(ordinals: np.ndarray) -> list[np.ndarray]:
                return sampling.plan(ordinals, training)

            def filled(batches: list[np.ndarray]) -> float:
                return len(batches[-1]) / len(batches[0])
        else:
            graphs = self.graphs(split)
            examples, labels, sampling, dataset = np.arange(len(graphs)), graphs.labels, None, Collated(graphs)
            shares = np.maximum(graphs.sizes / self.elements_per_batch, 1 / self.graphs_per_batch)

            def cut(ordinals: np.ndarray) -> list[np.ndarray]:
                own = shares[ordinals % len(graphs)]
                return [ordinals[batch] for batch in by_budget(own, np.arange(len(own)), FULL)]

            def filled(batches: list[np.ndarray]) -> float:
                return shares[batches[-1] % len(graphs)].sum()

        chosen = self._chosen(split, examples, labels, labelled, limit, seed)

        def of_epoch(epoch: int) -> list[np.ndarray]:
            numbers = np.random.default_rng([run_seed(), epoch]).permutation(chosen) if shuffle else chosen
            batches = cut(numbers + (epoch * len(dataset) if shuffle else 0))
            short = self.drop_last and training and len(batches) > world and filled(batches) < 0.5
            return batches[:-1] if short else batches

        workers = 0 if isinstance(sampling, Whole) else self.num_workers
        return ResumableLoader(dataset, of_epoch, as_it_is, num_workers=workers, rank=rank, ranks=world)

    def _chosen(
        self, split: str, examples: np.ndarray, labels: np.ndarray | None, labelled: bool, limit: int | None, seed: int
    ) -> np.ndarray:
        """The numbers of the examples of a loader, in source order."""
        classes = labels is not None and labels.dtype.kind == "i"
        if labelled:
            examples = examples[:0] if labels is None else examples[_labelled(labels[examples])]
            if not len(examples):
                raise ValueError(f"{type(self.source).__name__} has no labelled examples in {split!r}")
        if limit is None:
            return examples
        return examples[balanced(labels[examples] if classes else np.zeros(len(examples), np.int64), limit, seed)]


def _labelled(labels: np.ndarray) -> np.ndarray:
    """(n,) bool: whose class is known, or any of whose numbers."""
    return labels >= 0 if labels.dtype.kind == "i" else ~np.isnan(labels.reshape(len(labels), -1)).all(1)


class Parts(Dataset):
    """Batches of one graph, by ordinals: epoch * N + n is node n as epoch `epoch` draws it."""

    def __init__(self, graph: NodeGraph, sampling: Sampling):
        self.graph, self.sampling = graph, sampling

    def __len__(self) -> int:
        return self.graph.num_nodes

    def __getitems__(self, ordinals: np.ndarray) -> GraphBatch:
        numbers = torch.from_numpy(ordinals)
        epoch = numbers[0] // len(self)
        return self.sampling.batch(self.graph, numbers % len(self), fold(torch.tensor(run_seed()), epoch))


class PairParts(Dataset):
    """Batches of pairs of nodes, and what is seen around these, by ordinals: epoch * P + p is pair p as `epoch` draws it."""

    def __init__(self, graph: NodeGraph, sampling: Sampling, pairs: Pairs):
        self.graph, self.sampling, self.pairs = graph, sampling, pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitems__(self, ordinals: np.ndarray) -> GraphBatch:
        numbers, seed = ordinals % len(self), fold(torch.tensor(run_seed()), int(ordinals[0]) // len(self))
        nodes = torch.from_numpy(self.pairs.at(numbers, self.graph.num_nodes, seed))
        batch = self.sampling.batch(self.graph, nodes.unique(), seed)
        assert batch.index is not None
        order = batch.index.argsort()
        places = order[torch.searchsorted(batch.index[order], nodes)]  # among the units
        return replace(batch, pairs=places, pair_labels=torch.from_numpy(self.pairs.labels[numbers]))


class Collated(Dataset):
    """Batches of many graphs."""

    def __init__(self, graphs: Graphs):
        self.graphs = graphs

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitems__(self, ordinals: np.ndarray) -> GraphBatch:
        return self.graphs.batch(ordinals % len(self))


def as_it_is(batch: Any) -> Any:
    """Datasets here give whole batches."""
    return batch
