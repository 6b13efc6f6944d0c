"""One page of several runs and tables, which a real browser shows without a network."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import yaml
from PIL import Image

from lit_pretrain.callbacks.report_confusion import MOST, confusion
from lit_pretrain.cli import main
from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.report import logged
from lit_pretrain.probes.knn import KNNProbe

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def folders(tmp_path, encoder, digits):
    """A table and two runs."""
    Protocol(seeds=(0,), tunings=(), probes=(KNNProbe(),)).evaluate([Subject("digits", encoder, digits)], tmp_path / "table")
    for name, rate in (("slow", 1e-3), ("fast", 1e-2)):
        (tmp_path / name / "csv/from_step_0").mkdir(parents=True)
        config = {"optim": {"lr": rate}, "data": {"batch_size": 8}}
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(config))
        rows = "".join(f"{step},,{3 - 100 * rate * step / 20}\n" for step in range(0, 20, 5))
        (tmp_path / name / "csv/from_step_0/metrics.csv").write_text(f"step,epoch,val/loss\n{rows}")
    return [str(tmp_path / name) for name in ("table", "slow", "fast")]


def test_runs_and_tables_stand_on_one_page(folders, tmp_path):
    assert main(["report", *folders, "--out", str(tmp_path / "all.html")]) == 0
    page = (tmp_path / "all.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == ["Results", "Differences", "Confusions", "Configurations", "Curves"]
    assert not re.search(r"https?:|<link|<script|@import|url\(", page)
    assert "<td>optim.lr</td><td>0.001</td><td>0.01</td>" in page and "data.batch_size" not in page
    (chart,) = re.findall(r"<figcaption>val/loss</figcaption>.*?</svg>", page)
    assert chart.count("<polyline") == 2 and ">slow<" in chart and ">fast<" in chart
    assert page.count('class="cell"') == 2 * 100
    assert (tmp_path / "table/report.html").read_text().count("<h2>") == 3
    assert main(["report", str(tmp_path / "nowhere")]) == 2


def test_confusions_are_those_of_the_test_examples(folders, tmp_path, digits):
    found = json.loads((tmp_path / "table/confusion.json").read_text())
    rows = {row["row"]: row["mean"] for row in json.loads((tmp_path / "table/results.json").read_text())
            if row["metric"] == "accuracy"}  # fmt: skip
    for one in found:
        matrix = np.array(one["matrix"])
        assert matrix.sum(1).tolist() == np.bincount(digits.dataset.tensors[1][4::5], minlength=10).tolist()
        assert np.trace(matrix) / matrix.sum() == pytest.approx(rows[one["row"]])


def test_of_many_classes_those_with_mistakes_are_shown():
    matrix = np.diag([5.0] * 40)
    matrix[7, 30] = 3
    shown = confusion("many", matrix.tolist(), [f"class <{i}>" for i in range(40)])
    assert f"the {MOST} of 40 classes" in shown and shown.count('class="cell"') == MOST**2
    assert "class &lt;7&gt; taken for class &lt;30&gt;: 3 of 8 (37.5%)" in shown


def test_parts_of_a_resumed_run_are_joined(tmp_path):
    for start, rows in ((0, "0,0,3.0\n5,0,2.0\n10,0,9.0\n"), (5, "5,0,2.0\n10,0,1.0\n15,0,\n")):
        (tmp_path / f"csv/from_step_{start}").mkdir(parents=True)
        (tmp_path / f"csv/from_step_{start}/metrics.csv").write_text("step,epoch,loss\n" + rows)
    assert logged(tmp_path) == {"loss": [(0, 3.0), (5, 2.0), (10, 1.0)]}


@pytest.mark.skipif(BROWSER is None, reason="there is no chromium here")
def test_a_browser_shows_it(folders, tmp_path):
    assert main(["report", *folders, "--out", str(tmp_path / "all.html")]) == 0
    quiet = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    subprocess.run([*quiet, "--window-size=1200,3000", f"--screenshot={tmp_path / 'page.png'}", f"file://{tmp_path}/all.html"],
                   check=True, capture_output=True, timeout=60)  # fmt: skip
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).reshape(-1, 3)
    assert len(pixels) == 1200 * 3000
    for colour in ((0x0B, 0x6B, 0xB5), (0xD1, 0x56, 0x0E)):  # the lines of the two runs
        assert (abs(pixels - np.array(colour)).max(1) < 3).sum() > 50
    green = (pixels[:, 1] > pixels[:, 0].astype(int) + 60) & (pixels[:, 1] > pixels[:, 2].astype(int) + 20)
    assert green.sum() > 5000  # the diagonals of the confusions
