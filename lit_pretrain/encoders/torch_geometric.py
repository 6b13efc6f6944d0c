"""Any graph neural network of torch-geometric's models, unchanged.

Legend: B graphs (or nodes that are examples), N nodes, E edges, F features of a node, D width.
"""

import inspect
from typing import Any

import torch
import torch_geometric.nn
from torch import Tensor, nn
from torch_geometric.nn.conv.gcn_conv import GCNConv, gcn_norm
from torch_geometric.nn.models.basic_gnn import BasicGNN

from lit_pretrain.nn.graph.sparse_linear import SparseLinear
from lit_pretrain.nn.nodes.base import Nodes
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.part import import_class
from lit_pretrain.types import Edges, Encoded, Encoder, GraphBatch, Layout
from lit_pretrain.types.graph_picture import drawn


class PyGEncoder(Encoder):
    """GIN, GCN, GAT, GraphSAGE, PNA or another `BasicGNN`, under the weight names of torch-geometric (after `model.`).

    Layers whose messages are plain sums or means get the edges as sparse rows, which is several times faster than a list
    of pairs; the others get the list. All is computed in fp32, because sparse products know no bf16 on every device.
    GCN's weights of edges are computed once for all layers, so `normalize` of its layers is off.
    "embedding" is what the first layer gets, "block00" what the second gets, and so on; the last is what comes out.

    Args:
        nodes: makes vectors of the features of nodes.
        model: a class of `torch_geometric.nn`, such as GIN, or the path of a subclass of `BasicGNN`.
        dim: D of all layers.
        num_layers: of messages.
        pooling: one vector a graph; nodes that are examples have their own.
        options: further arguments of the model, such as `heads`, `norm`, `act`, `dropout`, `jk` or `edge_dim`.
        maskable: learn a vector for masked nodes, which takes the place of what `nodes` makes of them.
        mapped: with `jk`, map the vectors of the layers to D, as torch-geometric does. Without it `jk: cat` gives all layers
            side by side (D is then their number times `dim`), and `jk: last` the last one after its activation.
        sparse: of GCN, let the first layer multiply only the features that are not 0: much faster for bags of words.

    Raises:
        ValueError: no such model or option.
    """

    def __init__(
        self,
        nodes: Nodes,
        *,
        model: str = "GIN",
        dim: int = 256,
        num_layers: int = 2,
        pooling: Pooling = Mean(),
        options: dict[str, Any] | None = None,
        maskable: bool = False,
        mapped: bool = True,
        sparse: bool = False,
    ):
        super().__init__()
        self.nodes, self.pooling = nodes, pooling
        self.model = _create(model, nodes.dim, dim, num_layers, dict(options or {}))
        self.dim, self.num_layers = self.model.out_channels, num_layers
        if not mapped:
            self.dim = _unmapped(self.model)
        self.mask_vector = nn.Parameter(torch.zeros(nodes.dim)) if maskable else None
        self._needs_pairs = not all(conv.fuse for conv in self.model.convs) or self.model.supports_edge_attr
        # What makes GCN's weights of sparse rows cannot be compiled, so it must not stand in a block.
        self._weighs = not self._needs_pairs and all(isinstance(c, GCNConv) and c.normalize for c in self.model.convs)
        for conv in self.model.convs:
            conv.register_forward_pre_hook(_keep_input)
            if self._weighs:
                conv.normalize = False
        if sparse:
            if not self._weighs:
                raise ValueError(f"sparse=true is for GCN, whose layers first multiply their features; model={model!r}")
            self.model.convs[0].lin = SparseLinear(nodes.dim, self.model.convs[0].out_channels)

    @property
    def blocks(self) -> nn.ModuleList:
        # Not an attribute: the weights would stand twice in the state, and not only under torch-geometric's names.
        return self.model.convs

    def forward(
        self, inputs: GraphBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        if mask is not None and self.mask_vector is None:
            raise ValueError("this encoder has no vector for masked nodes: build it with maskable=true")
        if keep is not None:
            hidden = inputs.of_nodes(~keep)
            mask = None if mask is None else inputs.of_nodes(mask)[~hidden]
            seeds = None if inputs.seeds is None else inputs.seeds[keep]
            inputs = inputs.at(seeds).without_nodes(hidden)
        elif mask is not None:
            mask = inputs.of_nodes(mask)
        with torch.autocast(inputs.features.device.type, enabled=False):
            x = self.nodes(inputs)
            if mask is not None:
                x = torch.where(mask[:, None], self.mask_vector.to(x.dtype), x)
            units = inputs.of_units(self._messages(x, inputs))
            pooled = units if inputs.seeds is not None else self.pooling(units, inputs.layout)
        named = {}
        if layers:
            first = [inputs.of_units(conv.__dict__["input"]) for conv in self.model.convs]
            named = dict(
                zip(["embedding", *(f"block{i:02d}" for i in range(self.num_layers))], [*first, units], strict=True)
            )
        for conv in self.model.convs:
            del conv.__dict__["input"]
        return Encoded(pooled, units, inputs.layout, named)

    def _messages(self, x: Tensor, inputs: GraphBatch) -> Tensor:
        """(N, F) -> (N, D)."""
        edges, graphs = inputs.edges, inputs.graphs
        if not self._needs_pairs:
            return self.model(x, self._rows(edges), batch=graphs.example, batch_size=graphs.num_examples)
        features = inputs.edge_features if self._takes_edge_features else None
        if self._takes_edge_features and features is None:
            raise ValueError("the model was made with edge_dim, and the edges of these data have no features")
        return self.model(x, edges.index, edge_attr=None if features is None else features.float(),
                          batch=graphs.example, batch_size=graphs.num_examples)  # fmt: skip

    def _rows(self, edges: Edges) -> Tensor:
        """(N, N) sparse, what each layer multiplies with."""
        if not self._weighs:
            return edges.matrix
        first = self.model.convs[0]
        key = (gcn_norm, first.improved, first.add_self_loops)
        if key not in edges.made:
            edges.made[key] = gcn_norm(edges.matrix, None, edges.num_nodes, *key[1:])[0]
        return edges.made[key]

    @property
    def _takes_edge_features(self) -> bool:
        return getattr(self.model.convs[0], "edge_dim", None) is not None

    @torch.no_grad()
    def attention(self, inputs: GraphBatch) -> Tensor | None:
        """(E, heads): what each edge weighs to the node that it leads to, in the last layer; None: it has no attention."""
        last, kept = self.model.convs[-1], []
        if "return_attention_weights" not in inspect.signature(last.forward).parameters:
            return None
        hook = last.register_forward_hook(lambda _, *called: kept.append(called[:2]), with_kwargs=True)
        self(inputs)
        hook.remove()
        args, options = kept[0]
        _, (_, weights) = last(*args, **options, return_attention_weights=True)
        del last.__dict__["input"]
        return weights[: len(inputs.edges)]  # self loops come last

    def attention_pictures(self, inputs: GraphBatch) -> Tensor | None:
        """(B, 2, C, H, W) between 0 and 1: the graphs, and again with edges as thick as the last layer's attention, the mean
        of its heads (see `drawn`); None: it has none."""
        weights = self.attention(inputs)
        return None if weights is None else torch.stack([drawn(inputs), drawn(inputs, weights=weights.mean(1))], 1)

    def layout(self, inputs: GraphBatch) -> Layout:
        return inputs.layout


def _create(name: str, features: int, dim: int, num_layers: int, options: dict[str, Any]) -> BasicGNN:
    found = import_class(name) if "." in name else getattr(torch_geometric.nn, name, None)
    if not (inspect.isclass(found) and issubclass(found, BasicGNN)):
        models = sorted(n for n in dir(torch_geometric.nn.models.basic_gnn) if _is_model(n))
        raise ValueError(f"model={name!r} is no graph neural network of torch_geometric.nn; there are {', '.join(models)}")
    if "deg" in options:  # PNA's histogram of degrees
        options["deg"] = torch.tensor(options["deg"])
    try:
        return found(features, dim, num_layers, **options)
    except TypeError as error:
        raise ValueError(f"options={options}: {name} says: {error}") from error


def _unmapped(model: BasicGNN) -> int:
    """Takes the linear map away that follows `jk`, and gives the width of what is left."""
    if model.jk_mode is None:
        raise ValueError("mapped=false leaves the linear map of options.jk out, and there is no jk: use cat, max or last")
    width = model.lin.in_features
    del model.lin
    return width


def _is_model(name: str) -> bool:
    found = getattr(torch_geometric.nn.models.basic_gnn, name)
    return inspect.isclass(found) and issubclass(found, BasicGNN) and found is not BasicGNN


def _keep_input(conv: nn.Module, args: tuple[Any, ...]) -> None:
    conv.__dict__["input"] = args[0]
