"""Retrieval is measured while a model learns, and stands in its report under its own name."""

import pytest

from lit_pretrain.callbacks.report import Report
from lit_pretrain.callbacks.retrieval_probe import RetrievalProbe
from lit_pretrain.probes import retrieval


def test_scores_are_those_of_the_probe_and_stand_in_the_report(tmp_path, fit):
    probe = RetrievalProbe(every_n_steps=4, limit=200, centre=True, on_error="raise")
    module, trainer, _ = fit(tmp_path, [probe, Report(map_points=0)])
    assert [row["step"] for row in probe.history] == [0, 4, 8] and probe.name == "retrieval_probe"
    train, validation = (probe.view.features(trainer, module, split) for split in ("train", "validation"))
    expected = dict(retrieval.RetrievalProbe(centre=True).fit(*train).score(*validation))
    last = probe.history[-1]
    assert {name: last[name] for name in expected} == expected and last["map_at_r"] > 0.2
    assert float(trainer.callback_metrics["retrieval_probe/map_at_r"]) == pytest.approx(last["map_at_r"])
    page = (tmp_path / "report.html").read_text()
    assert "Retrieval probe map at r went from" in page and "Mean reciprocal rank" in page and "Accuracy" not in page
