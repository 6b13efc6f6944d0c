"""The chunked cross entropy against logits and torch's own, in value, gradient and memory."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lit_pretrain.kernels import linear_cross_entropy as kernel
from lit_pretrain.kernels.linear_cross_entropy import linear_cross_entropy

M, D, V = 13, 5, 11
OPTIONS = [{}, {"smoothing": 0.1}, {"z_loss": 0.3}, {"smoothing": 0.2, "z_loss": 0.1}, {"excluded": True}]


def some(dtype: torch.dtype = torch.float64, factor: float = 100.0) -> dict[str, torch.Tensor]:
    """Two rows do not count; the scores of the first reach far above what exp can take."""
    generator = torch.Generator().manual_seed(0)
    draw = {name: torch.randn(size, generator=generator) for name, size in
            {"hidden": (M, D), "weight": (V, D), "bias": (V,)}.items()}  # fmt: skip
    targets = torch.randint(V, (M,), generator=generator)
    targets[[3, 7]] = -1
    draw["hidden"][0] *= factor
    return {name: x.to(dtype).requires_grad_() for name, x in draw.items()} | {"targets": targets}


def reference(hidden, weight, bias, targets, smoothing=0.0, z_loss=0.0, excluded=None, row_weights=None):
    scores = (hidden @ weight.T + bias).double()
    if excluded is not None:
        scores = scores.scatter(1, excluded[:, None], -torch.inf)
    nll = F.cross_entropy(scores, targets, ignore_index=-1, label_smoothing=smoothing, reduction="none")
    nll = nll + z_loss * scores.logsumexp(1).square() * (targets >= 0)
    return (nll if row_weights is None else nll * row_weights).sum()


def value_and_gradients(of, inputs: dict[str, torch.Tensor], **options) -> list[torch.Tensor]:
    inputs = {name: x.detach().requires_grad_(x.requires_grad) for name, x in inputs.items()}
    loss = of(**inputs, **options)
    (0.37 * loss).backward()
    return [loss.detach(), *(x.grad for x in inputs.values() if x.requires_grad)]


def assert_equal(found, expected, **tolerance):
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), two.double(), **tolerance)


def given(options: dict) -> dict:
    targets = some()["targets"]
    return options | ({"excluded": (targets.clamp(min=0) + 1) % V} if "excluded" in options else {})


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("rows", [None, 4, 1])
def test_equals_logits_in_value_and_gradient(options, rows):
    inputs, options = some(), given(options)
    assert_equal(value_and_gradients(linear_cross_entropy, inputs, rows=rows, **options),
                 value_and_gradients(reference, inputs, **options))  # fmt: skip


def test_rows_may_differ_in_weight():
    row_weights = torch.rand(M, dtype=torch.float64)
    inputs = some()
    assert_equal(value_and_gradients(linear_cross_entropy, inputs, rows=4, row_weights=row_weights),
                 value_and_gradients(reference, inputs, row_weights=row_weights))  # fmt: skip


@pytest.mark.parametrize("autocast", [False, True])
def test_bf16_products_with_the_softmax_in_fp32(autocast):
    inputs = some(torch.float32 if autocast else torch.bfloat16, factor=1.0)  # bf16 rounds large scores coarsely
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = value_and_gradients(linear_cross_entropy, inputs, rows=4)
    assert found[0].dtype == torch.float32
    assert all(g.dtype == x.dtype for g, x in zip(found[1:], inputs.values(), strict=False))
    assert_equal(found, value_and_gradients(reference, inputs), rtol=0.03, atol=0.06)


def test_what_is_frozen_gets_no_gradient_and_nothing_is_kept_without_one():
    inputs = some()
    inputs["weight"].requires_grad_(False)
    loss = linear_cross_entropy(**inputs)
    loss.backward()
    assert inputs["weight"].grad is None and inputs["hidden"].grad is not None
    with torch.no_grad():
        quiet = linear_cross_entropy(**inputs)
    assert not quiet.requires_grad and torch.equal(quiet, loss.detach())


def test_no_rows_give_no_loss_and_gradients_of_zero():
    inputs = some()
    inputs["hidden"], inputs["targets"] = inputs["hidden"].detach()[:0].requires_grad_(), inputs["targets"][:0]
    loss, *gradients = value_and_gradients(linear_cross_entropy, inputs)
    assert loss == 0 and all((g == 0).all() for g in gradients)


class Largest(TorchDispatchMode):
    """The most elements that any tensor had."""

    seen = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.seen = max([self.seen, *(x.numel() for x in tree_leaves(out) if isinstance(x, torch.Tensor))])
        return out


def test_no_tensor_is_larger_than_a_chunk_of_scores_or_the_weight():
    hidden, weight = torch.randn(300, 8, requires_grad=True), torch.randn(400, 8, requires_grad=True)
    with Largest() as largest:
        linear_cross_entropy(hidden, weight, torch.zeros(300, dtype=torch.long), rows=10).backward()
    assert largest.seen == max(10 * 400, 400 * 8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_triton_equals_eager(options, dtype, monkeypatch):
    """On a GPU where there is one, else by Triton's interpreter (see tests/conftest.py)."""
    pytest.importorskip("triton")
    monkeypatch.setattr(kernel, "BLOCK", 4)  # a row is more than one block
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs = {name: x.detach().to(device).requires_grad_(x.requires_grad) for name, x in some(dtype).items()}
    options = {name: x.to(device) if torch.is_tensor(x) else x for name, x in given(options).items()}
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 0.02, "atol": 0.02}
    assert_equal(value_and_gradients(linear_cross_entropy, inputs, backend="triton", **options),
                 value_and_gradients(linear_cross_entropy, inputs, backend="eager", **options), **tolerance)  # fmt: skip


def test_mistakes():
    inputs = some()
    with pytest.raises(ValueError, match=r"targets \(12,\)"):
        linear_cross_entropy(inputs["hidden"], inputs["weight"], inputs["targets"][1:])
    with pytest.raises(ValueError, match="smoothing=1"):
        linear_cross_entropy(**inputs, smoothing=1)
    with pytest.raises(ValueError, match="z_loss=-1"):
        linear_cross_entropy(**inputs, z_loss=-1)
    with pytest.raises(ValueError, match="excluded"):
        linear_cross_entropy(**inputs, smoothing=0.1, excluded=inputs["targets"])
