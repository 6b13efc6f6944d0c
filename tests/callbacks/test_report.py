"""The page stands alone, shows what there is, and is written also where there is little."""

import json
import re

import pytest
import torch

from lit_pretrain.callbacks import report as module
from lit_pretrain.callbacks.collapse import Collapse
from lit_pretrain.callbacks.knn_probe import KNNProbe
from lit_pretrain.callbacks.linear_probe import LinearProbe
from lit_pretrain.callbacks.report import Report, project, write_report
from lit_pretrain.callbacks.report_charts import line_chart, number, ticks
from lit_pretrain.callbacks.report_history import MAX_POINTS, History
from lit_pretrain.callbacks.report_page import score_table
from lit_pretrain.callbacks.throughput import Throughput

RESULTS = [
    {"checkpoint": "run", "row": row, "labels": labels, "metric": "accuracy", "mean": mean, "std": 0.01, "n": 2}
    for row, mean in (("random init", 0.4), ("fine-tuned <b>", 0.7))
    for labels in (100, "all")
]


def test_the_page_of_a_run(tmp_path, fit):
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    (tmp_path / "config.yaml").write_text("model: <Denoise>\n")
    fit(tmp_path, [LinearProbe(every_n_steps=4, limit=100), KNNProbe(limit=100), Throughput(0.01), Collapse(2),
                   Report(map_points=50)], max_steps=12)  # fmt: skip
    page = (tmp_path / "report.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "Results", "Probes", "Losses", "Map of the embeddings", "Throughput", "Optimisation", "How it was made"
    ]  # fmt: skip
    assert not re.search(r"https?:|src=|<link|<script|@import|url\(", page)
    assert "Denoise with PixelEncoder" in page and "model: &lt;Denoise&gt;" in page
    assert "fine-tuned &lt;b&gt;" in page and "70.0 <small>± 1.0</small>" in page
    dots = re.findall(r'<circle class="dot g\d+"[^>]*><title>([^<]*)</title>', page)
    assert len(dots) == 2 * 50 and dots[0].endswith("example 0 of the map") and dots[:50] == dots[50:]
    assert "prefers-color-scheme: dark" in page and 'name="viewport"' in page
    baseline = re.search(r"<figcaption>Accuracy</figcaption>.*?</svg>", page).group()
    assert baseline.count('class="baseline"') == 2 and "<title>step 0:" in baseline


def test_a_run_without_probes_or_labels(tmp_path, fit, digits):
    type(digits).class_names, kept = (), type(digits).class_names
    try:
        fit(tmp_path, [Report()], max_steps=4, data=digits)
    finally:
        type(digits).class_names = kept
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Losses</h2>" in page and "<h2>Probes</h2>" not in page and "Map of the embeddings" not in page


def test_without_its_map_the_page_is_written_none_the_less(tmp_path, fit, monkeypatch):
    def fail(*args):
        raise ValueError("no labelled examples")

    monkeypatch.setattr(module, "embedding_map", fail)
    with pytest.warns(UserWarning, match="no map of embeddings: no labelled examples"):
        fit(tmp_path, [Report()])
    page = (tmp_path / "report.html").read_text()
    assert "Losses" in page and "Map of the embeddings" not in page


def test_curves_are_bounded_and_not_doubled():
    history = History()
    for step in range(10 * MAX_POINTS):
        history.add(step, {"x": step})
        history.add(step, {"x": -1})  # a resumed run comes by the same step again
    curve = history.curves["x"]
    assert len(curve) <= MAX_POINTS and curve[0] == [0, 0] and all(step == value for step, value in curve)
    assert curve == sorted(curve)


def test_other_tables_and_several(tmp_path):
    tables = {"Text": RESULTS, "Speed": [{"peer": "ours", "seconds": 1.23456}, {"peer": "theirs", "seconds": 20000}]}
    (tmp_path / "results.json").write_text(json.dumps(tables))
    page = write_report(tmp_path, History(title="Several")).read_text()
    assert "Text: accuracy (%)" in page and "<caption>Speed</caption>" in page
    assert "<td>1.235</td>" in page and "<td>20k</td>" in page


def test_of_errors_the_smallest_is_bold():
    errors = [row | {"metric": "error_rate", "larger_is_better": False} for row in RESULTS]
    for rows, best in ((RESULTS, "70.0"), (errors, "40.0")):
        cells = re.findall(r'class="bar best"[^>]*>([\d.]+)', score_table("", rows))
        assert cells == [best, best]


def test_projections_are_deterministic_and_touch_no_global_state():
    features = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    features[:, 0] *= 10
    state = torch.get_rng_state()
    views = project(features)
    assert torch.equal(torch.get_rng_state(), state)
    again = project(features)
    for title, view in views.items():
        assert view.shape == (40, 2) and torch.equal(view, again[title])
    first = next(iter(views.values()))[:, 0]
    assert abs(float(torch.corrcoef(torch.stack([first, features[:, 0].double()]))[0, 1])) > 0.99


def test_charts_bear_odd_curves():
    assert line_chart("empty", {"a": []}, "u") == "" and line_chart("nan", {"a": [(0, float("nan"))]}, "u") == ""
    assert "<circle" in line_chart("one point", {"a": [(3, 5.0)]}, "u")
    flat = line_chart("flat", {"a": [(0, 0.0), (1, 0.0)], "b": [(0, 0.0), (1, float("inf"))]}, "u")
    assert "nan" not in flat and "inf" not in flat
    assert ticks(0.0, 1.0) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] and ticks(13, 97)[0] <= 13
    values = {1234567: "1.23M", 12345: "12.3k", 999.6: "1000", 0.5: "0.5", 0.00012: "1.2e-4", 0: "0"}
    assert {value: number(value) for value in values} == values
