"""FLOPs are counted exactly; what is not training does not enter the rates."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lit_pretrain.callbacks.linear_probe import LinearProbe
from lit_pretrain.callbacks.throughput import Tally, Throughput, flop_counter, matmul_dtype, matmul_rate
from lit_pretrain.kernels.linear_cross_entropy import linear_cross_entropy
from lit_pretrain.strategies.compile import compile_blocks


def test_flops_of_a_perceptron():
    """Forward 2 a b a row, and backward twice that, less the gradient of the inputs that no one asks for."""
    net, x = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)), torch.randn(10, 8)
    with flop_counter() as counter:
        net(x).sum().backward()
    assert counter.get_total_flops() == 10 * (3 * 2 * (8 * 16 + 16 * 4) - 2 * 8 * 16)


def test_flops_of_attention_on_cpu():
    """Two products forward; backward four, and one to have the scores again."""
    q = torch.randn(2, 3, 5, 8, requires_grad=True)
    with flop_counter() as counter:
        F.scaled_dot_product_attention(q, q, q).sum().backward()
    assert counter.get_total_flops() == (2 + 5) * 2 * (2 * 3) * 5 * 5 * 8


def test_flops_of_a_chunked_cross_entropy():
    """One product forward, two backward, though all three are made forward."""
    hidden, weight, bias = (torch.randn(size, requires_grad=True) for size in ((6, 4), (9, 4), (9,)))
    with flop_counter() as counter:
        linear_cross_entropy(hidden, weight, torch.zeros(6, dtype=torch.long), bias, rows=4).backward()
    assert counter.get_total_flops() == 3 * 2 * 6 * 4 * 9


def linear_flops(rows: int, sizes: list[tuple[int, int]]) -> int:
    return sum(2 * rows * a * b for a, b in sizes)


SIZES = [(8, 16), (16, 16), (16, 16), (16, 8)]  # embedding, two blocks, decoder


def test_flops_of_a_real_step_in_any_company(tmp_path, fit):
    """A probe at the same step is not counted with it."""
    speed = Throughput(benchmark_seconds=0.01)
    fit(tmp_path, [LinearProbe(every_n_steps=1, limit=20), speed], max_steps=2)
    rows = 40 * 8
    expected = 3 * linear_flops(rows, SIZES) - linear_flops(rows, SIZES[:1])  # the pixels need no gradient
    assert speed.flops_per_unit == expected / (40 * 64)


def test_rates_and_what_does_not_count(tmp_path, fit):
    speed = Throughput(benchmark_seconds=0.01)
    _, trainer, _ = fit(tmp_path, [speed], max_steps=12)
    # 12 steps, less the first (counted), those before validation (4, 8, 12) and those that wrote a checkpoint (same)
    assert speed._whole.examples == 8 * 40 and speed._whole.units == 8 * 40 * 64
    found = speed.summary()
    assert found["units_per_s"] == pytest.approx(64 * found["examples_per_s"])
    assert 0 <= found["data_wait"] < 1
    assert found["mfu"] == pytest.approx(found["units_per_s"] * speed.flops_per_unit / speed.ceiling)
    assert float(trainer.callback_metrics["throughput/mfu"]) > 0


def test_probed_steps_do_not_count(tmp_path, fit):
    speed = Throughput(benchmark_seconds=0.01)
    fit(tmp_path, [speed, LinearProbe(every_n_steps=1, limit=20)], max_steps=6)
    assert speed.summary() == {} and speed.flops_per_unit


def test_compiled_blocks_are_counted_aside(tmp_path, fit, monkeypatch):
    """The step itself runs as without the callback; names of the weights stay."""
    torch._dynamo.reset()
    plain, _, _ = fit(tmp_path / "plain", [], max_steps=3, prepare=compile_blocks)
    speed = Throughput(benchmark_seconds=0.01)
    watched, _, _ = fit(tmp_path / "watched", [speed], max_steps=3, prepare=compile_blocks)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert "encoder.blocks.0.weight" in watched.state_dict()
    assert speed.flops_per_unit == 3 * linear_flops(40 * 8, SIZES) / (40 * 64)


def test_the_ceiling_is_measured_in_the_type_of_the_run():
    assert matmul_dtype("bf16-mixed") == torch.bfloat16 and matmul_dtype("32-true") == torch.float32
    state = torch.get_rng_state()
    assert matmul_rate(torch.device("cpu"), torch.float32, 0.01) > 1e8
    assert torch.equal(torch.get_rng_state(), state)
    assert Throughput()._rates(Tally()) == {}
