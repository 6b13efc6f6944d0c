"""The benchmark of steps: what is timed and counted, and who is compared with whom."""

import json

import pytest
import torch

from lit_pretrain.bench import command as bench
from lit_pretrain.bench.figures import summary
from lit_pretrain.bench.subject import Subject


def test_steps_of_a_configuration(here):
    """Those asked for are timed, and nothing is written."""
    before = set(here.iterdir())
    subject = Subject(["--config", "c.yaml", "--trust", "user_file", "--data.dim", "6"], warmup=2, steps=3)
    subject.build()
    turns = [subject.round(), subject.round()]
    for turn in turns:
        assert len(turn["seconds"]) == len(turn["waited"]) == 3 and turn["examples"] == turn["units"] == (4, 4, 4)
        assert all(0 <= w < s for s, w in zip(turn["seconds"], turn["waited"], strict=True)) and turn["ceiling"] > 1e6
    totals = subject.totals()
    # A product of (4, 6) and (6, 6) forward, and one backward, since the data need no gradient.
    assert totals["flops_per_unit"] == 2 * 2 * 6 * 6 and totals["parameters"] == 6 * 6 + 6
    assert totals["loader_examples_per_s"] > 0 and totals["padding"] is None
    assert set(here.iterdir()) == before


def test_what_is_told_of_the_turns():
    totals = {"flops_per_unit": 10.0}
    slow = [{"seconds": (2.0, 2.0), "waited": (1.0, 0.0), "examples": (4, 4), "units": (8, 8), "ceiling": c, "first_step": f}
            for c, f in ((400.0, 9.0), (80.0, 2.0))]  # fmt: skip
    fast = [turn | {"seconds": (0.5, s)} for turn, s in zip(slow, (0.5, 1.5), strict=True)]
    found = summary(fast, slow, totals)
    assert found["against_first"] == 3.0  # the median of 4 and 2, each against the turn beside it
    assert found["step_ms"] == 500.0 and found["examples_per_s"] == pytest.approx((8 + 4) / 2)
    assert found["first_step_s"] == 9.0 and found["data_wait"] == pytest.approx(2 / 3)
    assert summary(slow, slow, totals)["mfu"] == pytest.approx((40 / 400 + 40 / 80) / 2)


class InThisProcess:
    """In place of a worker."""

    def __init__(self, config, shared, warmup, steps):
        self.subject = Subject(["--config", config[0], *shared, *config[1:]], warmup, steps)
        self.process = self

    def ask(self, what):
        return getattr(self.subject, what)()

    def kill(self):
        """There is none."""


def test_two_side_by_side(here, capfd, monkeypatch):
    monkeypatch.setattr(bench, "Worker", InThisProcess)
    words = ["--trust", "user_file", "--config", "c.yaml", "--config", "c.yaml --data.dim 6", "--data.dim", "5"]
    assert bench.main([*words, "--rounds", "2", "--steps", "2", "--warmup", "1", "--out", "b.json"]) == 0
    one, two = json.loads((here / "b.json").read_text())
    assert (one["parameters"], two["parameters"]) == (5 * 5 + 5, 6 * 6 + 6)  # its own options win
    assert one["against_first"] == 1.0 and len(two["rounds"]) == 2 and two["torch"] == torch.__version__
    assert "step, ms (median)" in capfd.readouterr().out


def test_a_worker_is_a_process_and_hands_mistakes_on(command):
    code, _, err = command("bench --config c.yaml --trust user_file --data.dims 5")
    assert code == 2 and "dims" in err and err.count("\n") == 1
    assert command("bench --config c.yaml --rounds 0")[0] == 2
