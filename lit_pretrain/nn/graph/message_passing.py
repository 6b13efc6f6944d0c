"""Messages along edges, by any convolution of torch-geometric. Legend: N nodes, E edges, D width."""

import inspect
from typing import Any

import torch
import torch_geometric.nn
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing as Convolution

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.graph.context import graphs_of
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.part import import_class


class MessagePassing(Mixer):
    """(N, D) -> (N, D): each node hears from the nodes whose edges lead to it. Computed in fp32.

    Args:
        dim: D.
        conv: a class of `torch_geometric.nn`, such as GINConv, GINEConv, GCNConv, GATConv, SAGEConv, ResGatedGraphConv or
            GatedGraphConv, or the path of another. Those that wrap a network get one with a hidden layer of D.
        options: further arguments of it; with `edge_dim` it is given the features of edges.

    Raises:
        ValueError: no such convolution or option.
    """

    def __init__(self, dim: int, conv: str = "GINConv", options: dict[str, Any] | None = None):
        super().__init__()
        self.conv = _create(conv, dim, dict(options or {}))
        self.takes_features = getattr(self.conv, "edge_dim", None) is not None or "edge_dim" in (options or {})

    def forward(self, x: Tensor, context: Context) -> Tensor:
        graphs = graphs_of(context)
        edges = graphs.edges.matrix if self.conv.fuse and not self.takes_features else graphs.edges.index
        with torch.autocast(x.device.type, enabled=False):  # sparse products know no bf16 on every device
            if not self.takes_features:
                return self.conv(x.float(), edges).to(x.dtype)
            if graphs.edge_features is None:
                raise ValueError("the convolution was made with edge_dim, and the edges of these data have no features")
            return self.conv(x.float(), edges, edge_attr=graphs.edge_features.float()).to(x.dtype)


def _create(name: str, dim: int, options: dict[str, Any]) -> Convolution:
    found = import_class(name) if "." in name else getattr(torch_geometric.nn, name, None)
    if not (inspect.isclass(found) and issubclass(found, Convolution)):
        known = sorted(n for n in dir(torch_geometric.nn) if n.endswith("Conv"))
        raise ValueError(f"conv={name!r} is no convolution of torch_geometric.nn; there are {', '.join(known)}")
    if "deg" in options:  # PNA's histogram of degrees
        options["deg"] = torch.tensor(options["deg"])
    parameters = inspect.signature(found.__init__).parameters
    first: dict[str, Any] = {"in_channels": dim, "out_channels": dim, "channels": dim}
    if "nn" in parameters:
        first["nn"] = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
    try:
        return found(**{k: v for k, v in first.items() if k in parameters}, **options)
    except TypeError as error:
        raise ValueError(f"options={options}: {name} says: {error}") from error
