"""The BiT-HyperRule: the paper's numbers, and a configuration that runs."""

import pytest
import yaml

from lit_pretrain.downstream import bit_hyper_rule
from lit_pretrain.downstream.bit_hyper_rule import BiTHyperRule
from lit_pretrain.optim.schedule import MultiStep
from lit_pretrain.part import build


@pytest.mark.parametrize(
    ("examples", "side", "expected"),
    [(19_999, 32, (500, 160, 128, 0.0)), (20_000, 95, (10_000, 160, 128, 0.1)), (500_000, 96, (20_000, 448, 384, 0.1))],
)
def test_the_rule(examples, side, expected):
    rule = BiTHyperRule(examples, side)
    assert (rule.steps, rule.resize, rule.crop, rule.mixup) == expected


def test_the_rate_falls_at_30_60_and_90_percent():
    schedule = build(BiTHyperRule(100, 8).overlay()["optim"]["init_args"]["schedule"])
    assert isinstance(schedule, MultiStep)
    factors = [schedule.factor(step, 500) for step in (0, 149, 150, 299, 300, 449, 450, 499)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_the_printed_file_is_the_overlay(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["rule", "--examples", "30000", "--side", "300"])
    bit_hyper_rule.main()
    out = capsys.readouterr().out
    assert "30000 examples" in out and "MixUp 0.1 is left out" in out
    assert yaml.safe_load(out) == BiTHyperRule(30000, 300).overlay()


def test_mistakes():
    with pytest.raises(ValueError, match="examples=0"):
        BiTHyperRule(0, 10)
    with pytest.raises(ValueError, match="milestones="):
        MultiStep(milestones=(30, 60))
