"""How alike two representations of the same rows are, up to rotation and scale. Legend: N rows, D1 and D2 widths."""

from torch import Tensor


def cka(x: Tensor, y: Tensor, unbiased: bool = True) -> float:
    """Linear centred kernel alignment (arXiv 1905.00414) of (N, D1) and (N, D2).

    1 where one is a rotated, scaled and shifted copy of the other.

    Args:
        unbiased: by the estimate of HSIC that does not grow with D / N (arXiv 2010.15327), around 0 and sometimes below
            where they are independent; False: the plain one, from 0 to 1, high for few rows whatever they hold.

    Raises:
        ValueError: see `centred_gram`, or the rows do not match.
    """
    if len(x) != len(y):
        raise ValueError(f"x {tuple(x.shape)} and y {tuple(y.shape)}: give (N, D1) and (N, D2) with the same rows")
    return alignment(centred_gram(x, unbiased), centred_gram(y, unbiased))


def centred_gram(x: Tensor, unbiased: bool = True) -> Tensor:
    """(N, N) float64 inner products of rows (N, D), centred, so that the sum of the products of two of them is their HSIC.

    Raises:
        ValueError: the rows are not finite, or too few.
    """
    if x.ndim != 2 or len(x) < 4:
        raise ValueError(f"x {tuple(x.shape)}: give (N, D) of at least 4 rows")
    if not x.isfinite().all():
        raise ValueError("a representation is not finite: the encoder has diverged")
    wide = x.double() - x.double().mean(0)
    gram = wide @ wide.T
    if not unbiased:
        return gram
    n = len(x)
    gram.fill_diagonal_(0)
    sums = gram.sum(1)
    centred = gram - (sums[:, None] + sums) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    return centred.fill_diagonal_(0)


def alignment(a: Tensor, b: Tensor) -> float:
    """The cosine of two centred Gram matrices; 0 where one is of equal rows."""
    lengths = a.norm() * b.norm()
    return float((a * b).sum() / lengths) if lengths > 0 else 0.0
