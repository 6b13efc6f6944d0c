"""Steps of DGI, BGRL and GraphMAE on Cora as public examples take them, with layers of torch-geometric.

DGI is `examples/infomax_transductive.py` of torch-geometric. BGRL follows `train_transductive.py` of nerdslab/bgrl, GraphMAE
`graphmae/models/edcoder.py` of THUDM/GraphMAE with layers of GCN, whose edges are weighed once, as in the example of DGI.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import BatchNorm, DeepGraphInfomax, GCNConv
from torch_geometric.utils import dropout_edge

Step = Callable[[], None]


class Infomax(nn.Module):
    def __init__(self, features: int, dim: int):
        super().__init__()
        self.conv, self.prelu = GCNConv(features, dim, cached=True), nn.PReLU(dim)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.prelu(self.conv(x, edge_index))


def dgi(data: Data, dim: int) -> Step:
    model = DeepGraphInfomax(
        hidden_channels=dim,
        encoder=Infomax(data.num_features, dim),
        summary=lambda z, *args, **kwargs: z.mean(dim=0).sigmoid(),
        corruption=lambda x, edge_index: (x[torch.randperm(x.size(0))], edge_index),
    )
    return _step(model, lambda: model.loss(*model(data.x, data.edge_index)))


class GCN(nn.Module):
    """Two layers."""

    def __init__(self, features: int, dim: int, cached: bool, norm: bool, dropout: float):
        super().__init__()
        self.convs = nn.ModuleList(GCNConv(width, dim, cached=cached) for width in (features, dim))
        self.norms = nn.ModuleList(BatchNorm(dim, momentum=0.99) if norm else nn.Identity() for _ in range(2))
        self.activations, self.dropout = nn.ModuleList(nn.PReLU() for _ in range(2)), nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv, norm, activation in zip(self.convs, self.norms, self.activations, strict=True):
            x = activation(norm(conv(self.dropout(x), edge_index)))
        return x


def bgrl(data: Data, dim: int, rates: tuple[tuple[float, float], tuple[float, float]], momentum: float = 0.99) -> Step:
    online, target = (GCN(data.num_features, dim, cached=False, norm=True, dropout=0.0) for _ in range(2))
    target.requires_grad_(False)
    predictor = nn.Sequential(nn.Linear(dim, 512), nn.PReLU(), nn.Linear(512, dim))

    def view(edges: float, columns: float) -> tuple[Tensor, Tensor]:
        x = data.x.clone()
        x[:, torch.rand(x.size(1)) < columns] = 0
        return x, dropout_edge(data.edge_index, p=edges)[0]

    def loss() -> Tensor:
        views = [view(*pair) for pair in rates]
        first, second = (predictor(online(*view)) for view in views)
        with torch.no_grad():
            targets = [target(*view) for view in views]
        return 2 - F.cosine_similarity(first, targets[1]).mean() - F.cosine_similarity(second, targets[0]).mean()

    step = _step(nn.ModuleList([online, predictor]), loss)

    def both() -> None:
        step()
        with torch.no_grad():
            for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
                slow.mul_(momentum).add_(fast, alpha=1 - momentum)

    return both


def graphmae(data: Data, dim: int, rate: float = 0.5, replaced: float = 0.05, gamma: float = 3.0) -> Step:
    encoder = GCN(data.num_features, dim, cached=True, norm=False, dropout=0.2)
    between, decoder = nn.Linear(dim, dim, bias=False), GCNConv(dim, data.num_features, cached=True)
    token = nn.Parameter(torch.zeros(1, data.num_features))
    count = int(rate * data.num_nodes)
    swapped = int(replaced * count)

    def loss() -> Tensor:
        hidden = torch.randperm(data.num_nodes)[:count]
        x = data.x.clone()
        x[hidden[swapped:]] = 0
        x[hidden[:swapped]] = data.x[torch.randperm(data.num_nodes)[:swapped]]
        x[hidden[swapped:]] += token
        z = between(encoder(x, data.edge_index))
        z[hidden] = 0
        found = decoder(z, data.edge_index)[hidden]
        return (1 - F.cosine_similarity(found, data.x[hidden])).pow(gamma).mean()

    model = nn.ModuleList([encoder, between, decoder])
    model.register_parameter("token", token)
    return _step(model, loss)


def _step(model: nn.Module, loss: Callable[[], Tensor]) -> Step:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    model.train()

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step
