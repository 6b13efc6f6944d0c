"""Where graphs come from."""

from abc import abstractmethod

from lit_pretrain.datamodules.graph.graphs import Graphs, NodeGraph
from lit_pretrain.part import Recorded


class Source(Recorded):
    """Graphs, or one graph.

    Attributes:
        class_names: names of the labels, in the order of their numbers; empty: unlabelled, or labelled with numbers.
        label_names: names of labels that are numbers, one a column; empty: classes, or unlabelled.
        pair_names: names of what pairs of nodes are, in the order of their numbers; empty: there are no pairs.
    """

    class_names: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    pair_names: tuple[str, ...] = ()

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """Changes when the graphs or their order change."""


class GraphSource(Source):
    """Many graphs, which are the examples, in the splits `train`, `validation` and `test`."""

    @abstractmethod
    def graphs(self, split: str) -> Graphs:
        """The graphs of a split; none where the source has no such split."""


class NodeSource(Source):
    """One graph, whose nodes are the examples."""

    @abstractmethod
    def graph(self) -> NodeGraph: ...
