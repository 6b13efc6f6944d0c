"""A linear map of rows that are mostly zeros. Legend: N rows, F features, D width, Z numbers that are not 0."""

import warnings
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary


class SparseLinear(nn.Module):
    """x (N, F) -> x W^T (N, D), by the numbers of x that are not 0.

    Its cost goes with Z instead of with N F. What was found in x is kept as long as x lives, since a graph that is trained
    on as a whole is the same in each step. An x that needs a gradient is multiplied as it is.

    Args:
        features: F.
        dim: D.
    """

    def __init__(self, features: int, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim, features))
        nn.init.xavier_uniform_(self.weight)
        self._seen = WeakTensorKeyDictionary()

    def __deepcopy__(self, memo: dict[int, Any]) -> "SparseLinear":
        copied = memo[id(self)] = SparseLinear(self.weight.shape[1], self.weight.shape[0]).to(self.weight.device)
        copied.load_state_dict(self.state_dict())
        copied.requires_grad_(self.weight.requires_grad).train(self.training)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_seen": WeakTensorKeyDictionary()}

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            return functional.linear(x, self.weight)
        return _Product.apply(self.weight, *self._rows_of(x))

    @torch.compiler.disable
    def _rows_of(self, x: Tensor) -> tuple[Tensor, Tensor]:
        version, rows = self._seen.get(x, (None, None))
        if rows is None or version != x._version:
            rows = _both_ways(x)
            self._seen[x] = x._version, rows
        return rows


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, weight: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        context.columns = columns
        return rows @ weight.T

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return (context.columns @ gradient).T, None, None


@torch.no_grad()
def _both_ways(x: Tensor) -> tuple[Tensor, Tensor]:
    """x and its transpose as compressed sparse rows; autograd would transpose x in each step, slower than it multiplies."""
    row, column = x.nonzero().T  # (Z,), sorted by row
    values = x[row, column]
    order = column.argsort(stable=True)
    return (_sparse(row, column, values, *x.shape),
            _sparse(column[order], row[order], values[order], *reversed(x.shape)))  # fmt: skip


def _sparse(row: Tensor, column: Tensor, values: Tensor, rows: int, columns: int) -> Tensor:
    ends = torch.bincount(row, minlength=rows).cumsum(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sparse rows are in beta state
        return torch.sparse_csr_tensor(functional.pad(ends, (1, 0)), column, values, (rows, columns), check_invariants=False)
