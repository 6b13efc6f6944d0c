"""A graph from which some edges are taken away, to be predicted. Legend: N nodes, P pairs."""

from dataclasses import replace

import numpy as np
import torch

from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.pairs import Pairs, codes, has, linked_pairs
from lit_pretrain.datamodules.graph.source.base import NodeSource
from lit_pretrain.datamodules.split import digest


class HeldOutEdges(NodeSource):
    """The graph of another source without the links of validation and test, in both directions: what is learned, also by
    pretraining, has not seen them.

    Labelled batches hold pairs of nodes: the links of their split, and as many pairs that are not linked. Those of
    validation and test are drawn once, from the pairs that the whole graph does not link; those of training anew each epoch,
    from the pairs that the training graph does not link, since more would tell which ones are held out. The setting is that
    of variational graph autoencoders (arXiv 1611.07308). The nodes' own labels are left out.

    Args:
        source: of the whole graph.
        validation: share of the links.
        test: share of the links.
        seed: of the choice.
    """

    pair_names = ("unlinked", "linked")

    def __init__(self, source: NodeSource, validation: float = 0.05, test: float = 0.1, seed: int = 0):
        if min(validation, test) <= 0 or validation + test >= 1:
            raise ValueError(f"validation={validation} and test={test} must be shares above 0 that leave links to train on")
        self.source, self.shares, self.seed = source, {"validation": validation, "test": test}, seed

    def graph(self) -> NodeGraph:
        whole = self.source.graph()
        nodes, linked = whole.num_nodes, linked_pairs(whole.edges)
        order = np.random.default_rng(self.seed).permutation(linked)
        sizes = [round(share * len(linked)) for share in self.shares.values()]
        if min(sizes) < 1:
            raise ValueError(f"{len(linked)} links are too few to hold out {self.shares}: raise the shares")
        parts = dict(zip(("validation", "test", "train"), np.split(order, np.cumsum(sizes)), strict=True))
        seen = np.sort(parts["train"])
        pairs = {
            split: Pairs.of(
                np.stack(np.divmod(own, nodes), 1), seen if split == "train" else linked, nodes, seed, split == "train"
            )
            for seed, (split, own) in enumerate(parts.items(), 3 * self.seed)
        }
        keep = torch.from_numpy(has(seen, codes(whole.edges.index.T.numpy(), nodes)))
        features = None if whole.edge_features is None else whole.edge_features[keep]
        return replace(whole, edges=whole.edges.keep(keep), edge_features=features, labels=None, pairs=pairs)

    def fingerprint(self, split: str) -> str:
        return digest("held-out edges", self.source.fingerprint(split), self.shares, self.seed)
